"""What server and container say to each other.

One Unix socket, JSON lines both ways. Request `{"id", "op", "args"}`, answer `{"id", "result"}` or
`{"id", "error": {"code", "message", "data"}}`; the container also sends `{"event", "data"}` on its own: `report` every
five seconds while something runs, `exit` at once. Everything is idempotent: whoever did not get an answer asks again.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

PROTOCOL = 1
"""Grows when a message changes. A server works with a container of `PROTOCOL - 1` too."""

ROLE_FILE = ".boomtown/prompts/polecat.md"
"""Below a repository's root: its own rules for polecats."""
REPORT_EVERY_S = 5.0
STOP_GRACE_S = 10.0
AT_ONCE = 5
DONE_GRACE_S = 30.0


@dataclass(frozen=True)
class Hello:
    """The container's answer to `hello`. `pid` and `started_at` (epoch seconds) tell one from its successor.

    `sandboxes`: those that work there, the best first.
    """

    protocol: int
    container_id: str
    home_id: str
    pid: int
    started_at: float
    runs: tuple[RunState, ...]
    sandboxes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What a worktree needs beyond what git has in it, for agents and gates alike.

    `copy` and `link`: paths in the worktree, whose files are in the rig's own folder or else in the checkout that it
    was made from. `home_files`: paths below the user's HOME, copied into that of the run. `lfs`: the default branch, if
    large files are wanted. `setup`: commands, in order, with `setup_timeout_s` seconds each. `caches`: whether package
    managers share one cache over the home. `sandbox`: none, auto, bwrap or landlock; what lies below `sandbox_read` and
    `sandbox_write` can be reached in it.
    """

    copy: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    home_files: tuple[str, ...] = ()
    submodules: bool = False
    lfs: str = ""
    setup: tuple[str, ...] = ()
    setup_timeout_s: float = 600.0
    caches: bool = False
    sandbox: str = "none"
    sandbox_read: tuple[str, ...] = ()
    sandbox_write: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether what git has is all there is to it."""
        return not (self.copy or self.link or self.home_files or self.submodules or self.lfs or self.setup)


@dataclass(frozen=True)
class RunSpec:
    """Everything that the container needs to start one run.

    `worktree_slug` names the folder below `rigs/<rig>/worktrees`. `base_branch` is the rig's default branch; a new
    branch starts there (the container knows the ref), an existing one at its tip. `old_branch`: the bead's branch
    under an earlier name, to be renamed first. `env` is the whole environment but HOME, XDG_*, TMPDIR, which the
    container makes below `agent_home`. `rework`: merge the newest default branch in first and leave a conflict in the
    worktree. `wip_subject` is used if the container has to keep work without a server. `prompt_mode`: stdin, argument
    or file. The prompt is complete but for what only the container sees: the rules of the `role`, which a repository
    may have a file of its own for (`ROLE_FILE`), and the files in conflict, added through `conflict_note` (`{files}`).
    `at_once`: how many runs the rig may have at a time; so many worktrees are worth having ready. `secrets`: what must
    not be told of its environment, to anybody. `report`: what the agent says in the end is wanted.
    `memory_limit`: bytes that the kernel holds the run to, where it does such a thing.
    """

    run_id: str
    number: int
    rig: str
    bead_id: str
    polecat_id: str
    name: str
    branch: str
    worktree_slug: str
    base_branch: str
    agent_kind: str
    adapter: str
    command: tuple[str, ...]
    prompt: str
    prompt_mode: str
    env: dict[str, str]
    author_name: str
    author_email: str
    wip_subject: str
    old_branch: str | None = None
    rework: bool = False
    conflict_note: str = ""
    role: str = ""
    fetch_max_age_s: float = 30.0
    secrets: tuple[str, ...] = ()
    around: Surroundings = Surroundings()
    talk: Talk | None = None
    at_once: int = AT_ONCE
    report: bool = False
    memory_limit: int | None = None


@dataclass(frozen=True)
class Message:
    """Words for a running agent. `now`: its turn is cancelled for them. `answers`: the id of a question of its run.

    `sender`: whose words they are; empty: a person's.
    """

    id: str
    text: str
    sender: str = ""
    now: bool = False
    answers: str | None = None


