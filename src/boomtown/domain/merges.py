"""A merge: a bead's branch on its way to the default branch."""

from __future__ import annotations

from enum import StrEnum


class MergeStatus(StrEnum):
    WAITING = "waiting"
    TESTING = "testing"
    LANDING = "landing"
    MERGED = "merged"
    FAILED = "failed"
    APPROVAL = "approval"
    REMOTE_REFUSED = "remote_refused"
    BASE_RED = "base_red"


UNFINISHED_MERGES = frozenset(MergeStatus) - {MergeStatus.MERGED, MergeStatus.FAILED}


class MergeMode(StrEnum):
    """When a finished branch lands."""

    REVIEW = "review"
    DIRECT = "direct"
    BRANCH = "branch"


class LandingStyle(StrEnum):
    SQUASH = "squash"
    MERGE = "merge"
