"""What waits, chooses or names goes through here, so that a simulation can be one thread and virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call; harmless when it has happened."""
        ...


class Clock(Protocol):
    """Two clocks: what people read, and what durations are measured with."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow and that do not count a suspended machine."""
        ...

    def asleep(self) -> float:
        """For how many seconds the machine was suspended since it was started."""
        ...


class Scheduler(Protocol):
    """Timers, tasks and the threads that may block."""

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer: ...

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Run a task whose owner is the scheduler: a failure is logged with its traceback and counted."""
        ...

    def write(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run blocking `work` on the one writer thread, in order."""
        ...

    def read(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run blocking `work` on a reader thread."""
        ...


class NewId(Protocol):
    """Names a new thing."""

    def __call__(self) -> str:
        """A random UUID, version 4."""
        ...
