"""One thread and virtual time: an event loop that never waits, and the seams of a town that runs on it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_800_000_000.0
"""What the clock says when a simulation begins."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time jumps to whatever is due next. Raises `RuntimeError` if everything waits for something that never comes."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0.0
        self._selector = self

    def time(self) -> float:
        return self._at

    def select(self, timeout: float | None) -> list[Any]:
        """What the loop asks before it waits; called as a selector's method."""
        if timeout is None:
            raise RuntimeError("everything waits, and nothing is due")
        if timeout > 0:
            self._at = max(self._at, self._scheduled[0].when())  # type: ignore[attr-defined]
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class SimClock:
    """The loop's time, as a machine's clock says it: `jump` sets the clock, durations stay true."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._offset = 0.0

    def now(self) -> float:
        return EPOCH + self._offset + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def asleep(self) -> float:
        return 0.0

    def jump(self, seconds: float) -> None:
        self._offset += seconds


class Owner:
    """Tasks and timers of one simulated process. `kill` ends it between two instructions: nothing of it goes on."""

    def __init__(self, loop: VirtualLoop, failed: Callable[[str, BaseException], None]) -> None:
        self.loop = loop
        self.dead = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed = failed

    def run(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.dead:
            task.cancel()
        return task

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        self.run(work, name).add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.dead:
            self._failed(task.get_name(), error)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(max(0.0, delay_s), lambda: None if self.dead else call())

    def kill(self) -> None:
        self.dead = True
        for task in list(self._tasks):
            task.cancel()


class SimScheduler(Owner):
    """The server's scheduler. Writes happen one at a time, in order; what they take is virtual."""

    def __init__(
        self,
        loop: VirtualLoop,
        failed: Callable[[str, BaseException], None],
        random: Random,
        around_write: Callable[[Callable[[], Any]], Any],
    ) -> None:
        super().__init__(loop, failed)
        self._random = random
        self._around_write = around_write
        self._writer_free_at = 0.0

    async def write(self, work: Callable[[], T]) -> T:
        await self._wait_until(self._turn())
        result = self._around_write(work)
        if self._random.random() < 0.2:  # others may act between the commit and whoever waits for it
            await asyncio.sleep(0.001)
        return result

    def _turn(self) -> float:
        self._writer_free_at = max(self._writer_free_at, self.loop.time()) + 0.0005 + self._random.random() * 0.003
        return self._writer_free_at

    async def read(self, work: Callable[[], T]) -> T:
        if self._random.random() < 0.3:
            await self._wait_until(self.loop.time() + self._random.random() * 0.003)
        self._gone()
        return work()

    async def _wait_until(self, at: float) -> None:
        await asyncio.sleep(at - self.loop.time())
        self._gone()

    def _gone(self) -> None:
        if self.dead:
            raise asyncio.CancelledError


class Ids:
    """Random UUIDs that a seed decides."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
