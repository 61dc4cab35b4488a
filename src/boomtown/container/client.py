"""The seam between the Rig and whatever owns processes: what a container can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from boomtown.container.protocol import (
    Attached,
    CloneResult,
    CloneSpec,
    Diff,
    DiffSpec,
    DisposeResult,
    DisposeSpec,
    Facts,
    GateResult,
    GateSpec,
    Hello,
    MergePlan,
    MergeSpec,
    Message,
    PushResult,
    PushSpec,
    Report,
    RunSpec,
    RunState,
    Surroundings,
)


class ContainerClient(Protocol):
    """One attached container. Every call may raise `UnavailableError`: an answer was lost. Observe, then decide."""

    @property
    def attached(self) -> Hello | None:
        """Who is at the other end; None while nobody is."""
        ...

    def on_report(self, call: Callable[[Report], None]) -> None:
        """`call` gets each report and each exit (as a report of one run), on the event loop."""
        ...

    def on_attach(self, call: Callable[[Hello], None]) -> None:
        """`call` gets each container that was attached: the first, and every successor, which runs nothing yet."""
        ...

    async def start(self, spec: RunSpec) -> RunState:
        """Start a run, or say how it stands if its id is known.

        Raises `AlreadyRunningError` if another run of the same bead, polecat, branch or worktree lives. Start failures
        come back as an exited state with `start_failed` and `error`.
        """
        ...

    async def stop(self, run_id: str, grace_s: float, gently: bool = False) -> bool:
        """Ask a run to end; after `grace_s` its whole tree is killed. The exit comes as a report.

        `gently`: it has handed its work on, and an agent that is spoken with may finish its turn.

        Returns False if the run is not known: then it can never be started any more either.
        """
        ...

    async def tell(self, run_id: str, messages: tuple[Message, ...]) -> bool:
        """Pass messages to an agent that is spoken with; those that it has already change nothing.

        Whether its session took them comes with a report (`RunState.delivered`). Returns False if there is no such run.
        """
        ...

    async def attach(self, run_id: str, by: str, pid: int, command: list[str]) -> tuple[str, Attached]:
        """End the program of a run that is spoken with, and give its session to a person; the run stays live.

        `{session}` in `command` becomes the session. `pid` is the process that will hold the agent's own interface:
        when it is gone, the town goes on. Returns a ticket for `detach`. Raises `ConflictError` while somebody has it.
        """
        ...

    async def detach(self, run_id: str, ticket: str, how: str) -> bool:
        """The person has left, for the town to `continue`, or to `hand-on` as after `done`. False: it was over."""
        ...

    async def forget(self, run_ids: list[str]) -> None:
        """The exits of these runs are stored; the container need not report them again."""
        ...

    async def inspect(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> Facts:
        """Read git for a run that no container remembers."""
        ...

    async def dispose(self, spec: DisposeSpec) -> DisposeResult: ...

    async def open_worktree(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> str:
        """A worktree for a person, at the tip of a branch that no run has; returns its path. `dispose` ends it."""
        ...

    async def open_scratch(self, rig: str, what: str, around: Surroundings) -> str:
        """A furnished worktree without a branch at a branch's tip or a commit, for a person; returns its path.

        Raises `NotFoundError` if there is no such commit, `SetupError` if files of the rig are missing.
        """
        ...

    async def close_scratch(self, rig: str, name: str) -> None:
        """Take such a worktree away, by the name of its folder."""
        ...

    async def clone(self, spec: CloneSpec) -> CloneResult:
        """Clone, prove fetch and push, say what polecats won't see. A failed one leaves nothing behind.

        Raises `BadInputError` (refused URL, no such branch, a user branch named `polecat`), `UnavailableError`.
        """
        ...

    async def remove_rig(self, rig: str) -> None: ...

    async def unmerged_branches(self, rig: str, base_branch: str) -> list[str]:
        """Polecats' branches in the clone that the default branch does not contain."""
        ...

    async def merge(self, spec: MergeSpec) -> MergePlan:
        """Fetch, then merge in memory."""
        ...

    async def is_landed(self, rig: str, base_branch: str, commit: str) -> bool:
        """After a fetch: whether the default branch (or its `boomtown/` stand-in) contains `commit`."""
        ...

    async def gates(self, spec: GateSpec) -> GateResult: ...

    async def push(self, spec: PushSpec) -> PushResult: ...

    async def push_branch(self, rig: str, branch: str) -> PushResult:
        """Push a polecat's branch under its own name."""
        ...

    async def retire_branch(self, rig: str, branch: str, bead_id: str) -> None:
        """Delete a branch; its tip stays as `refs/boomtown/beads/<bead id>`."""
        ...

    async def diff(self, spec: DiffSpec) -> Diff:
        """What a bead changes, or has changed. Raises `NotFoundError` without branch, worktree and kept tip."""
        ...

    async def pull(self, rig: str, base_branch: str) -> str:
        """Fast-forward the local checkout this rig was made from; returns a sentence. Raises `ConflictError`."""
        ...

    async def head(self, rig: str, base_branch: str) -> tuple[str, str] | None:
        """Commit and tree of the default branch after a fetch, None for an empty repository."""
        ...

    async def shutdown(self) -> None:
        """End the container. It refuses (`ConflictError`) while runs live."""
        ...
