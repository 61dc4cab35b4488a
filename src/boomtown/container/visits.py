"""A person in the place of the town's driver: a run's session is theirs until they leave, or their terminal is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from boomtown.container import proctable
from boomtown.container.trees import Key
from boomtown.domain.errors import ConflictError

CONTINUE, HAND_ON, GONE, STOPPED = "continue", "hand-on", "gone", "stopped"
"""How a visit ends: the town goes on; git decides; the terminal is gone, and the town goes on; the run is to end."""
LOOK_S = 0.5
"""Between two looks at whether the terminal is still there, and only while it is."""


@dataclass
class Visit:
    """`by`: who it is. `ticket` is known to them alone. `terminal`: the process that holds the agent's interface.

    `begun` is set once nothing of the town writes any more, `over` with how it ended.
    """

    by: str
    ticket: str
    terminal: Key
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    how: str = ""

    def end(self, how: str) -> None:
        """The first word holds."""
        if not self.how:
            self.how = how
            self.over.set()

    async def last(self) -> str:
        """Until it is over, by a word or with its terminal; returns how."""
        while not self.over.is_set():
            if not proctable.lives(*self.terminal):
                self.end(GONE)
                break
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.over.wait()
            except TimeoutError:
                continue
        return self.how


def terminal(pid: int) -> Key:
    """The process that will hold the interface. Raises `ConflictError` if it is not on this machine."""
    proc = proctable.read(pid)
    if proc is None or not proc.alive:
        raise ConflictError(f"Process {pid} is not on the machine of the town. Attach from there.")
    return proc.key
