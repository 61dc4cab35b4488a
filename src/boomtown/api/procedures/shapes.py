"""The objects of CONTRACT section 2 as types: every field always present, null when empty; times are ISO 8601 UTC."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypeAliasType, TypedDict

from boomtown.domain.beads import BeadStatus, BeadType, Priority, QueueReason
from boomtown.domain.merges import LandingStyle, MergeMode, MergeStatus
from boomtown.domain.users import Role


class Town(TypedDict):
    id: str
    name: str
    created_at: str


class Attempt(TypedDict):
    """One end of a run or of a merge. `costs`: whether it used up one of the bead's attempts."""

    number: int
    run_id: str | None
    outcome: str
    costs: bool
    started_at: str | None
    ended_at: str | None
    exit_status: str | int | None
    error: str | None


class Usage(TypedDict):
    """`input_tokens` has the cached ones in it, `output_tokens` the reasoning. `cost_usd` null: the agent is silent."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: float | None


class Question(TypedDict):
    """What a person is asked. `waits`: its agent stands still for the answer."""

    id: str
    text: str
    options: list[str]
    waits: bool


class Bead(TypedDict):
    id: str
    bead_id: str
    rig_id: str
    parent_bead_id: str | None
    type: BeadType
    status: BeadStatus
    title: str
    body: str
    priority: Priority
    labels: list[str]
    metadata: Any
    agent_kind: str | None
    model: str | None
    timeout: float | None
    budget_usd: float | None
    budget_tokens: int | None
    branch: str | None
    assignee: str | None
    assignee_agent_bead_id: str | None
    created_by: str
    attempts: int
    attempt_log: list[Attempt]
    last_error: str | None
    question: Question | None
    usage: Usage | None
    attached_by: str | None
    queue_reason: QueueReason | None
    queue_detail: str | None
    queue_position: int | None
    blocked_by: list[str]
    not_before: str | None
    created_at: str
    updated_at: str
    closed_at: str | None


class BeadPage(TypedDict):
    """`nextCursor` is the `cursor` of the page that follows; null on the last."""

    items: list[Bead]
    nextCursor: str | None


class Merge(TypedDict):
    id: str
    bead_id: str
    branch: str
    status: MergeStatus
    merge_commit: str | None
    error: str | None
    pr_url: str | None
    created_at: str
    updated_at: str


class GateStep(TypedDict):
    """A command that has begun. `gate` counts the gates from 1, and is null for what prepares the tree for them."""

    command: str
    gate: int | None
    began_at: str
    ended_at: str | None
    result: str | None


class GateOutput(TypedDict):
    """`text` begins at the byte `since` of the file at `path`, and ends before `nextSince`."""

    merge_id: str
    gates: list[str]
    steps: list[GateStep]
    text: str
    since: int
    nextSince: int
    path: str


class AgentMessage(TypedDict):
    """Words for an agent. `state` is failed if its bead was over before its session took them. `sender` null: a person.

    `answers` is the id of the question.
    """

    id: str
    bead_id: str
    sender: str | None
    text: str
    now: bool
    answers: str | None
    state: Literal["queued", "delivered", "failed"]
    created_at: str
    delivered_at: str | None


class BeadWithMerge(Bead):
    """A bead with its latest merge, the report that it was closed with, and all messages for its agent."""

    merge: Merge | None
    report: str | None
    messages: list[AgentMessage]


AgentStatus = TypeAliasType("AgentStatus", Literal["working", "idle", "stalled", "dead"])


class Agent(TypedDict):
    """A polecat: the worker of one bead."""

    id: str
    rig_id: str
    role: str
    name: str
    identity: str
    status: AgentStatus
    bead_id: str | None
    current_hook_bead_id: str | None
    run: int | None
    run_id: str | None
    branch: str | None
    worktree: str | None
    pid: int | None
    agent_kind: str | None
    dispatch_attempts: int
    started_at: str | None
    last_event_at: str | None
    last_activity_at: str | None
    heartbeat_at: str | None
    cpu_percent: float | None
    memory_bytes: int | None
    checkpoint: Any
    usage: Usage | None
    attached_by: str | None
    created_at: str


class Rig(TypedDict):
    id: str
    town_id: str
    name: str
    git_url: str
    default_branch: str
    max_polecats: int
    live: int
    agent: str | None
    merge: MergeMode
    landing: LandingStyle
    gates: list[str]
    status: Literal["active", "paused"]
    settings: dict[str, Any]
    created_at: str


class RigAdded(Rig):
    """`notes`: sentences for the person who adds it, for instance on work that polecats won't see."""

    notes: list[str]


class RigAtWork(Rig):
    """A rig with its agents and the beads in progress."""

    agents: list[Agent]
    beads: list[Bead]


class TownWithRigs(Town):
    rigs: list[Rig]


class LedgerEvent(TypedDict):
    """One entry of the ledger. `seq` grows over the whole home; `kind` is like `bead.created` or `run.ended`."""

    seq: int
    id: str
    at: str
    town_id: str | None
    rig_id: str | None
    bead_id: str | None
    agent_id: str | None
    run_id: str | None
    kind: str
    actor: str
    data: dict[str, Any]
    bead_title: str | None
    agent_name: str | None


class EventPage(TypedDict):
    """`nextSince` is the `since` of the call that follows."""

    items: list[LedgerEvent]
    nextSince: int


