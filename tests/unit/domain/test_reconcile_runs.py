"""What `reconcile` does with a run, from its claim to the end of its worktree."""

from __future__ import annotations

from typing import Any

import pytest
from situations import (
    CLEAN,
    NOW,
    WORK,
    bead,
    container,
    decide,
    exited,
    lone,
    polecat,
    replace,
    rig,
    run,
    running,
)  # fmt: skip

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.reconcile import alarm_at
from boomtown.domain.runs import GitFacts, Outcome, RunPhase, StopReason

CLAIMED = {"phase": RunPhase.CLAIMED, "started_at": None}


def kinds(decided: list[do.Change | do.Effect]) -> list[type]:
    return [type(item) for item in decided]


def test_a_claimed_run_is_started() -> None:
    assert lone(rig(runs=(run(**CLAIMED),))) == do.Start("r1")


def test_it_is_not_started_again_while_the_request_is_on_its_way() -> None:
    assert decide(rig(runs=(run(**CLAIMED),), busy=frozenset({"r1"}))) == []


def test_a_confirmed_start_is_stored_once() -> None:
    claimed = run(**CLAIMED)
    seen = running()
    assert lone(rig(runs=(claimed,), container=container({"r1": seen}))) == do.NoteStarted(claimed, seen)
    assert decide(rig(runs=(run(),), container=container({"r1": seen}))) == []


def test_a_run_claimed_while_nobody_was_attached_gets_its_container_before_it_is_asked() -> None:
    waiting = run(**CLAIMED, container_id=None)
    assert decide(rig(runs=(waiting,), container=None)) == []
    assert lone(rig(runs=(waiting,))) == do.Assign(waiting, "c1")


def test_silence_never_ends_a_run() -> None:
    assert decide(rig(runs=(run(deadline_at=NOW + 2e6),), container=None), NOW + 1e6) == []


def test_a_run_that_its_container_was_never_heard_of_again_is_asked_for_not_ended() -> None:
    assert lone(rig(runs=(run(),))) == do.Start("r1")  # the container answers how it stands


def test_a_successor_that_does_not_have_the_run_proves_that_it_is_gone() -> None:
    assert lone(rig(runs=(run(),), container=container(name="c2"))) == do.NoteExited(run(), None)


def test_an_exit_with_gits_facts_ends_the_run_at_once() -> None:
    seen = exited(1)
    decided = lone(rig(runs=(run(),), container=container({"r1": seen})))
    assert isinstance(decided, do.End)
    assert (decided.seen, decided.facts, decided.verdict.outcome) == (seen, WORK, Outcome.CRASHED)


def test_an_exit_without_facts_is_stored_then_git_is_read_then_it_ends_as_it_exited() -> None:
    seen = exited(1, None)
    assert lone(rig(runs=(run(),), container=container({"r1": seen}))) == do.NoteExited(run(), seen)
    gone = run(phase=RunPhase.EXITED, exit=exited(1, None))
    assert lone(rig(runs=(gone,), container=container(name="c2"))) == do.Inspect("r1")
    assert decide(rig(runs=(gone,), busy=frozenset({"r1"}))) == []
    decided = lone(rig(runs=(replace(gone, facts=CLEAN),), container=container(name="c2")))
    assert isinstance(decided, do.End)
    assert decided.verdict.outcome == Outcome.CRASHED


def test_a_run_that_the_container_promised_never_to_start_is_over() -> None:
    stopped = run(**CLAIMED, stop_reason=StopReason.STOP, stop_at=NOW)
    gone = container(gone=frozenset({"r1"}))
    assert lone(rig(runs=(stopped,), container=gone)) == do.NoteExited(stopped, None)


def test_an_ended_run_loses_its_worktree_and_is_not_asked_twice() -> None:
    over = run(phase=RunPhase.ENDED)
    assert lone(rig(runs=(over,))) == do.Dispose("r1")
    assert decide(rig(runs=(over,), busy=frozenset({"r1"}))) == []
    assert decide(rig(runs=(over,), container=None)) == []


# stopping


def test_a_run_past_its_deadline_is_asked_to_stop() -> None:
    late = run(deadline_at=NOW)
    assert lone(rig(runs=(late,), container=container({"r1": running()}))) == do.AskToStop(late, StopReason.TIMEOUT)


def test_a_cancelled_bead_stops_its_run_also_one_that_said_done() -> None:
    for said in (None, StopReason.DONE):
        cancelled = run(of=bead(status=BeadStatus.CANCELLED), stop_reason=said, stop_at=NOW)
        decided = lone(rig(runs=(cancelled,), container=container({"r1": running()})))
        assert decided == do.AskToStop(cancelled, StopReason.CANCEL)


@pytest.mark.parametrize(
    ("reason", "grace_s"),
    [(StopReason.STOP, 10.0), (StopReason.TIMEOUT, 10.0), (StopReason.CANCEL, 10.0), (StopReason.DOWN_NOW, 0.0)],
)
def test_the_container_is_told_with_the_grace_that_is_left(reason: StopReason, grace_s: float) -> None:
    stopping = run(of=bead(status=BeadStatus.OPEN), stop_reason=reason, stop_at=NOW)
    listed = container({"r1": running()})
    assert lone(rig(runs=(stopping,), container=listed)) == do.Stop("r1", grace_s)
    assert lone(rig(runs=(stopping,), container=listed), NOW + 4) == do.Stop("r1", max(0.0, grace_s - 4))
    assert lone(rig(runs=(stopping,), container=listed), NOW + 99) == do.Stop("r1", 0.0)


