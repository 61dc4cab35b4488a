"""Memory decides how many agents fit, and which one goes when there is none left."""

from __future__ import annotations

from typing import Any

import pytest
from situations import NOW, bead, container, decide, exited, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.memory import Machine, Memory, keep_free
from boomtown.domain.runs import Outcome, StopReason
from boomtown.domain.verdict import judge

GB = 10**9


def memory(available: float, **more: Any) -> Memory:
    values = {"machine": Machine(int(available * GB), 16 * GB), "keep_free": GB, "needs": {"kilo": GB}, "live": 1}
    return Memory(**(values | more))


def waiting(*kinds: str) -> tuple[Any, ...]:
    return tuple(bead(f"b{n}", BeadStatus.OPEN, kinds=(kind,)) for n, kind in enumerate(kinds, 10))


def claimed(found: Memory, *kinds: str) -> int:
    return sum(isinstance(one, do.Claim) for one in decide(rig(queue=waiting(*kinds), memory=found)))


@pytest.mark.parametrize(
    ("available", "more", "fit"),
    [
        (4.5, {}, 3),
        (1.9, {}, 0),
        (4.5, {"promised": 2 * GB}, 1),
        (1.9, {"live": 0}, 1),  # one alone may always try
        (1.9, {"needs": {}}, 5),  # nothing is known of it
    ],
)
def test_as_many_start_as_fit(available: float, more: dict[str, Any], fit: int) -> None:
    assert claimed(memory(available, **more), *["kilo"] * 5) == fit


def test_a_small_one_does_not_overtake_a_large_one_for_ever() -> None:
    found = memory(1.9, needs={"kilo": GB, "codex": GB // 10})
    assert claimed(found, "codex", "kilo", "codex") == 1


def test_a_run_over_its_limit_is_ended_and_held_until_the_limit_is_raised() -> None:
    hog = run(memory_bytes=3 * GB, memory_limit=2 * GB)
    neighbour = run("r2", memory_bytes=GB, memory_limit=2 * GB)
    seen = {"r1": running(), "r2": running()}
    assert decide(rig(runs=(hog, neighbour), container=container(seen))) == [do.AskToStop(hog, StopReason.MEMORY_LIMIT)]
    ended = run(stop_reason=StopReason.MEMORY_LIMIT, stop_at=NOW)
    found = judge(ended, exited(None, signal=15, peak_memory_bytes=3 * GB), exited().facts, rig().rules, NOW)  # type: ignore[arg-type]
    assert (found.outcome, found.costs, found.bead_status) == (Outcome.MEMORY_LIMIT, False, BeadStatus.OPEN)
    assert "3.0 GB" in (found.held_why or "")


@pytest.mark.parametrize(
    ("machine", "more", "stops"),
    [
        (Machine(GB // 20, 16 * GB), {}, True),
        (Machine(8 * GB, 16 * GB, stalled_percent=30.0), {}, True),
        (Machine(2 * GB, 16 * GB), {}, False),
        (Machine(0, 16 * GB), {"live": 1}, False),
        (Machine(0, 16 * GB), {"making_room": True}, False),
    ],
)
def test_when_memory_runs_out_the_youngest_makes_room_one_at_a_time(
    machine: Machine, more: dict[str, Any], stops: bool
) -> None:
    old, young = run("r1"), run("r2")
    found = Memory(**({"machine": machine, "keep_free": GB, "live": 2, "youngest": "r2"} | more))
    decided = decide(rig(runs=(old, young), container=container({"r1": running(), "r2": running()}), memory=found))
    assert decided == ([do.AskToStop(young, StopReason.MEMORY)] if stops else [])


def test_people_are_told_the_figures() -> None:
    words = memory(1.9, promised=GB // 2).words("kilo")
    assert words == (
        "kilo takes about 1.0 GB; 1.9 GB of 16.0 GB memory are available, 1.0 GB are kept free, "
        "0.5 GB are promised to agents at work"
    )


def test_a_twentieth_is_kept_free_but_not_less_than_half_a_gibibyte() -> None:
    assert (keep_free(100 * GB), keep_free(4 * GB)) == (5 * GB, 512 << 20)
