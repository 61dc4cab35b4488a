"""Whom `reconcile` starts next, what it lands next, and when it looks again."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from situations import NOW, RULES, bead, container, decide, lone, merge, polecat, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.merges import MergeStatus
from boomtown.domain.names import POOL
from boomtown.domain.reconcile import alarm_at, reconcile
from boomtown.domain.runs import RunPhase, StopReason
from boomtown.domain.snapshot import BeadView, Room, RunView, Snapshot

OPEN = BeadStatus.OPEN


def queue(*names: str) -> tuple[BeadView, ...]:
    return tuple(bead(name, OPEN, kinds=("mine",)) for name in names)


def claims(snapshot: Snapshot, now: float = NOW) -> list[do.Claim]:
    return [item for item in decide(snapshot, now) if isinstance(item, do.Claim)]


def busy(count: int) -> tuple[RunView, ...]:
    return tuple(run(f"r{n}") for n in range(1, count + 1))


def all_seen(runs: tuple[RunView, ...]) -> dict:
    return {one.id: running() for one in runs}


def test_a_claim_is_bead_name_branch_number_and_deadline_in_one() -> None:
    waiting = bead("b1", OPEN, prefix="3f2a9c", timeout_s=60.0)
    assert lone(rig(queue=(waiting,), last_run_number=7)) == do.Claim(
        bead=waiting,
        agent_kind="mine",
        polecat_id=None,
        name="Toast",
        branch="polecat/toast/3f2a9c",
        number=8,
        deadline_at=NOW + 60.0,
        container_id="c1",
    )


def test_without_a_time_limit_of_its_own_a_bead_has_the_rigs() -> None:
    assert claims(rig(queue=queue("b1")))[0].deadline_at == NOW + 4 * 3600


def test_beads_slung_together_get_names_in_the_order_given() -> None:
    made = claims(rig(queue=queue("b1", "b2", "b3")))
    assert [(claim.bead.id, claim.name) for claim in made] == [("b1", "Toast"), ("b2", "Maple"), ("b3", "Birch")]


def test_numbers_grow_by_one_for_each_run() -> None:
    assert [claim.number for claim in claims(rig(queue=queue("b1", "b2"), last_run_number=3))] == [4, 5]


def test_a_bead_keeps_its_polecat_and_name_over_its_attempts() -> None:
    again = bead("b2", OPEN, prefix="bbbbbb")
    workers = (polecat(bead("b1"), "Toast", "p1"), polecat(again, "Maple", "p2"))
    made = claims(rig(queue=(again,), polecats=workers))[0]
    assert (made.polecat_id, made.name, made.branch) == ("p2", "Maple", "polecat/maple/bbbbbb")


def test_the_cap_bounds_live_runs() -> None:
    runs = busy(4)
    made = claims(rig(queue=queue("b7", "b8"), runs=runs, container=container(all_seen(runs))))
    assert [claim.bead.id for claim in made] == ["b7"]


def test_a_lowered_cap_stops_nothing_and_starts_nothing() -> None:
    runs = busy(5)
    rules = replace(RULES, max_polecats=2)
    assert decide(rig(rules=rules, queue=queue("b9"), runs=runs, container=container(all_seen(runs)))) == []


def test_a_run_that_is_over_holds_no_slot() -> None:
    runs = (run("r1", phase=RunPhase.ENDED),)
    assert claims(rig(rules=replace(RULES, max_polecats=1), queue=queue("b9"), runs=runs))


def test_a_run_whose_process_is_gone_holds_its_slot_until_git_is_read() -> None:
    runs = (run("r1", phase=RunPhase.EXITED),)
    assert not claims(rig(rules=replace(RULES, max_polecats=1), queue=queue("b9"), runs=runs))


def test_a_pause_starts_nothing_and_leads_what_runs_to_its_end() -> None:
    over = run(phase=RunPhase.ENDED)
    assert lone(rig(dispatching=False, queue=queue("b2"), runs=(over,))) == do.Dispose("r1")


def test_the_homes_cap_bounds_all_its_rigs() -> None:
    assert not claims(rig(queue=queue("b1"), room=Room(slots=0)))
    assert len(claims(rig(queue=queue("b1", "b2"), room=Room(slots=1)))) == 1


def test_a_rig_with_fewer_live_runs_goes_first() -> None:
    runs = busy(2)
    seen = container(all_seen(runs))
    waiting = queue("b8", "b9")
    assert not claims(rig(queue=waiting, runs=runs, container=seen, room=Room(slots=3, fewest_elsewhere=1)))
    fair = claims(rig(queue=waiting, runs=runs, container=seen, room=Room(slots=3, fewest_elsewhere=2)))
    assert [claim.bead.id for claim in fair] == ["b8"]


def test_a_full_agent_kind_is_skipped_and_others_go_on() -> None:
    waiting = (bead("b1", OPEN, kinds=("full",)), bead("b2", OPEN, kinds=("free",)))
    made = claims(rig(queue=waiting, room=Room(kinds={"full": 0})))
    assert [claim.bead.id for claim in made] == ["b2"]


def test_the_places_of_a_kind_are_counted_down() -> None:
    made = claims(rig(queue=queue("b1", "b2", "b3"), room=Room(kinds={"mine": 2})))
    assert [claim.bead.id for claim in made] == ["b1", "b2"]


def test_claims_wait_for_no_container() -> None:
    assert claims(rig(queue=queue("b1"), container=None))[0].container_id is None


# landing


def test_the_oldest_merge_that_stands_still_lands_and_one_at_a_time() -> None:
    merges = (merge("m1", clear=False), merge("m2"), merge("m3"))
    assert lone(rig(merges=merges)) == do.Land("m2")
    assert decide(rig(merges=merges, busy=frozenset({"m2"}))) == []
    assert decide(rig(merges=merges, container=None)) == []


def test_what_has_begun_goes_on_first() -> None:
    assert lone(rig(merges=(merge("m1"), merge("m2", MergeStatus.LANDING)))) == do.Land("m2")
    assert lone(rig(merges=(merge("m1"), merge("m2", MergeStatus.TESTING)))) == do.Land("m2")


def test_what_waits_for_a_person_does_not_land() -> None:
    waiting = (merge("m1", MergeStatus.APPROVAL), merge("m2", MergeStatus.REMOTE_REFUSED))
    assert decide(rig(merges=waiting)) == []


def test_a_red_base_is_looked_at_again_when_nothing_else_lands() -> None:
    red = merge("m1", MergeStatus.BASE_RED, retry_at=NOW)
    assert lone(rig(merges=(red,))) == do.Land("m1")
    assert decide(rig(merges=(red,)), NOW - 1) == []
    assert lone(rig(merges=(red, merge("m2")))) == do.Land("m2")


# the alarm


def test_the_alarm_is_five_seconds_while_something_lives_or_is_due_and_sixty_otherwise() -> None:
    assert alarm_at(rig(), NOW) == NOW + 60
    assert alarm_at(rig(runs=busy(1)), NOW) == NOW + 5
    assert alarm_at(rig(queue=queue("b1")), NOW) == NOW + 5
    assert alarm_at(rig(merges=(merge(),)), NOW) == NOW + 5
    assert alarm_at(rig(merges=(merge(status=MergeStatus.APPROVAL),)), NOW) == NOW + 60


def test_the_alarm_is_exact_for_what_is_due_earlier() -> None:
    assert alarm_at(rig(next_due=NOW + 2), NOW) == NOW + 2
    assert alarm_at(rig(runs=(run(deadline_at=NOW + 1),)), NOW) == NOW + 1
    assert alarm_at(rig(merges=(merge(status=MergeStatus.BASE_RED, retry_at=NOW + 7),)), NOW) == NOW + 7
    done = run(stop_reason=StopReason.DONE, stop_at=NOW - 3)
    assert alarm_at(rig(runs=(done,)), NOW) == NOW + 2


def test_the_alarm_is_never_in_the_past() -> None:
    assert alarm_at(rig(next_due=NOW - 9, runs=(run(deadline_at=NOW - 9),)), NOW) == NOW


# always

sizes = st.integers(0, 8)


@given(
    cap=st.integers(1, 6),
    live=sizes,
    waiting=sizes,
    slots=st.none() | sizes,
    fewest=st.none() | st.integers(0, 4),
    places=st.integers(0, 4),
    number=sizes,
)
def test_however_many_wait_claims_keep_every_cap_and_take_the_first_in_line(
    cap: int, live: int, waiting: int, slots: int | None, fewest: int | None, places: int, number: int
) -> None:
    runs = busy(live)
    snapshot = rig(
        rules=replace(RULES, max_polecats=cap),
        runs=runs,
        container=container(all_seen(runs)),
        polecats=tuple(polecat(one.bead, POOL[n], f"p{n + 1}") for n, one in enumerate(runs)),
        queue=tuple(bead(f"w{n}", OPEN, kinds=("ab"[n % 2],)) for n in range(waiting)),
        last_run_number=number,
        room=Room(slots=slots, kinds={"a": places}, fewest_elsewhere=fewest),
    )
    made = claims(snapshot)
    assert not made or live + len(made) <= cap
    assert slots is None or len(made) <= slots
    assert sum(claim.agent_kind == "a" for claim in made) <= places
    assert [claim.number for claim in made] == list(range(number + 1, number + 1 + len(made)))
    names = [worker.name for worker in snapshot.polecats] + [claim.name for claim in made]
    assert len(set(names)) == len(names)
    places_in_line = [int(claim.bead.id[1:]) for claim in made]
    assert places_in_line == sorted(places_in_line)
    for kind in "ab":  # nobody is overtaken by one of the same kind
        of_kind = [place for place in places_in_line if place % 2 == "ab".index(kind)]
        assert of_kind == list(itertools.islice(range("ab".index(kind), waiting, 2), len(of_kind)))


@given(st.integers(0, 3), st.integers(0, 3))
def test_the_same_state_gives_the_same_decision(live: int, waiting: int) -> None:
    runs = busy(live)
    snapshot = rig(runs=runs, container=container(all_seen(runs)), queue=queue(*(f"b{n}" for n in range(waiting))))
    assert reconcile(snapshot, NOW) == reconcile(snapshot, NOW)
