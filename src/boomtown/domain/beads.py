"""A bead: one unit of work, its statuses and the moves between them."""

from __future__ import annotations

from enum import StrEnum

from boomtown.domain.errors import ConflictError


class BeadType(StrEnum):
    ISSUE = "issue"
    ESCALATION = "escalation"


class BeadStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    CLOSED = "closed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


RANK = {Priority.CRITICAL: 0, Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3}
"""Smaller goes first."""

UNFINISHED = frozenset({BeadStatus.OPEN, BeadStatus.IN_PROGRESS, BeadStatus.IN_REVIEW})
FINISHED = frozenset(BeadStatus) - UNFINISHED

_S = BeadStatus
_MOVES = {
    _S.OPEN: {_S.IN_PROGRESS, _S.CANCELLED},
    _S.IN_PROGRESS: {_S.OPEN, _S.IN_REVIEW, _S.FAILED, _S.CANCELLED},
    _S.IN_REVIEW: {_S.OPEN, _S.CLOSED, _S.FAILED, _S.CANCELLED},
    _S.FAILED: {_S.OPEN},
    _S.CANCELLED: {_S.OPEN},
    _S.CLOSED: set(),
}
_ESCALATION_MOVES = {_S.OPEN: {_S.CLOSED}}


def wants_report(metadata: object) -> bool:
    """Whether what a bead shall come to is its agent's text, and no commit: its metadata has `"report": true`."""
    return isinstance(metadata, dict) and metadata.get("report") is True


def check_move(bead_type: str, old: str, new: str, title: str) -> None:
    """Raise `ConflictError` unless a bead of this type may go from `old` to `new`."""
    moves = _ESCALATION_MOVES if bead_type == BeadType.ESCALATION else _MOVES
    if BeadStatus(new) not in moves.get(BeadStatus(old), set()):
        raise ConflictError(f"The {bead_type} “{title}” is {old}; it can't become {new}.", code="ILLEGAL_TRANSITION")


class QueueReason(StrEnum):
    """Why an open bead waits; the first that holds, in this order."""

    HELD = "held"
    BLOCKED = "blocked"
    PAUSED = "paused"
    AUTH = "auth"
    QUOTA = "quota"
    BUDGET = "budget"
    BACKOFF = "backoff"
    PRESSURE = "pressure"
    CAP = "cap"
