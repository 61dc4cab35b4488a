"""CPU and memory of live runs over the last minutes, for the graphs that people look at. In memory only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from boomtown.container.protocol import RunState

KEPT = 240
"""Samples of a run: twenty minutes of a container that reports every five seconds."""


@dataclass(frozen=True)
class Sample:
    """`at` is epoch seconds."""

    at: float
    cpu_percent: float
    memory_bytes: int


class Figures:
    """Written and read on the event loop only."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[Sample]] = {}

    def note(self, at: float, states: Iterable[RunState]) -> None:
        """Take in a report of a container; what has ended is forgotten."""
        for state in states:
            if state.state == "exited":
                self._runs.pop(state.run_id, None)
            elif state.memory_bytes:
                kept = self._runs.setdefault(state.run_id, deque(maxlen=KEPT))
                kept.append(Sample(at, state.cpu_percent, state.memory_bytes))

    def of(self, run_id: str | None) -> list[Sample]:
        """Oldest first; empty for a run that does not live."""
        return list(self._runs.get(run_id or "", ()))
