"""`--wait` ends when all is closed, or as soon as nothing can move without a person; not before, not later."""

from __future__ import annotations

import pytest
from cli_objects import a_bead, a_merge

from boomtown.cli.waiting import Board


@pytest.mark.parametrize(
    ("bead", "moves"),
    [
        (a_bead(), True),
        (a_bead(queue_reason="cap"), True),
        (a_bead(queue_reason="backoff", not_before="2030-01-01T00:00:00Z"), True),
        (a_bead(queue_reason="pressure"), True),
        (a_bead(queue_reason="held"), False),
        (a_bead(queue_reason="paused"), False),
        (a_bead(queue_reason="auth"), False),
        (a_bead(queue_reason="quota", not_before="2030-01-01T00:00:00Z"), True),
        (a_bead(status="in_progress"), True),
        (a_bead(status="in_review"), True),
        (a_bead(status="failed"), False),
        (a_bead(status="cancelled"), False),
        (a_bead(status="closed"), False),
    ],
)
def test_what_moves_by_itself(bead: dict, moves: bool) -> None:
    assert Board([bead]).moves(bead) is moves
    assert Board([bead]).settled is not moves


@pytest.mark.parametrize(
    ("status", "moves"),
    [("waiting", True), ("testing", True), ("landing", True), ("merged", True), ("failed", True),
     ("approval", False), ("remote_refused", False), ("base_red", False)],
)  # fmt: skip
def test_a_bead_in_review_moves_as_its_merge_does(status: str, moves: bool) -> None:
    bead = a_bead(status="in_review")
    assert Board([bead], {bead["id"]: a_merge(bead["id"], status)}).moves(bead) is moves


def test_a_blocked_bead_moves_as_long_as_its_blockers_do() -> None:
    first, second = a_bead(id="1", status="in_progress"), a_bead(id="2", queue_reason="blocked", blocked_by=["1"])
    assert Board([first, second]).moves(second)
    failed = a_bead(id="1", status="failed")
    assert Board([failed, second]).settled


def test_a_blocker_that_closed_between_two_looks_does_not_end_the_wait() -> None:
    closed, blocked = a_bead(id="1", status="closed"), a_bead(id="2", queue_reason="blocked", blocked_by=["1"])
    assert not Board([closed, blocked]).settled


def test_blockers_outside_of_ours_count() -> None:
    ours, other = a_bead(id="2", queue_reason="blocked", blocked_by=["1"]), a_bead(id="1", queue_reason="held")
    assert Board([ours], others={"1": other}).settled
    assert not Board([ours], others={"1": a_bead(id="1", status="in_progress")}).settled


def test_a_failed_bead_does_not_end_the_wait_while_others_move() -> None:
    board = Board([a_bead(id="1", status="failed"), a_bead(id="2", status="in_progress")])
    assert not board.settled
    assert not board.landed


def test_the_verdict_says_what_is_left_and_how_to_go_on() -> None:
    board = Board(
        [a_bead(id="1", status="closed"), a_bead(id="2" * 36, status="failed", last_error="boom", attempts=5)]
    )
    lines = list(board.verdict())
    assert lines[0] == "1 of 2 closed; the rest can't go on without you:"
    assert "boomtown bead retry 22222222" in lines[1]


def test_all_closed_is_landed() -> None:
    board = Board([a_bead(status="closed")])
    assert board.landed
    assert board.settled
    assert list(board.verdict()) == ["Closed."]
