"""A town takes drill after drill, up to the first that fails."""

from __future__ import annotations

from dataclasses import dataclass

from tests.drill.drill import Outcome, drill
from tests.drill.plan import case_of
from tests.drill.town import DrillTown, somebody_else

DISK, PROCESSES = "disk is full", "processes run out"
TOGETHER = 10
"""Drills for one town."""


@dataclass(frozen=True)
class Series:
    """What came of it. `folder` is kept after a failure; `rest` are the drills that nobody did."""

    outcomes: list[Outcome]
    folder: str | None
    rest: range


def series(seeds: range) -> Series:
    outcomes = list[Outcome]()
    small_disk, needs_somebody = (any(case_of(seed).fault == fault for seed in seeds) for fault in (DISK, PROCESSES))
    town = DrillTown(small_disk=small_disk, uid=somebody_else() if needs_somebody else 0)
    try:
        town.open()
        for seed in seeds:
            outcomes.append(drill(town, seed))
            if outcomes[-1].errors:
                break
    except Exception as error:
        seed = seeds[len(outcomes)]
        outcomes.append(Outcome(seed, case_of(seed), [f"{type(error).__name__}: {error}"]))
    failed = bool(outcomes[-1].errors)
    outcomes[-1].errors += (left := town.close(keep=failed))
    kept = str(town.folder) if failed or left else None
    return Series(outcomes, kept, seeds[len(outcomes) :])
