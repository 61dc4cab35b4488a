import itertools

import pytest

from boomtown.domain.beads import FINISHED, RANK, UNFINISHED, BeadStatus, Priority, QueueReason, check_move
from boomtown.domain.errors import ConflictError

S = BeadStatus
LEGAL = {
    (S.OPEN, S.IN_PROGRESS), (S.IN_PROGRESS, S.IN_REVIEW), (S.IN_REVIEW, S.CLOSED),
    (S.IN_PROGRESS, S.OPEN), (S.IN_PROGRESS, S.FAILED), (S.IN_REVIEW, S.OPEN), (S.IN_REVIEW, S.FAILED),
    (S.OPEN, S.CANCELLED), (S.IN_PROGRESS, S.CANCELLED), (S.IN_REVIEW, S.CANCELLED),
    (S.FAILED, S.OPEN), (S.CANCELLED, S.OPEN),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [*itertools.product(S, S)])
def test_an_issue_moves_as_the_contract_says_and_nothing_else(old: BeadStatus, new: BeadStatus) -> None:
    if (old, new) in LEGAL:
        check_move("issue", old, new, "t")
    else:
        with pytest.raises(ConflictError) as caught:
            check_move("issue", old, new, "t")
        assert caught.value.code == "ILLEGAL_TRANSITION"
        assert str(old) in caught.value.message
        assert str(new) in caught.value.message


@pytest.mark.parametrize(("old", "new"), [*itertools.product(S, S)])
def test_an_escalation_only_goes_from_open_to_closed(old: BeadStatus, new: BeadStatus) -> None:
    if (old, new) == (S.OPEN, S.CLOSED):
        check_move("escalation", old, new, "t")
    else:
        with pytest.raises(ConflictError):
            check_move("escalation", old, new, "t")


def test_every_status_is_either_finished_or_not() -> None:
    assert set(S) == FINISHED | UNFINISHED
    assert not FINISHED & UNFINISHED


def test_higher_priorities_go_first() -> None:
    assert sorted(Priority, key=lambda word: RANK[word]) == ["critical", "high", "medium", "low"]


def test_queue_reasons_stand_in_the_order_in_which_they_hold() -> None:
    assert list(QueueReason) == [
        "held", "blocked", "paused", "auth", "quota", "budget", "backoff", "pressure", "cap",
    ]  # fmt: skip
