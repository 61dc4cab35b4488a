"""Agents that are spoken with: what they ask, what they are told, and how a question ends a run."""

from __future__ import annotations

from situations import NOW, RULES, WORK, bead, container, decide, exited, lone, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.reconcile import alarm_at
from boomtown.domain.runs import Outcome, StopReason
from boomtown.domain.snapshot import Question

ASKED = Question("q1", "May it run make?", ("yes", "no"))


def situation(view, seen, **more):
    return rig(runs=(view,), container=container({view.id: seen}), **more)


def test_what_a_run_asks_is_noted_once() -> None:
    view = run(talks=True)
    noted = lone(situation(view, running(question=ASKED)))
    assert noted == do.NoteQuestion(view, ASKED)
    assert decide(situation(run(talks=True, asking="q1"), running(question=ASKED))) == []


def test_a_question_that_was_answered_is_taken_back() -> None:
    view = run(talks=True, asking="q1")
    assert lone(situation(view, running())) == do.NoteQuestion(view, None)


def test_a_question_of_the_bead_is_not_overwritten() -> None:
    view = run(talks=True, of=bead(question="Which name?"), stop_reason=StopReason.ASK, stop_at=NOW)
    assert not any(isinstance(one, do.NoteQuestion) for one in decide(situation(view, running(question=ASKED))))


def test_messages_that_wait_are_passed_on_once() -> None:
    view = run(talks=True, unheard=frozenset({"m1"}))
    assert lone(situation(view, running())) == do.Tell("r1")
    assert decide(situation(view, running(), told=frozenset({("r1", "m1")}))) == []
    assert decide(situation(view, running(), busy=frozenset({do.tell_key("r1")}))) == []


def test_a_program_that_is_not_spoken_with_is_told_nothing() -> None:
    assert decide(situation(run(unheard=frozenset({"m1"})), running())) == []


def test_a_message_is_delivered_when_the_session_took_it_also_at_the_very_end() -> None:
    view = run(talks=True, unheard=frozenset({"m1", "m2"}))
    told = frozenset({("r1", "m1"), ("r1", "m2")})
    assert lone(situation(view, running(delivered=frozenset({"m1", "m0"})), told=told)) == do.NoteDelivered(
        view, frozenset({"m1"})
    )
    ends = decide(situation(view, exited(delivered=frozenset({"m2"}))))
    assert do.NoteDelivered(view, frozenset({"m2"})) in ends


def test_an_agent_that_waits_for_a_person_is_not_stalled() -> None:
    view = run(talks=True, asking="q1", claimed_at=NOW - 5000)
    seen = running(question=ASKED, started_at=NOW - 5000, last_output_at=NOW - 5000)
    assert decide(situation(view, seen)) == []


def test_one_that_said_done_is_asked_to_end_at_once_if_it_is_spoken_with() -> None:
    view = run(talks=True, stop_reason=StopReason.DONE, stop_at=NOW, done_at=NOW)
    assert lone(situation(view, running())) == do.Stop("r1", RULES.done_grace_s)
    mute = run(stop_reason=StopReason.DONE, stop_at=NOW, done_at=NOW)
    assert decide(situation(mute, running())) == []
    assert alarm_at(situation(mute, running()), NOW) <= NOW + 5


def test_a_run_that_asked_costs_nothing_and_its_bead_is_held_with_the_question() -> None:
    view = run(talks=True, of=bead(question="Which name?"), stop_reason=StopReason.ASK, stop_at=NOW)
    end = lone(situation(view, exited(facts=WORK)))
    assert isinstance(end, do.End)
    assert (end.verdict.outcome, end.verdict.costs, end.verdict.attempts) == (Outcome.ASKED, False, 0)
    assert end.verdict.held_why == "It asks: Which name?"


def test_a_bead_whose_question_was_answered_meanwhile_is_not_held() -> None:
    view = run(talks=True, stop_reason=StopReason.ASK, stop_at=NOW)
    end = lone(situation(view, exited(facts=WORK)))
    assert isinstance(end, do.End)
    assert (end.verdict.outcome, end.verdict.held_why) == (Outcome.ASKED, None)
