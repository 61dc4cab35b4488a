"""What goes wrong, and when: faults are armed by a plan and fire at the next occasion; all are counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

AT_AN_OCCASION = (
    "server.crash_before_commit",
    "server.crash_after_commit",
    "server.crash_before_effect",
    "server.crash_after_effect",
    "store.full",
    "store.busy",
    "request.lost",
    "request.delayed",
    "request.doubled",
    "request.reordered",
    "reply.lost",
    "report.lost",
    "report.delayed",
    "report.doubled",
    "report.reordered",
    "call.lost",
    "call.delayed",
    "call.doubled",
    "call.reordered",
    "answer.lost",
    "container.disk_full",
    "container.git_fails",
    "container.setup_fails",
    "gate.flakes",
)
"""Armed by the plan, they happen when there is something to happen to."""

RARE = ("container.disk_full", "container.git_fails", "container.setup_fails", "gate.flakes")
"""They have few occasions, of which they let at most one pass."""

AT_A_TIME = (
    "server.crash",
    "server.restart",
    "server.down",
    "container.crash",
    "container.freeze",
    "container.returns",
    "clock.jump",
    "remote.moves",
    "remote.conflicts",
    "remote.breaks",
    "remote.refuses",
    "remote.away",
    "agent.killed",
    "memory.short",
    "store.second_claim",
)
"""Done by the world at the planned time."""

BY_THE_WORLD = ("container.replaced",)
"""Follow from others."""


class Faults:
    """Counts what fired; `skip` lets a few occasions pass first."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.count: Counter[str] = Counter()
        self._armed: dict[str, int] = {}
        self._note = note

    def arm(self, kind: str, skip: int) -> None:
        self._armed[kind] = skip

    def disarm(self) -> None:
        self._armed.clear()

    def take(self, kind: str) -> bool:
        skip = self._armed.get(kind)
        if skip is None:
            return False
        if skip:
            self._armed[kind] = skip - 1
            return False
        del self._armed[kind]
        self.fired(kind)
        return True

    def fired(self, kind: str) -> None:
        self.count[kind] += 1
        self._note(f"FAULT {kind}")


class Queue:
    """Messages that pass one by one; one may wait until another has overtaken it."""

    def __init__(self) -> None:
        self._passed = asyncio.Event()

    def passed(self) -> None:
        self._passed.set()
        self._passed = asyncio.Event()

    async def let_one_overtake(self, at_most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._passed.wait()
