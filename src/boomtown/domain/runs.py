"""A run: one dispatch of a polecat; and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunPhase(StrEnum):
    """Where a run is. The first three are live: they hold a slot, a worktree and a branch."""

    CLAIMED = "claimed"
    RUNNING = "running"
    EXITED = "exited"  # the process tree is proven gone; git has not been read yet
    ENDED = "ended"


LIVE = (RunPhase.CLAIMED, RunPhase.RUNNING, RunPhase.EXITED)


class StopReason(StrEnum):
    """Why we asked a run to end."""

    DONE = "done"
    STOP = "stop"
    CANCEL = "cancel"
    DOWN = "down"
    DOWN_NOW = "down_now"
    TIMEOUT = "timeout"
    ASK = "ask"
    BUDGET = "budget"
    MEMORY = "memory"
    """The machine has none left."""
    MEMORY_LIMIT = "memory_limit"
    STRAY = "stray"
    """Never stored: of a run that the container has and the store does not."""


class Outcome(StrEnum):
    """How a run ended."""

    HANDED_ON = "handed_on"
    REPORTED = "reported"
    """Words were asked for, no commit, and there are some."""
    NO_WORK = "no_work"
    CRASHED = "crashed"
    CONFLICT_MARKERS = "conflict_markers"
    TIMEOUT = "timeout"
    START_FAILED = "start_failed"
    SETUP_FAILED = "setup_failed"
    CONTAINER_LOST = "container_lost"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DOWN = "down"
    ASKED = "asked"
    BUDGET = "budget"
    MEMORY = "memory"
    MEMORY_LIMIT = "memory_limit"
    QUOTA = "quota"
    AUTH = "auth"
    # ends of a merge, kept beside those of runs in a bead's log of attempts
    CONFLICT = "conflict"
    GATE_RED = "gate_red"
    REWORK = "rework"


FREE_OUTCOMES = frozenset(
    {
        Outcome.HANDED_ON,
        Outcome.REPORTED,
        Outcome.SETUP_FAILED,
        Outcome.CONTAINER_LOST,
        Outcome.STOPPED,
        Outcome.CANCELLED,
        Outcome.DOWN,
        Outcome.ASKED,
        Outcome.BUDGET,
        Outcome.MEMORY,
        Outcome.MEMORY_LIMIT,
        Outcome.QUOTA,
        Outcome.AUTH,
        Outcome.REWORK,
    }
)
"""Recorded, but no attempt is used up: not the agent's doing, or no failure."""


@dataclass(frozen=True)
class GitFacts:
    """What git says of a bead's branch and worktree once the process tree is gone.

    `own_commits`: commits of this bead ahead of the default branch, except our WIP ones, with a non-empty diff.
    `tip` is the branch's commit, None where there is no branch. `dirty`: uncommitted files.
    `marked_files`: files in which the branch has conflict markers.
    """

    own_commits: int = 0
    tip: str | None = None
    dirty: bool = False
    marked_files: tuple[str, ...] = ()
