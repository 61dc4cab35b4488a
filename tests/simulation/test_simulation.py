"""A few hundred seeds of a whole town: nothing is lost, and everything that can go wrong did."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.agents import ENDINGS, ERRANDS
from tests.simulation.faults import AT_A_TIME, AT_AN_OCCASION, BY_THE_WORLD
from tests.simulation.plan import PEOPLE, plan
from tests.simulation.telling import retell, simulate

SEEDS = 300
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_invariant_breaks_and_no_fault_is_left_out() -> None:
    faults, actions = Counter[str](), Counter[str]()
    for seed in range(1, SEEDS + 1):
        result = simulate(seed)
        assert not result.errors, retell(seed)
        faults += result.faults
        actions += result.actions
    holes = [kind for kind in (*AT_AN_OCCASION, *AT_A_TIME, *BY_THE_WORLD) if not faults[kind]]
    assert not holes, "faults that never fired are holes in the test"
    done = {f"person.{kind}" for kind in PEOPLE} | {f"agent.{kind}" for kind in (*ENDINGS, *ERRANDS)}
    done |= {"agent.ghost", "agent.ghost_fenced"}
    assert not done - actions.keys(), "actions that were never taken are holes in the test"


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    """Also where strings hash otherwise."""
    tell = "from tests.simulation.telling import simulate; print('\\n'.join(simulate(11, tracing=True).trace))"
    stories = {
        subprocess.run(
            [sys.executable, "-c", tell],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(stories) == 1
    assert len(stories.pop().splitlines()) > 100


def test_seeds_differ() -> None:
    assert len({tuple(plan(seed)) for seed in range(50)}) == 50
