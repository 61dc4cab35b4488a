"""A rig, or a whole home, as plain facts at one moment: what the invariants look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from boomtown.domain.names import POOL
from boomtown.domain.runs import LIVE
from boomtown.domain.snapshot import Snapshot


@dataclass(frozen=True)
class RigFact:
    """A rig: its cap, its pool of names, the highest run number given out."""

    cap: int
    last_run_number: int
    pool: tuple[str, ...] = POOL


@dataclass(frozen=True)
class RunFact:
    """A run whose worktree is still there. `live`: its process may be."""

    id: str
    rig_id: str
    number: int
    bead_id: str
    polecat_id: str
    branch: str
    worktree: str
    live: bool
    kind: str = ""


@dataclass(frozen=True)
class PolecatFact:
    """A registered polecat."""

    id: str
    rig_id: str
    name: str
    bead_id: str


@dataclass(frozen=True)
class BeadFact:
    """A bead. `logged` is how many attempts its log has; None where that was not read."""

    id: str
    rig_id: str
    status: str
    attempts: int
    logged: int | None = None


@dataclass(frozen=True)
class MergeFact:
    """A row of a merge queue."""

    id: str
    bead_id: str
    status: str


@dataclass(frozen=True)
class LetterFact:
    """A letter in a box; `seq` grows with its age."""

    seq: int
    box: str
    delivered_at: float | None


@dataclass(frozen=True)
class MessageFact:
    """A person's words for a bead's agent; `seq` grows with its age. `state`: queued, delivered or failed."""

    seq: int
    bead_id: str
    state: str
    delivered_at: float | None


@dataclass(frozen=True)
class State:
    """One rig, or a whole home, as stored at one moment. `events`: number of the ledger's last entry, and how many.

    `home_cap` and `kind_caps` bound live runs of all rigs and of one kind of agent; none where they were not read.
    """

    rigs: Mapping[str, RigFact] = field(default_factory=dict)
    runs: tuple[RunFact, ...] = ()
    polecats: tuple[PolecatFact, ...] = ()
    beads: tuple[BeadFact, ...] = ()
    merges: tuple[MergeFact, ...] = ()
    letters: tuple[LetterFact, ...] = ()
    messages: tuple[MessageFact, ...] = ()
    home_cap: int | None = None
    kind_caps: Mapping[str, int] = field(default_factory=dict)
    events: tuple[int, int] = (0, 0)


def state_of(snapshot: Snapshot) -> State:
    """What a rig's snapshot shows of its state: its unfinished runs and merges and the beads that belong to them."""
    rig = snapshot.rig_id
    return State(
        rigs={rig: RigFact(snapshot.rules.max_polecats, snapshot.last_run_number, snapshot.rules.pool)},
        runs=tuple(
            RunFact(
                id=run.id,
                rig_id=rig,
                number=run.number,
                bead_id=run.bead.id,
                polecat_id=run.polecat_id,
                branch=run.branch,
                worktree=run.worktree,
                live=run.phase in LIVE,
            )
            for run in snapshot.runs
        ),
        polecats=tuple(PolecatFact(cat.id, rig, cat.name, cat.bead_id) for cat in snapshot.polecats),
        beads=tuple(BeadFact(run.bead.id, rig, run.bead.status, run.bead.attempts) for run in snapshot.runs),
        merges=tuple(MergeFact(merge.id, merge.bead_id, merge.status) for merge in snapshot.merges),
    )