def test_done_leaves_five_quiet_seconds_and_thirty_in_all() -> None:
    done = run(stop_reason=StopReason.DONE, stop_at=NOW, done_at=NOW)
    snapshot = rig(runs=(done,), container=container({"r1": running()}))
    assert decide(snapshot, NOW + 4.9) == []
    assert alarm_at(snapshot, NOW + 4.9) == NOW + 5
    assert lone(snapshot, NOW + 5) == do.Stop("r1", 25.0)


def test_a_told_container_is_told_again_only_for_another_reason() -> None:
    stopping = run(stop_reason=StopReason.STOP, stop_at=NOW)
    snapshot = rig(runs=(stopping,), container=container({"r1": running()}))
    told = replace(snapshot, stopping=frozenset({("r1", StopReason.DOWN)}))
    assert lone(told) == do.Stop("r1", 10.0)
    assert decide(replace(snapshot, stopping=frozenset({("r1", StopReason.STOP)}))) == []
    assert decide(replace(snapshot, busy=frozenset({do.stop_key("r1")}))) == []


def test_a_start_that_failed_after_the_stop_was_heard_is_asked_about_again() -> None:
    stopping = run(**CLAIMED, stop_reason=StopReason.STOP, stop_at=NOW)
    told = rig(runs=(stopping,), stopping=frozenset({("r1", StopReason.STOP)}))
    assert decide(replace(told, busy=frozenset({"r1"}))) == []
    assert lone(told) == do.Stop("r1", 10.0)


def test_a_stopping_run_is_never_started() -> None:
    stopping = run(**CLAIMED, stop_reason=StopReason.DONE, stop_at=NOW)
    assert decide(rig(runs=(stopping,))) == []


# stalled


def test_no_output_and_no_call_for_long_is_stalled_and_ends_nothing() -> None:
    quiet = run(claimed_at=NOW - 2000)
    seen = running(started_at=NOW - 1999, last_output_at=NOW - 901)
    assert lone(rig(runs=(quiet,), container=container({"r1": seen}))) == do.NoteStalled(quiet, True)


@pytest.mark.parametrize("sign", [{"last_output_at": NOW - 1}, {"last_call_at": NOW - 1}])
def test_output_or_a_call_is_a_sign_of_life(sign: dict[str, Any]) -> None:
    output = sign.get("last_output_at", NOW - 5000)
    quiet = run(claimed_at=NOW - 9000, last_call_at=sign.get("last_call_at"), stalled=True)
    listed = container({"r1": running(started_at=NOW - 8999, last_output_at=output)})
    assert lone(rig(runs=(quiet,), container=listed)) == do.NoteStalled(quiet, False)


# leftovers


def test_stored_exits_are_forgotten_and_others_are_not() -> None:
    over, live = run(phase=RunPhase.ENDED), run("r2")
    listed = container({"r1": exited(), "r2": running(), "r9": exited()})
    decided = decide(rig(runs=(over, live), container=listed))
    assert do.Forget(("r1", "r9")) in decided


def test_an_exit_that_is_not_stored_yet_is_not_forgotten() -> None:
    decided = decide(rig(runs=(run(),), container=container({"r1": exited()})))
    assert kinds(decided) == [do.End]


def test_what_runs_and_is_not_known_as_live_is_stopped() -> None:
    over = run(phase=RunPhase.ENDED)
    listed = container({"r1": running(), "r9": running()})
    decided = decide(rig(runs=(over,), container=listed))
    assert do.Stop("r1", 10.0) in decided
    assert do.Stop("r9", 10.0) in decided
    told = frozenset({("r1", StopReason.STRAY), ("r9", StopReason.STRAY)})
    assert kinds(decide(rig(runs=(over,), container=listed, stopping=told))) == [do.Dispose]


# names


@pytest.mark.parametrize("status", [BeadStatus.CLOSED, BeadStatus.FAILED, BeadStatus.CANCELLED])
def test_a_finished_beads_polecat_is_released_once_its_worktree_is_gone(status: BeadStatus) -> None:
    worker = polecat(bead("b1", status))
    assert lone(rig(polecats=(worker,))) == do.Release("p1")
    over = run(of=bead("b1", status), phase=RunPhase.ENDED)
    assert kinds(decide(rig(polecats=(worker,), runs=(over,)))) == [do.Dispose]


@pytest.mark.parametrize("status", [BeadStatus.OPEN, BeadStatus.IN_PROGRESS, BeadStatus.IN_REVIEW])
def test_an_unfinished_beads_polecat_keeps_its_name(status: BeadStatus) -> None:
    assert decide(rig(polecats=(polecat(bead("b1", status)),))) == []


def test_facts_of_the_exit_come_before_those_of_an_inspection() -> None:
    old = GitFacts(own_commits=7, tip="x")
    decided = lone(rig(runs=(run(facts=old),), container=container({"r1": exited(0, CLEAN)})))
    assert isinstance(decided, do.End)
    assert decided.facts == CLEAN


def test_a_stop_is_stored_also_while_nobody_is_attached() -> None:
    cancelled = run(of=bead(status=BeadStatus.CANCELLED))
    assert lone(rig(runs=(cancelled,), container=None)) == do.AskToStop(cancelled, StopReason.CANCEL)


def test_a_name_that_is_released_is_free_in_the_same_moment() -> None:
    waiting = bead("b2", BeadStatus.OPEN)
    worker = polecat(bead("b1", BeadStatus.CLOSED), "Toast")
    released, claimed = decide(rig(polecats=(worker,), queue=(waiting,)))
    assert released == do.Release("p1")
    assert isinstance(claimed, do.Claim)
    assert claimed.name == "Toast"
