"""Memory decides how many agents fit, and which one goes when there is none left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from situations import NOW, bead, container, decide, exited, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.memory import Machine, Memory, Taking, keep_free, promised
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


def test_of_several_over_their_limit_in_one_process_the_youngest_ends_and_then_there_is_another_look() -> None:
    values: dict[str, Any] = {"agent_kind": "kilo", "shared": True, "memory_bytes": 3 * GB, "memory_limit": 2 * GB}
    runs = tuple(replace(run(f"r{n}"), number=n, claimed_at=NOW - 10 + n, **values) for n in (1, 2, 3))
    alone = replace(run("r4"), number=4, claimed_at=NOW - 1, **(values | {"shared": False}))
    seen = container({f"r{n}": running() for n in (1, 2, 3, 4)})
    asked = decide(rig(runs=(*runs, alone), container=seen))
    assert [one.run.id for one in asked if isinstance(one, do.AskToStop)] == ["r3", "r4"]
    ending = replace(runs[2], stop_reason=StopReason.MEMORY_LIMIT, stop_at=NOW)
    asked = decide(rig(runs=(*runs[:2], ending), container=seen))
    assert [one for one in asked if isinstance(one, do.AskToStop)] == []
    hog = replace(runs[1], memory_bytes=GB)
    asked = decide(rig(runs=(runs[0], hog), container=seen))
    assert [one.run.id for one in asked if isinstance(one, do.AskToStop)] == ["r1"], "a tool of it, not its share"


def test_what_is_promised_to_runs_of_one_process_counts_that_process_once() -> None:
    apart = [Taking(n, GB, GB, GB // 4) for n in range(3)]
    together = [Taking("kilo", GB, GB // 10, taken) for taken in (GB // 2, GB // 2, GB // 2)]
    assert promised(apart) == 3 * (GB - GB // 4)
    assert promised(together[:1]) == GB // 2
    assert promised(together) == 0, "what one has more of, another has less"
    assert promised([*apart, *together]) == promised(apart)
