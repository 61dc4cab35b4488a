"""Forty drills on real towns: every scene, every fault at a random moment, and steps of each process."""

from __future__ import annotations

from pathlib import Path

import pytest

import boomtown
from tests.drill.plan import AT_ANY_TIME, CASES, SCENES, STEPS, case_of
from tests.drill.scenes import SCENE
from tests.drill.series import TOGETHER, series

DRILLS = 40


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(1, DRILLS + 1, TOGETHER))
def test_a_town_that_is_broken_loses_nothing(first: int) -> None:
    told = series(range(first, first + TOGETHER))
    wrong = [f"drill {outcome.seed}, {outcome.case}: {error}" for outcome in told.outcomes for error in outcome.errors]
    assert not wrong, "\n".join([*wrong, f"again: make drill DRILLS={TOGETHER} FIRST={first}; kept: {told.folder}"])
    holes = [str(outcome.case) for outcome in told.outcomes if not outcome.fired and outcome.skipped is None]
    assert not holes, "faults that never happened are holes in the test"
    if skipped := {outcome.skipped: str(outcome.case) for outcome in told.outcomes if outcome.skipped is not None}:
        print(skipped)


def test_the_forty_hold_every_kind_of_fault() -> None:
    faults = {case_of(seed).fault for seed in range(1, DRILLS + 1)}
    assert faults >= {*SCENES, *AT_ANY_TIME, "kill", "kill all", "kill the other", "freeze"}
    assert SCENE.keys() == set(SCENES)
    assert len({*CASES}) + 2 * len(AT_ANY_TIME) == len(CASES), "nothing but random moments comes twice"


def test_every_step_is_still_in_the_product() -> None:
    """The forty come to half of them only."""
    sources = [path.read_text() for path in Path(boomtown.__file__).parent.rglob("*.py")]
    of_requests = {"asking", "answering", "answered", "storing", "stored"}
    named = [step for step, who in STEPS.items() if who == "container" and step.split()[0] not in of_requests]
    assert [step for step in named if not any(f'reach("{step}")' in source for source in sources)] == []
