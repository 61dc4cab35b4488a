"""Agent kinds that are refused: when they rest, who probes them, when all goes on."""

from __future__ import annotations

from situations import NOW, WORK, bead, container, decide, exited, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.kinds import KindState, Refusal, Refused, refused
from boomtown.domain.runs import Outcome
from boomtown.domain.snapshot import Room

OPEN = BeadStatus.OPEN
BACKOFF_S = (60.0, 300.0)
LIMIT = Refusal(Refused.QUOTA, "You've hit your limit")
LOGIN = Refusal(Refused.AUTH, "Invalid API key")


def learnt(refusal: Refusal, known: KindState | None = None, claimed_at: float = NOW - 10) -> KindState:
    return refused(known, "claude", refusal, claimed_at, NOW, BACKOFF_S)


def resting(**more: object) -> KindState:
    values = {"kind": "mine", "why": Refused.QUOTA, "words": "full", "since": NOW - 100, "until": NOW + 50}
    return KindState(**(values | {"reported": False, "step": 1} | more))  # type: ignore[arg-type]


def test_a_limit_with_a_time_rests_until_then() -> None:
    state = learnt(Refusal(Refused.QUOTA, "full", NOW + 3600))
    assert (state.until, state.reported) == (NOW + 3600, True)
    assert state.blocks(NOW + 3599)
    assert not state.blocks(NOW + 3600)
    assert not state.probing(NOW + 3600), "everything goes on at once"


def test_a_limit_without_a_time_is_probed_later_and_later() -> None:
    first = learnt(LIMIT)
    assert (first.until, first.probing(NOW + 60)) == (NOW + 60, True)
    second = learnt(LIMIT, first, claimed_at=NOW)
    third = learnt(LIMIT, second, claimed_at=NOW)
    assert (second.until, third.until) == (NOW + 300, NOW + 300)


def test_runs_that_were_under_way_when_it_began_make_no_back_off_longer() -> None:
    first = learnt(LIMIT)
    assert learnt(LIMIT, first, claimed_at=NOW - 20) == first


def test_a_missing_login_rests_until_a_person_logs_in() -> None:
    state = learnt(LOGIN)
    assert state.until is None
    assert state.blocks(NOW + 1e9)
    assert learnt(LIMIT, state, claimed_at=NOW - 20) == state, "a limit that others meet changes nothing"


def test_a_refused_run_costs_no_attempt_and_rests_its_kind() -> None:
    of = bead("b1", attempts=2, delay_step=2)
    changes = decide(rig(runs=(run("r1", of),), container=container({"r1": exited(1, WORK, refusal=LIMIT)})))
    [end] = [change for change in changes if isinstance(change, do.End)]
    [rest] = [change for change in changes if isinstance(change, do.Suspend)]
    verdict = end.verdict
    assert (verdict.outcome, verdict.costs, verdict.bead_status, verdict.attempts) == (Outcome.QUOTA, False, OPEN, 2)
    assert (rest.state.kind, rest.state.why) == ("mine", Refused.QUOTA)
    assert verdict.error == LIMIT.words


def test_a_run_that_is_answered_sets_its_kind_free() -> None:
    def decided(claimed_at: float) -> list[do.Change | do.Effect]:
        at_work = container({"r1": running(answered=True)})
        return decide(rig(runs=(run(claimed_at=claimed_at),), container=at_work, refused={"mine": resting()}))

    assert do.Revive("mine") in decided(NOW - 50)
    assert do.Revive("mine") not in decided(NOW - 500), "it proves nothing of what came later"


def test_a_bead_goes_to_the_first_of_its_agents_that_can_be_used() -> None:
    waiting = bead("w1", OPEN, kinds=("claude", "codex")), bead("w2", OPEN, kinds=("claude",))
    room = Room(suspended=frozenset({"claude"}))
    [claim] = decide(rig(queue=waiting, room=room))
    assert isinstance(claim, do.Claim)
    assert (claim.bead.id, claim.agent_kind) == ("w1", "codex")


def test_a_kind_is_probed_with_one_run() -> None:
    waiting = tuple(bead(f"w{n}", OPEN) for n in range(3))
    claims = decide(rig(queue=waiting, room=Room(kinds={"mine": 1})))
    assert len(claims) == 1
