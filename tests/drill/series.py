"""A town takes drill after drill, up to the first that fails."""

from __future__ import annotations

from dataclasses import dataclass

from tests.drill.drill import Outcome, drill
from tests.drill.plan import case_of
from tests.drill.town import DrillTown

TOGETHER = 10
"""Drills for one town."""


@dataclass(frozen=True)
class Series:
    """What came of it. `folder` is kept after a failure; `rest` are the drills that nobody did."""

    outcomes: list[Outcome]
    folder: str | None
    rest: range


def series(seeds: range) -> Series:
    town, outcomes = DrillTown(), list[Outcome]()
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
