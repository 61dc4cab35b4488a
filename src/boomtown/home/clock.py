"""The real clock, ids, timers and threads."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from boomtown.domain.seams import Timer
from boomtown.home.steps import pretended_sleep_s

T = TypeVar("T")
log = structlog.get_logger()


class SystemClock:
    """This machine's clock."""

    def now(self) -> float:
        return time.time() + pretended_sleep_s()

    def monotonic(self) -> float:
        return time.monotonic()

    def asleep(self) -> float:
        if not hasattr(time, "CLOCK_BOOTTIME"):  # elsewhere nobody says it
            return pretended_sleep_s()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() + pretended_sleep_s()


def new_id() -> str:
    """A random UUID, version 4."""
    return str(uuid.uuid4())


class LoopScheduler:
    """Timers and tasks of the running event loop, one writer thread, a few reader threads."""

    def __init__(self, readers: int = 4) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failures = 0

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), call)

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures += 1
            log.error("task.failed", task=task.get_name(), exc_info=error)

    def write(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._writer, work)

    def read(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def close(self) -> None:
        """Cancel the tasks that are left, wait for them, and let the threads go."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
