"""What the container does for the server: the runs it knows, the requests it answers, the reports it sends."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from boomtown.container import cloning, gates, proctable, sandbox, unmarked, work
from boomtown.container.cgroups import Cgroups
from boomtown.container.clones import Clones
from boomtown.container.git import Git
from boomtown.container.hosts import Hosts
from boomtown.container.processes import Processes
from boomtown.container.protocol import (
    PROTOCOL,
    Attached,
    CloneResult,
    CloneSpec,
    DisposeResult,
    DisposeSpec,
    Facts,
    GateResult,
    GateSpec,
    Hello,
    Message,
    Report,
    RunSpec,
    RunState,
)
from boomtown.container.runs import EXITED, Run, Workshop, read_facts
from boomtown.container.settings import Settings
from boomtown.container.trees import Forest
from boomtown.container.warm import Keeper
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import AlreadyRunningError, ConflictError
from boomtown.home.clock import new_id
from boomtown.home.paths import Home

log = structlog.get_logger()

CROWD_LOOK_S = 0.5
CROWD_GROWTH = 300
"""More new processes of the whole machine than this, since the last look, are looked into at once."""
_GONE_IDS = 100_000
"""How many ids of runs that must never start are remembered."""


class Container:
    """One town container. `send` gets everything that it says unasked; `has_listener` whether anybody hears it."""

    def __init__(self, home: Home, home_id: str, settings: Settings, groups: Cgroups | None = None) -> None:
        self.home = home
        self.home_id = home_id
        self.settings = settings
        self.id = new_id()
        self.started_at = time.time()
        self.processes = Processes()
        self.forest = Forest(home_id, lambda: self.processes.pids)
        self.git = Git(self.processes, home_id)
        self.clones = Clones(home, self.git)
        self.send: Callable[[str, Any], None] = _nobody_hears
        self.has_listener: Callable[[], bool] = lambda: False
        self.busy = 0
        """Requests that are being worked on."""
        self._checkouts = asyncio.Semaphore(2 * max(2, os.cpu_count() or 2))
        self._trees: dict[str, Worktrees] = {}
        self.hosts = Hosts(home, self.processes, self.forest, settings.shared_idle_s)
        self._shop = Workshop(home, self.processes, self.forest, self.clones, self.hosts, self.trees, groups)
        self._runs: dict[str, Run] = {}
        self._gone: dict[str, None] = {}
        self._gates: dict[str, asyncio.Task[GateResult]] = {}
        self._reporter: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._keeper = Keeper(settings, lambda: any(run.preparing for run in self._runs.values()))
        self._unmarked: list[tuple[int, float]] = []

    def trees(self, rig: str) -> Worktrees:
        """The worktrees of a rig. Raises `NotFoundError` if it has no clone."""
        trees = self._trees.get(rig)
        if trees is None:
            trees = Worktrees(self.clones.get(rig), self._checkouts, self.settings.min_free_bytes)
            self._trees[rig] = trees
        return trees

    @property
    def live(self) -> list[Run]:
        return [run for run in self._runs.values() if run.live]

    def hello(self) -> Hello:
        return Hello(
            protocol=PROTOCOL,
            container_id=self.id,
            home_id=self.home_id,
            pid=os.getpid(),
            started_at=self.started_at,
            runs=tuple(run.view() for run in self._runs.values()),
            sandboxes=sandbox.probe(),
        )

    # runs

    async def start(self, spec: RunSpec) -> RunState:
        """Start a run, or say how it stands; see `ContainerClient.start`."""
        run = self._runs.get(spec.run_id)
        if run is not None:
            return run.view()
        if spec.run_id in self._gone:
            return _never(spec, str(self.home.rig(spec.rig).worktree(spec.worktree_slug)))
        for other in self.live:
            if (same := _same(other.spec, spec)) is not None:
                raise AlreadyRunningError(f"{same} runs already, as run {other.spec.number}.")
        run = self._runs[spec.run_id] = Run(spec, self._shop, self._exited, self._news)
        self.keep_reporting()
        try:
            await run.start()
        except BaseException:
            del self._runs[spec.run_id]
            raise
        self.trees(spec.rig).at_once = spec.at_once
        self._refresh(spec.rig, spec.base_branch, fetch=False)
        return run.view()

    def stop(self, run_id: str, grace_s: float, gently: bool) -> bool:
        run = self._runs.get(run_id)
        if run is None:
            self._never_start(run_id)
            return False
        run.stop(grace_s, gently)
        return True

    def tell(self, run_id: str, messages: tuple[Message, ...]) -> bool:
        """See `ContainerClient.tell`."""
        run = self._runs.get(run_id)
        return run is not None and run.tell(messages)

    async def attach(self, run_id: str, by: str, pid: int, command: list[str]) -> tuple[str, Attached]:
        """See `ContainerClient.attach`."""
        run = self._runs.get(run_id)
        if run is None or not run.live:
            raise ConflictError("The run is over.")
        return await run.attach(by, pid, command)

    def detach(self, run_id: str, ticket: str, how: str) -> bool:
        """See `ContainerClient.detach`."""
        run = self._runs.get(run_id)
        return run is not None and run.detach(ticket, how)

    def forget(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            run = self._runs.get(run_id)
            if run is not None and not run.live:
                del self._runs[run_id]
                self._never_start(run_id)

    def _never_start(self, run_id: str) -> None:
        self._gone[run_id] = None
        if len(self._gone) > _GONE_IDS:
            del self._gone[next(iter(self._gone))]

    def _news(self, run: Run) -> None:
        if self.has_listener():
            self.send("report", Report(time.time(), (run.view(),)))

    def _exited(self, run: Run) -> None:
        self.send("exit", Report(time.time(), (run.view(),)))
        self._refresh(run.spec.rig, run.spec.base_branch, fetch=True)

    def _refresh(self, rig: str, default_branch: str, *, fetch: bool) -> None:
        """Be ready for the next start."""
        if self.settings.warm_worktrees and not self._draining:
            self.later(self._keeper.refresh(self.trees(rig), default_branch, fetch))

    async def inspect(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> Facts:
        self._refuse_if_live(rig, branch, worktree_slug)
        return await read_facts(self.trees(rig), branch, worktree_slug, base_branch)

    async def dispose(self, spec: DisposeSpec) -> DisposeResult:
        self._refuse_if_live(spec.rig, spec.branch, spec.worktree_slug)
        trees = self.trees(spec.rig)
        result = await work.dispose(trees, spec)
        self.later(trees.empty_trash())
        return result

    def _refuse_if_live(self, rig: str, branch: str, slug: str) -> None:
        for run in self.live:
            if run.spec.rig == rig and (run.spec.branch == branch or run.spec.worktree_slug == slug):
                raise ConflictError(f"Run {run.spec.number} is still at work on {run.spec.branch}.")

    # rigs

    async def clone(self, spec: CloneSpec) -> CloneResult:
        result = await cloning.clone(self.clones, spec)
        self.trees(spec.rig).at_once = spec.at_once
        self._refresh(spec.rig, result.default_branch, fetch=False)
        return result

    async def remove_rig(self, rig: str) -> None:
        if any(run.spec.rig == rig for run in self.live):
            raise ConflictError(f"Runs of the rig {rig!r} are live. Stop them first.")
        self._trees.pop(rig, None)
        await self.hosts.close(rig)
        await cloning.remove_rig(self.clones, rig)

    async def gates(self, spec: GateSpec) -> GateResult:
        """Run gates, or join those of the same key that run."""
        running = self._gates.get(spec.key)
        if running is None:
            running = self._gates[spec.key] = asyncio.get_running_loop().create_task(gates.run_gates(self._shop, spec))
            running.add_done_callback(lambda _: self._gates.pop(spec.key, None))
        try:
            return await asyncio.shield(running)
        finally:
            self.later(self.trees(spec.rig).empty_trash())

    # reports

    def keep_reporting(self) -> None:
        """Report every few seconds for as long as there is something to report, and not at all otherwise."""
        if self._reporter is None or self._reporter.done():
            self._reporter = self._task(self._report(), "reports")
        if self._watcher is None or self._watcher.done():
            self._watcher = self._task(self._watch_crowds(), "crowds")

    async def _watch_crowds(self) -> None:
        """End runs that start processes without end, before those take the machine; cheap while nobody does."""
        before = proctable.tasks()
        while self.live:
            await asyncio.sleep(CROWD_LOOK_S)
            now = proctable.tasks()
            if now > before + CROWD_GROWTH:
                await self._look()
            before = now

    async def _look(self) -> None:
        await self.forest.look()
        for run in self.live:
            run.end_if_crowded()

    async def _report(self) -> None:
        while self._runs or self.busy:
            await asyncio.sleep(self.settings.report_every_s)
            if self.live:
                await self._look()
                self._remember_unmarked()
            if self.has_listener() and (self._runs or self.busy):
                self.send("report", Report(time.time(), tuple(run.view() for run in self._runs.values())))

    def _remember_unmarked(self) -> None:
        found = self.forest.unmarked()
        if found != self._unmarked:
            self._unmarked = found
            unmarked.remember(self.home, found)

    # beginning and end

    def tidy(self) -> None:
        """Before the first request: take away what a predecessor left half done."""
        for rig in self.clones.names():
            trees = self.trees(rig)
            trees.clone.unlock()
            trees.tidy()
            self.later(trees.empty_trash())

    def check_idle(self) -> None:
        """Raise `ConflictError` while runs live."""
        if live := self.live:
            names = ", ".join(sorted(run.spec.name for run in live))
            raise ConflictError(f"{len(live)} runs are live ({names}). Stop them first.")

    async def drain(self, grace_s: float) -> None:
        """Stop all runs and keep their work on their branches."""
        self._draining = True
        runs = self.live
        for run in runs:
            run.stop(grace_s)
        await asyncio.gather(*(run.ended for run in runs))
        for run in runs:
            try:
                await run.keep_work()
            except Exception:
                log.exception("drain.work_not_kept", run=run.spec.run_id)
        await self.hosts.close()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background; a failure is logged."""
        self._task(work, "background")

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed", task=task.get_name(), exc_info=error)

    async def close(self) -> None:
        tasks = [*self._tasks, *self._gates.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nobody_hears(_event: str, _data: Any) -> None:
    pass


def _same(one: RunSpec, other: RunSpec) -> str | None:
    """What two runs have in common that only one may have."""
    if one.bead_id == other.bead_id:
        return f"The bead {one.bead_id}"
    if one.polecat_id == other.polecat_id:
        return f"The polecat {one.name}"
    if one.rig == other.rig and one.branch == other.branch:
        return f"The branch {one.branch}"
    if one.rig == other.rig and one.worktree_slug == other.worktree_slug:
        return f"The worktree {one.worktree_slug}"
    return None


def _never(spec: RunSpec, worktree: str) -> RunState:
    """The answer to a late request to start what was stopped, or is over and forgotten."""
    return RunState(
        run_id=spec.run_id,
        number=spec.number,
        rig=spec.rig,
        bead_id=spec.bead_id,
        polecat_id=spec.polecat_id,
        branch=spec.branch,
        worktree=worktree,
        state=EXITED,
        start_failed=True,
        error="The run was stopped before it started.",
    )