class Frame(TypedDict):
    """One line of a run's stream. `seq` grows by one within the run. `more`: the line goes on in the next frame."""

    agentId: str
    runId: str
    seq: int
    at: str
    kind: str
    data: Any
    more: NotRequired[bool]


class LiveEvent(TypedDict):
    type: Literal["event"]
    event: LedgerEvent


class LiveFrames(TypedDict):
    """Frames of one run, in their order."""

    type: Literal["frames"]
    frames: list[Frame]


Live = TypeAliasType("Live", LiveEvent | LiveFrames)


class StreamPage(TypedDict):
    runId: str
    agentId: str
    frames: list[Frame]
    nextSince: int
    ended: bool


class Slung(TypedDict):
    """`agent` is null while the bead waits; `bead.queue_reason` says for what."""

    bead: Bead
    agent: Agent | None


class SlungTask(TypedDict):
    bead: Bead
    agent: Agent | None
    state: Literal["assigned", "queued"]
    queueReason: QueueReason | None
    queuePosition: int | None


class SlungMany(TypedDict):
    results: list[SlungTask]


class Diff(TypedDict):
    """`text` is a unified diff against the merge base, `stat` its summary."""

    text: str
    stat: str
    base: str | None
    tip: str | None


class Checked(TypedDict):
    """What the gates said. `failed`: the first that was red; `tail`: its last lines; `seconds` it took."""

    green: bool
    failed: str | None
    tail: str
    seconds: float


class Message(TypedDict):
    """A sentence for people."""

    message: str


class LoginLink(TypedDict):
    """`path` goes behind the server's URL."""

    path: str


class Backup(TypedDict):
    """A copy of the database. `why`: auto, manual, before a migration, or replaced by a restore."""

    name: str
    path: str
    why: Literal["auto", "manual", "migration", "replaced"]
    bytes: int
    created_at: str


class Me(TypedDict):
    name: str
    role: Role


class User(TypedDict):
    """Somebody with a token of their own. `created_by` is an actor of the ledger."""

    id: str
    name: str
    role: Role
    created_by: str
    created_at: str


class UserAdded(User):
    """`token` is shown this once."""

    token: str


class Paused(TypedDict):
    paused: bool


class Sample(TypedDict):
    at: str
    cpu_percent: float
    memory_bytes: int


class Resources(TypedDict):
    """Oldest first; empty without a live run."""

    samples: list[Sample]


class Tried(TypedDict):
    """Agents that are tried again."""

    tried: list[str]


class RefusedAgent(TypedDict):
    """An agent that can't be used. `detail` says why and the cure; `not_before` null: when a person has logged in."""

    agent: str
    why: Literal["auth", "quota"]
    detail: str
    not_before: str | None
    since: str


class Workspace(TypedDict):
    """`env`: a value that may be secret is null."""

    path: str | None
    env: dict[str, str | None]
    live: bool


class Trial(TypedDict):
    """`session` is for `closeTrial`."""

    path: str
    env: dict[str, str]
    setup: list[str]
    run: str
    session: str


class AttachedAgent(TypedDict):
    """What to start in the terminal. `session` is for `detachAgent`; `name` is the polecat's."""

    path: str
    argv: list[str]
    env: dict[str, str]
    session: str
    name: str


class Detached(TypedDict):
    """`theirs` is False if the session was not the person's any more."""

    theirs: bool


class Shell(TypedDict):
    """`session` is what `closeShell` takes."""

    path: str | None
    env: dict[str, str]
    session: str


class InboxItem(TypedDict):
    """Something that waits for a person, and what can be done about it."""

    kind: str
    bead_id: str | None
    merge_id: str | None
    rig_id: str | None
    title: str
    text: str
    action: str
    since: str


class ServerStatus(TypedDict):
    pid: int
    url: str | None
    version: str
    memory_bytes: int


class ContainerStatus(TypedDict):
    pid: int | None
    started_at: str | None
    protocol: int | None
    attached: bool


class RigStatus(Rig):
    """`usage_today`: of what lives, and of what ended since midnight on the server's clock."""

    queue: int
    waiting_for_a_slot: int
    in_review: int
    failed: int
    merges: list[Merge]
    usage: Usage | None
    usage_today: Usage | None


class LastError(TypedDict):
    bead_id: str
    title: str
    error: str
    at: str


class Breach(TypedDict):
    """Something that must never be: a defect of Boomtown. `rule` is what should hold, `detail` what was found last."""

    invariant: str
    rule: str
    detail: str
    count: int
    at: str


class Budget(TypedDict):
    """What the home (`owner` empty) or a rig may spend: `budget` is usd, tokens, usd_per_day or tokens_per_day."""

    scope: Literal["rig", "home"]
    owner: str
    budget: str
    limit: float
    spent: float
    words: str
    renews_at: str | None


class Status(TypedDict):
    home: str
    last_seq: int
    version: str
    server: ServerStatus
    container: ContainerStatus
    sandbox: str
    sandbox_note: str
    breaches: list[Breach]
    live: int
    max_agents: int | None
    agents: list[str]
    default_agent: str | None
    paused: bool
    breaker_open: bool
    refused_agents: list[RefusedAgent]
    last_seq: int
    rigs: list[RigStatus]
    budgets: list[Budget]
    usage: Usage | None
    usage_today: Usage | None
    usage_by_agent: dict[str, Usage]
    usage_by_town: dict[str, Usage]
    last_errors: list[LastError]
