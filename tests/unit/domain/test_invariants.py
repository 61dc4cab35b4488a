"""Each invariant is told in a sentence, finds what breaks it, and is silent about a sound town."""

from __future__ import annotations

from dataclasses import replace

import pytest
from situations import RULES, Snapshot, bead, polecat, run

from boomtown.domain.facts import (
    BeadFact,
    LetterFact,
    MergeFact,
    MessageFact,
    PolecatFact,
    RigFact,
    RunFact,
    State,
    state_of,
)
from boomtown.domain.invariants import ACROSS_A_STEP, AT_ALL_TIMES, breaches

RUN = RunFact("r1", "rig", 3, "b1", "p1", "polecat/toast/b1", "toast", live=True)
OTHER = RunFact("r2", "rig", 4, "b2", "p2", "polecat/maple/b2", "maple", live=True)
SOUND = State(
    rigs={"rig": RigFact(cap=2, last_run_number=4)},
    runs=(RUN, OTHER),
    polecats=(PolecatFact("p1", "rig", "Toast", "b1"), PolecatFact("p2", "rig", "Maple", "b2")),
    beads=(
        BeadFact("b1", "rig", "in_progress", 1, 1),
        BeadFact("b2", "rig", "in_progress", 0, 0),
        BeadFact("b3", "rig", "in_review", 2, 2),
        BeadFact("b4", "rig", "closed", 0, 1),
    ),
    merges=(MergeFact("m1", "b3", "approval"), MergeFact("m2", "b4", "merged")),
    letters=(LetterFact(1, "p1", 5.0), LetterFact(2, "p1", None)),
    messages=(MessageFact(1, "b1", "delivered", 5.0), MessageFact(2, "b1", "queued", None)),
    events=(9, 9),
)


def found(after: State, before: State = SOUND) -> set[str]:
    return {breach.invariant for breach in breaches(before, after)}


def test_a_sound_town_has_no_breach() -> None:
    assert found(SOUND) == set()
    assert found(SOUND, State()) == set()


def test_each_invariant_is_a_sentence() -> None:
    for check in (*AT_ALL_TIMES, *ACROSS_A_STEP):
        sentence = check.__doc__ or ""
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def runs(**changes: object) -> State:
    return replace(SOUND, runs=(RUN, replace(OTHER, **changes)))


def beads(status: str, attempts: int = 0, logged: int | None = 0, index: int = 1) -> State:
    changed = replace(SOUND.beads[index], status=status, attempts=attempts, logged=logged)
    return replace(SOUND, beads=(*SOUND.beads[:index], changed, *SOUND.beads[index + 1 :]))


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (runs(bead_id="b1"), "one-live-run-per-bead"),
        (runs(polecat_id="p1"), "one-live-run-per-polecat"),
        (runs(branch=RUN.branch), "one-live-run-per-branch"),
        (runs(worktree="toast", live=False), "one-run-per-worktree"),
        (runs(number=3), "run-numbers-are-given-out-once"),
        (runs(number=5), "run-numbers-are-given-out-once"),
        (beads("closed"), "a-live-run-means-a-bead-at-work"),
        (beads("in_progress", index=2), "a-live-run-means-a-bead-at-work"),
        (beads("in_progress", attempts=6), "attempts-stay-below-the-limit"),
        (beads("in_review", index=3), "a-merge-has-a-bead-to-land"),
        (beads("open", index=2), "a-merge-has-a-bead-to-land"),
        (beads("open", index=3), "a-landed-bead-stays-closed"),
        (beads("in_progress", attempts=0, logged=0, index=0), "attempts-are-never-lost"),
        (
            replace(SOUND, polecats=(*SOUND.polecats, PolecatFact("p3", "rig", "toast", "b3"))),
            "names-are-unique",
        ),
        (
            replace(SOUND, polecats=(*SOUND.polecats, PolecatFact("p3", "rig", "Ember", "b3"))),
            "the-lowest-free-name-is-taken",
        ),
        (
            replace(SOUND, merges=(*SOUND.merges, MergeFact("m3", "b4", "merged"))),
            "a-bead-merges-at-most-once",
        ),
        (replace(SOUND, events=(9, 8)), "events-are-gapless"),
        (replace(SOUND, events=(8, 8)), "the-ledger-only-grows"),
        (
            replace(SOUND, letters=(LetterFact(1, "p1", None), LetterFact(2, "p1", 6.0))),
            "letters-are-delivered-in-order",
        ),
        (
            replace(SOUND, messages=(MessageFact(1, "b1", "queued", None), MessageFact(2, "b1", "delivered", 6.0))),
            "messages-are-taken-in-order",
        ),
        (replace(SOUND, messages=(SOUND.messages[0],)), "messages-are-kept"),
        (replace(SOUND, messages=(MessageFact(1, "b1", "delivered", 6.0), SOUND.messages[1])), "messages-are-kept"),
        (replace(SOUND, letters=(LetterFact(1, "p1", 6.0), LetterFact(2, "p1", None))), "letters-are-kept"),
        (replace(SOUND, letters=(LetterFact(2, "p1", None),)), "letters-are-kept"),
        (replace(SOUND, rigs={"rig": RigFact(2, 3)}), "run-numbers-only-grow"),
    ],
)
def test_what_breaks_an_invariant_is_found(broken: State, invariant: str) -> None:
    assert invariant in found(broken)


def test_a_run_beyond_the_cap_is_found_and_a_lowered_cap_is_none() -> None:
    lowered = replace(SOUND, rigs={"rig": RigFact(1, 4)})
    assert found(lowered) == set()
    assert "no-claim-beyond-the-cap" in found(lowered, replace(SOUND, runs=(RUN,)))


def test_a_run_beyond_a_cap_of_the_home_is_found() -> None:
    before = replace(SOUND, runs=(RUN,))
    kinds = replace(SOUND, runs=(replace(RUN, kind="a"), replace(OTHER, kind="a")))
    rule = "no-claim-beyond-the-caps-of-the-home"
    assert rule in found(replace(SOUND, home_cap=1), before)
    assert rule in found(replace(kinds, kind_caps={"a": 1}), before)
    assert rule not in found(replace(kinds, home_cap=2, kind_caps={"a": 2}), before)
    assert rule not in found(replace(kinds, home_cap=1, kind_caps={"a": 1}), kinds), "what runs may run on"


def test_a_new_run_with_an_old_number_is_found() -> None:
    before = replace(SOUND, runs=(RUN,))
    assert "run-numbers-only-grow" in found(SOUND, before)


def test_a_run_that_lives_again_is_found() -> None:
    before = replace(SOUND, runs=(RUN, replace(OTHER, live=False)))
    assert "an-ended-run-stays-ended" in found(SOUND, before)


def test_a_snapshot_shows_enough_to_look_at() -> None:
    one, two = bead("b1"), bead("b1")
    snapshot = Snapshot(
        rig_id="rig",
        rig_name="web",
        rules=RULES,
        dispatching=True,
        last_run_number=9,
        runs=(run("r1", one, branch="x"), run("r2", two, branch="y")),
        polecats=(polecat(one),),
    )
    assert "one-live-run-per-bead" in found(state_of(snapshot), State())
