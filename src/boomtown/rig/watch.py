"""Keeps watch over the invariants while a town serves: a breach is logged, counted and shown, never ignored."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from boomtown.domain.facts import state_of
from boomtown.domain.invariants import Breach, breaches
from boomtown.domain.snapshot import Snapshot

log = structlog.get_logger()


@dataclass(frozen=True)
class Known:
    """A breach of one invariant: the latest one, how often it was found, and when last (epoch seconds)."""

    breach: Breach
    count: int
    at: float


class Watch:
    """What was found since this server started. Written by the writer's thread, replaced whole, read by any."""

    def __init__(self) -> None:
        self.found: dict[str, Known] = {}

    def look(self, before: Snapshot, after: Snapshot, now: float) -> None:
        """Compare a rig before and after one command; both snapshots are at hand, so that this costs no query."""
        for breach in breaches(state_of(before), state_of(after)):
            log.error("invariant.breached", invariant=breach.invariant, detail=breach.detail, rig=after.rig_name)
            known = self.found.get(breach.invariant)
            count = known.count + 1 if known else 1
            self.found = {**self.found, breach.invariant: Known(breach, count, now)}

    def rows(self) -> list[Known]:
        """The latest first."""
        return sorted(self.found.values(), key=lambda known: -known.at)
