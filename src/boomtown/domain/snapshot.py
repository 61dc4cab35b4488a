"""What the Rig looks at before it decides: bounded, immutable, the same for the same state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from boomtown.domain.attempts import DELAYS_S
from boomtown.domain.budgets import Purse
from boomtown.domain.kinds import KindState, Refusal
from boomtown.domain.memory import Memory
from boomtown.domain.merges import MergeMode
from boomtown.domain.names import POOL
from boomtown.domain.runs import GitFacts


@dataclass(frozen=True)
class Question:
    """What an agent wants to know of a person. `options`: the answers that it offers."""

    id: str
    text: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """Tokens and cost of one run; `container.protocol.Usage` says what is in what."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Seen:
    """A run as its container sees it. `state`: starting, running, exited. Times are epoch seconds."""

    state: str
    pid: int | None = None
    started_at: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    start_failed: bool = False
    setup_failed: bool = False
    """Its worktree could not be made ready."""
    out_of_memory: bool = False
    """The kernel has killed it for its limit of memory."""
    error: str | None = None
    last_words: str = ""
    report: str = ""
    """What it said in the end, where that is what its bead wants."""
    last_output_at: float | None = None
    facts: GitFacts | None = None
    session: str | None = None
    question: Question | None = None
    """What it wants to know of a person while it waits."""
    usage: Usage | None = None
    peak_memory_bytes: int = 0
    delivered: frozenset[str] = frozenset()
    """Messages that its session took."""
    refusal: Refusal | None = None
    """Its model refuses to answer: a limit, or a login."""
    answered: bool = False
    """Its model has answered with work."""
    attached: bool = False
    """A person has its session."""


@dataclass(frozen=True)
class Container:
    """The attached container: that it is attached proves that nothing of an earlier one runs."""

    id: str
    runs: Mapping[str, Seen] = field(default_factory=dict)
    """Those of this rig, also ones that the store does not know."""
    gone: frozenset[str] = frozenset()
    """Runs of this container that were stopped before they started; it will never start them."""


@dataclass(frozen=True)
class BeadView:
    """A bead that is due now, or has an unfinished run."""

    id: str
    status: str
    title: str = ""
    prefix: str = ""
    kinds: tuple[str, ...] = ()
    """Those that it may be given to, in order; the first that can be used is."""
    branch: str | None = None
    attempts: int = 0
    delay_step: int = 0
    no_work_streak: int = 0
    lost_streak: int = 0
    own_commits: int = 0
    timeout_s: float | None = None
    rework: bool = False
    wants_report: bool = False
    """Its agent's text is wanted, and no commit."""
    question: str | None = None
    """What a person is asked with `gt_ask` and has not answered; the bead is held for it when the run is over."""
    purses: tuple[Purse, ...] = ()
    """Its own budgets, where it has some and runs."""


@dataclass(frozen=True)
class RunView:
    """A run that is not over yet: live, or its worktree is still there."""

    id: str
    number: int
    polecat_id: str
    bead: BeadView
    phase: str
    claimed_at: float
    deadline_at: float
    agent_kind: str = ""
    branch: str = ""
    worktree: str = ""
    container_id: str | None = None
    stop_reason: str | None = None
    stop_at: float | None = None
    done_at: float | None = None
    reported: bool = False
    """A report, or else a summary, of it is stored."""
    started_at: float | None = None
    last_call_at: float | None = None
    stalled: bool = False
    talks: bool = False
    """It is spoken with, and can be told things while it works."""
    asking: str | None = None
    """The id of the question that is stored as its own: it waits for leave to use a tool."""
    memory_bytes: int = 0
    memory_limit: int | None = None
    shared: bool = False
    """Its agent's process serves others too, and `memory_bytes` has its share of that."""
    unheard: frozenset[str] = frozenset()
    """Messages for its bead that no session took yet."""
    exit: Seen | None = None
    """Its exit, as stored before git was read."""
    facts: GitFacts | None = None
    """From an inspection, where no container remembers the run."""
    wip: str | None = None


@dataclass(frozen=True)
class PolecatView:
    """A registered polecat and how its bead stands."""

    id: str
    name: str
    bead_id: str
    bead_status: str


@dataclass(frozen=True)
class MergeView:
    """An unfinished merge. `clear`: no run of its bead is left, so that its branch stands still.

    `retry_at`: when a red base is looked at again.
    """

    id: str
    bead_id: str
    status: str
    clear: bool
    retry_at: float | None = None


@dataclass(frozen=True)
class Room:
    """How much room the whole home leaves this rig.

    `slots` None: no cap. `kinds` has the free places of agent kinds with a cap. Nothing of the kinds `suspended` may
    start now. `fewest_elsewhere`: live runs of the
    rig with the fewest among those that wait for a place too; None where none waits.
    """

    slots: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    suspended: frozenset[str] = frozenset()
    fewest_elsewhere: int | None = None


@dataclass(frozen=True)
class Rules:
    """Settings in force for this rig; durations in seconds."""

    max_polecats: int = 5
    merge: str = MergeMode.REVIEW
    pool: tuple[str, ...] = POOL
    timeout_s: float = 4 * 3600.0
    stall_after_s: float = 900.0
    delays_s: tuple[float, ...] = DELAYS_S
    stop_grace_s: float = 10.0
    done_grace_s: float = 30.0
    quota_backoff_s: tuple[float, ...] = (60.0, 300.0, 900.0, 1800.0)


@dataclass(frozen=True)
class Snapshot:
    """One rig at one moment."""

    rig_id: str
    rig_name: str
    rules: Rules
    dispatching: bool
    """False while rig, home or breaker pause it, and while the home goes down."""
    last_run_number: int
    room: Room = Room()
    container: Container | None = None
    runs: tuple[RunView, ...] = ()
    polecats: tuple[PolecatView, ...] = ()
    queue: tuple[BeadView, ...] = ()
    merges: tuple[MergeView, ...] = ()
    purses: tuple[Purse, ...] = ()
    """Budgets of the rig and the home."""
    memory: Memory | None = None
    """None: not known, and nothing is decided by it."""
    busy: frozenset[str] = frozenset()
    """Ids of runs and merges for which a request is on its way."""
    stopping: frozenset[tuple[str, str]] = frozenset()
    """Runs, with the reason, that the container has been told to end."""
    told: frozenset[tuple[str, str]] = frozenset()
    """Runs, with a message, that the container has."""
    next_due: float | None = None
    awake_since: float = 0.0
    """When the machine was last seen to have been suspended before: nobody counts as silent then (epoch seconds)."""
    refused: Mapping[str, KindState] = field(default_factory=dict)
    """Agent kinds, of the whole home, whose provider refused them."""
