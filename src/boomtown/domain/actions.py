"""What `reconcile` may decide. Changes are stored in the transaction that read the snapshot; effects follow it."""

from __future__ import annotations

from dataclasses import dataclass

from boomtown.domain.budgets import Purse
from boomtown.domain.kinds import KindState
from boomtown.domain.runs import GitFacts
from boomtown.domain.snapshot import BeadView, Question, RunView, Seen


@dataclass(frozen=True)
class Claim:
    """A change: bead, name, branch and run number in one. `polecat_id` None: register a new one by `name`."""

    bead: BeadView
    agent_kind: str
    polecat_id: str | None
    name: str
    branch: str
    number: int
    deadline_at: float
    container_id: str | None


@dataclass(frozen=True)
class Assign:
    """A change: which container the run is for, stored before it is asked."""

    run: RunView
    container_id: str


@dataclass(frozen=True)
class NoteStarted:
    """A change: the container confirmed the process."""

    run: RunView
    seen: Seen


@dataclass(frozen=True)
class NoteExited:
    """A change: the whole process tree is proven gone. `seen` None: its container is, or it never started."""

    run: RunView
    seen: Seen | None


@dataclass(frozen=True)
class AskToStop:
    """A change: the run shall end, for `reason`."""

    run: RunView
    reason: str


@dataclass(frozen=True)
class End:
    """A change: what the run came to, and where its bead goes (`domain.verdict`)."""

    run: RunView
    seen: Seen | None
    facts: GitFacts
    verdict: Verdict


@dataclass(frozen=True)
class NoteStalled:
    """A change: alive but silent, or (`stalled` False) heard again."""

    run: RunView
    stalled: bool


@dataclass(frozen=True)
class NoteQuestion:
    """A change: what the run asks a person now; None: nothing any more."""

    run: RunView
    question: Question | None


@dataclass(frozen=True)
class NoteDelivered:
    """A change: the run's session took these messages."""

    run: RunView
    message_ids: frozenset[str]


@dataclass(frozen=True)
class WarnOfBudget:
    """A change: people are told that a budget nears its end. `bead_id` None: it is the rig's or the home's."""

    purse: Purse
    bead_id: str | None = None


@dataclass(frozen=True)
class Suspend:
    """A change: nothing of an agent kind starts before its state says so."""

    state: KindState


@dataclass(frozen=True)
class Revive:
    """A change: an agent kind is answered again."""

    kind: str


@dataclass(frozen=True)
class Release:
    """A change: the polecat is deregistered and its name free."""

    polecat_id: str


@dataclass(frozen=True)
class Start:
    """An effect: ask the container to start the run."""

    run_id: str


@dataclass(frozen=True)
class Stop:
    """An effect: ask the container to end the run."""

    run_id: str
    grace_s: float


def tell_key(run_id: str) -> str:
    """What is busy while a run is told something."""
    return f"tell {run_id}"


def stop_key(run_id: str) -> str:
    """What is busy while a run is asked to stop: a start on its way must not hold that up."""
    return f"stop {run_id}"


@dataclass(frozen=True)
class Tell:
    """An effect: pass on what waits for the run's bead."""

    run_id: str


@dataclass(frozen=True)
class Inspect:
    """An effect: have git read for a run that no container remembers."""

    run_id: str


@dataclass(frozen=True)
class Dispose:
    """An effect: have the worktree taken away, its work kept."""

    run_id: str


@dataclass(frozen=True)
class Forget:
    """An effect: tell the container that these exits are stored."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Land:
    """An effect: take the merge on towards the default branch."""

    merge_id: str


@dataclass(frozen=True)
class Verdict:
    """What a run came to.

    `bead_status` None leaves the bead alone (it was cancelled meanwhile). `not_before`: epoch seconds. `held_why` holds
    the bead, `pause_why` pauses its rig. `wip`: where uncommitted files go, "branch" or "ref".
    """

    outcome: str
    costs: bool
    bead_status: str | None
    attempts: int
    delay_step: int
    no_work_streak: int
    lost_streak: int
    not_before: float | None = None
    held_why: str | None = None
    error: str | None = None
    wip: str = "branch"
    pause_why: str | None = None


Change = (
    Claim
    | Assign
    | NoteStarted
    | NoteExited
    | AskToStop
    | End
    | NoteStalled
    | NoteQuestion
    | NoteDelivered
    | WarnOfBudget
    | Suspend
    | Revive
    | Release
)
Effect = Start | Stop | Tell | Inspect | Dispose | Forget | Land