@dataclass(frozen=True)
class Talk:
    """How to speak with an agent that speaks ACP: what its preset and the home's settings come to.

    `files`: texts to write below HOME, by path; those of `first_files` only where there is none yet. `gifts`: by path
    below HOME, files and folders of the person's to copy there; `notes` are said in the stream. `mode`: the
    session mode to set. `model`: what the session must say that it uses; None: not checked. `tools`: variables for the
    town's tools. `cut`: a pattern for its standard error, see `home.presets`. `resumes`: an earlier session may be
    loaded; `again` is the prompt then, unless the words of the bead (`words`, a digest) have changed; `back` is that
    after a person had the session within the run. `reminder`: what
    to say once if a turn ends and nothing was handed on. `preset`: what the agent is of. `past`: what was done
    so far, for a new session; the container adds it. `answer_within_s`: how long an agent may be silent within a turn.
    `messages`: what waited for it. `shared`: where one process serves many runs, the names of the variables that are
    this run's own; empty: it has a process of its own.
    """

    files: dict[str, str] = field(default_factory=dict)
    first_files: dict[str, str] = field(default_factory=dict)
    gifts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    permission: str = "allow"
    mode: str | None = None
    model: str | None = None
    tools: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    usage: str = "turn"
    resumes: bool = True
    ends_on_eof: bool = True
    again: str = ""
    back: str = ""
    past: str = ""
    words: str = ""
    preset: str = ""
    reminder: str = ""
    answer_within_s: float = 600.0
    messages: tuple[Message, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What an agent wants to know of a person before it goes on. `options`: the answers that it offers."""

    id: str
    text: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An agent's model does not answer it. `why`: quota, or auth (no login, a wrong or an expired one).

    `words`: the agent's. `until`: when the limit is over (epoch seconds), if that was said.
    """

    why: str
    words: str
    until: float | None = None


@dataclass(frozen=True)
class Usage:
    """What a run has used. `input_tokens` has the `cached_tokens` in it, `output_tokens` the `reasoning_tokens`.

    `cost_usd` None: the agent does not say.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Facts:
    """What git says of a branch and its worktree; see `domain.runs.GitFacts`."""

    own_commits: int = 0
    tip: str | None = None
    dirty: bool = False
    marked_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunState:
    """One run as the container sees it. Times are epoch seconds.

    `state`: starting (`pid` is a setup command's then), running, exited (whole process tree proven gone; `facts` are
    set then, unless git failed, which `error` says; while it lives, that is a trouble it may come out of).
    `last_words`: the last lines of output, for people. `session`, `question`, `usage` and `delivered` (ids of messages
    that the session took, in any run of this polecat) are those of an agent that speaks ACP.
    `out_of_memory`: the kernel has killed it for its limit of memory. `refusal`: the run ended since its model does not
    answer it; `answered`: it has. `report`: what it said in the end, once it has exited, if its spec asks for that: its
    last message, or the standard output of a command.
    `attached`: the person who has the session in the place of the town, by `ticket`; `left`: how the last one did.
    """

    run_id: str
    number: int
    rig: str
    bead_id: str
    polecat_id: str
    branch: str
    worktree: str
    state: str
    pid: int | None = None
    started_at: float | None = None
    exited_at: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    start_failed: bool = False
    setup_failed: bool = False
    out_of_memory: bool = False
    last_output_at: float | None = None
    last_seq: int = 0
    cpu_percent: float = 0.0
    memory_bytes: int = 0
    peak_memory_bytes: int = 0
    last_words: str = ""
    facts: Facts | None = None
    session: str | None = None
    question: Question | None = None
    usage: Usage | None = None
    delivered: tuple[str, ...] = ()
    refusal: Refusal | None = None
    answered: bool = False
    report: str = ""
    attached: str = ""
    ticket: str = ""
    left: str = ""


@dataclass(frozen=True)
class Attached:
    """A run whose agent's own interface a person may start now: what, where, with what environment."""

    path: str
    argv: tuple[str, ...]
    env: dict[str, str]


@dataclass(frozen=True)
class Report:
    """Every five seconds, and at once at an exit: all runs that the server has not told it to forget."""

    at: float
    runs: tuple[RunState, ...]


@dataclass(frozen=True)
class CloneSpec:
    """A repository to clone as `rigs/<rig>/repo.git`. `branch` None: the origin's HEAD. `at_once`: as in `RunSpec`."""

    rig: str
    url: str
    branch: str | None = None
    at_once: int = AT_ONCE


@dataclass(frozen=True)
class CloneResult:
    """`notes`: sentences for the person who adds the rig (work that polecats won't see, LFS, submodules, empty)."""

    default_branch: str
    head: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DisposeSpec:
    """Take a run's worktree away, keeping every byte of its work.

    `wip`: "branch" makes uncommitted files the commit `wip_subject` on the branch; "ref" keeps them at
    `refs/boomtown/wip/<run id>` only.
    """

    rig: str
    run_id: str
    worktree_slug: str
    branch: str
    wip: str
    wip_subject: str
    author_name: str
    author_email: str
    base_branch: str


@dataclass(frozen=True)
class DisposeResult:
    """`wip_commit`: the commit made, or None where nothing was uncommitted. `tip`: the branch afterwards."""

    wip_commit: str | None
    tip: str | None


@dataclass(frozen=True)
class MergeSpec:
    """A branch to be merged onto the newest default branch, without a checkout.

    `message` and `author_*` are for the one commit that lands. `style`: squash or merge.
    """

    rig: str
    merge_id: str
    branch: str
    base_branch: str
    style: str
    message: str
    author_name: str
    author_email: str


@dataclass(frozen=True)
class MergePlan:
    """`commit` on `base` with `tree`, ready to be tested and pushed; or, if `conflicts`, none of them.

    `base` is the tip of the default branch that was merged onto, `base_tree` its tree. `conflict_commits`: subjects of
    the commits on the default branch that touched the files in conflict, for the prompt. `already_merged`: the branch
    is contained in the default branch.
    """

    base: str | None
    base_tree: str | None
    tip: str
    commit: str | None = None
    tree: str | None = None
    conflicts: tuple[str, ...] = ()
    conflict_commits: tuple[str, ...] = ()
    already_merged: bool = False


@dataclass(frozen=True)
class GateSpec:
    """Commands to run, in order, in a scratch worktree of `commit`, once that has its surroundings.

    `key` makes a repeated request join the first.
    """

    rig: str
    key: str
    commit: str
    gates: tuple[str, ...]
    timeout_s: float
    env: dict[str, str]
    log_path: str
    around: Surroundings = Surroundings()


@dataclass(frozen=True)
class GateResult:
    """`green`, or the first gate that was red: its command, exit code (None: timed out), last 100 lines.

    Where it is the setup that failed, `failed` begins with `setup: `.
    """

    green: bool
    failed: str | None = None
    exit_code: int | None = None
    timed_out: bool = False
    tail: str = ""
    log_path: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class PushSpec:
    """Advance the default branch from `base` to `commit` by compare-and-set.

    In a work tree on this machine that has the default branch checked out, `boomtown/<default>` is advanced instead.
    """

    rig: str
    base_branch: str
    base: str | None
    commit: str


@dataclass(frozen=True)
class PushResult:
    """`status`: landed, moved (start again from the fetch) or refused (`words` are the remote's). `ref`: where to."""

    status: str
    ref: str = ""
    words: str = ""


@dataclass(frozen=True)
class DiffSpec:
    """What a bead changes. `worktree_slug`: its folder while it is worked on. `landed`: the commit that closed it."""

    rig: str
    bead_id: str
    branch: str
    base_branch: str
    worktree_slug: str | None = None
    landed: str | None = None


@dataclass(frozen=True)
class Diff:
    """`text` is a unified diff against the merge base, `stat` git's summary; both with uncommitted work while live."""

    text: str
    stat: str
    base: str | None
    tip: str | None


T = TypeVar("T")


def to_wire(value: Any) -> Any:
    """Dataclasses as JSON objects, tuples as arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_wire(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    return value


def from_wire(kind: type[T], value: Any) -> T:
    """The dataclass `kind` from its JSON object. Unknown fields are ignored, missing ones get their default."""
    plan = _plan(kind)
    known = {name: item for name, item in value.items() if name in plan}
    for name, item in known.items():
        decode = plan[name]
        if decode is not None and item is not None:
            known[name] = decode(item)
    return kind(**known)


Decode = Callable[[Any], Any]


@functools.cache
def _plan(kind: type) -> dict[str, Decode | None]:
    """How the fields of a dataclass are read; None: as they are. A report has twenty for each of hundreds of runs."""
    hints = typing.get_type_hints(kind)
    return {field.name: _decoder(hints[field.name]) for field in dataclasses.fields(kind)}


def _decoder(hint: Any) -> Decode | None:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _decoder(next(arm for arm in typing.get_args(hint) if arm is not type(None)))
    if origin is tuple:
        of_each = _decoder(typing.get_args(hint)[0])
        return tuple if of_each is None else lambda items: tuple(map(of_each, items))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return functools.partial(from_wire, hint)
    return None
