"""A simulated town container: it owns simulated processes and a model of git, and keeps the real one's promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from boomtown.container.protocol import (
    PROTOCOL,
    CloneResult,
    CloneSpec,
    Diff,
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
    Usage,
)
from boomtown.domain.errors import (
    AlreadyRunningError,
    BadInputError,
    BoomtownError,
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from tests.simulation.repos import MARKED, Clone, Worktree
from tests.simulation.seams import Owner

if TYPE_CHECKING:
    from tests.simulation.machine import Machine, Process

REPORT_EVERY_S = 5.0


class Run:
    """One run as its container has it."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.state = RunState(
            run_id=spec.run_id,
            number=spec.number,
            rig=spec.rig,
            bead_id=spec.bead_id,
            polecat_id=spec.polecat_id,
            branch=spec.branch,
            worktree=f"{spec.rig}/{spec.worktree_slug}",
            state="starting",
        )
        self.process: Process | None = None
        self.stopping = False
        self.unheard: list[Message] = []
        self.kill_at: asyncio.TimerHandle | None = None

    @property
    def live(self) -> bool:
        return self.state.state != "exited"

    def measure(self) -> None:
        """What it takes of the machine, and, where its agent counts, what it costs."""
        if self.process is None or not self.process.alive:
            return
        taken, before = self.process.memory, self.state.usage or Usage(cost_usd=0.0)
        self.note(answered=self.process.answered)
        self.note(memory_bytes=taken, peak_memory_bytes=max(taken, self.state.peak_memory_bytes))
        if self.spec.talk is not None:
            spent = (before.input_tokens + 1000, before.output_tokens + 100, (before.cost_usd or 0.0) + 0.25)
            self.note(usage=Usage(input_tokens=spent[0], output_tokens=spent[1], cost_usd=spent[2]))

    def note(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]


class SimContainer:
    """One container process. `heard` gets its reports; None while no server listens."""

    def __init__(self, machine: Machine, container_id: str) -> None:
        self.id = container_id
        self.machine = machine
        self.owner = Owner(machine.loop, machine.unexpected)
        self.heard: Callable[[Report], None] | None = None
        self.runs: dict[str, Run] = {}
        self._gone: set[str] = set()
        self._frozen: asyncio.Event | None = None
        self._reporting = False
        self.started_at = machine.loop.time()

    # its life

    @property
    def dead(self) -> bool:
        return self.owner.dead

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self) -> None:
        """SIGSTOP: it does nothing; what it started goes on."""
        self._frozen = self._frozen or asyncio.Event()

    def thaw(self) -> None:
        if self._frozen is not None:
            self._frozen.set()
            self._frozen = None

    def kill(self) -> None:
        self.owner.kill()
        for run in self.runs.values():
            if run.kill_at:
                run.kill_at.cancel()
        self.heard = None

    async def _take(self, at_most_s: float = 0.2) -> None:
        """Something takes its time, and none of it while frozen."""
        await asyncio.sleep(self.machine.random.random() * at_most_s)
        while self._frozen is not None:
            await self._frozen.wait()
        if self.dead:
            raise asyncio.CancelledError

    def hello(self) -> Hello:
        runs = tuple(run.state for run in self.runs.values())
        return Hello(PROTOCOL, self.id, "home", 1, self.started_at, runs)

    def _say(self, *states: RunState) -> None:
        if self.heard is not None:
            self.heard(Report(self.machine.clock.now(), states))

    def _keep_reporting(self) -> None:
        if not self._reporting:
            self._reporting = True
            self.owner.spawn(self._report(), name="reports")

    async def _report(self) -> None:
        while self.runs:
            await asyncio.sleep(REPORT_EVERY_S)
            await self._take(0.01)
            for run in self.runs.values():
                run.measure()
            if self.runs:
                self._say(*(run.state for run in self.runs.values()))
        self._reporting = False

    # runs

    async def start(self, spec: RunSpec) -> RunState:
        await self._take(0.01)
        run = self.runs.get(spec.run_id)
        if run is not None:
            return run.state
        if spec.run_id in self._gone:
            error = "The run was stopped before it started."
            return replace(Run(spec).state, state="exited", start_failed=True, error=error)
        for other in self.runs.values():
            if other.live and _same(other.spec, spec):
                raise AlreadyRunningError(f"Run {other.spec.number} is live already.")
        run = self.runs[spec.run_id] = Run(spec)
        self._keep_reporting()
        try:
            await self._begin(run)
        except BaseException:
            del self.runs[spec.run_id]
            raise
        return run.state

    async def _begin(self, run: Run) -> None:
        try:
            if self.machine.take("container.disk_full"):
                raise UnavailableError("Too little disk space for a worktree.", code="DISK_FULL")
            await self._prepare(run.spec)
            if self.machine.take("container.setup_fails"):
                run.note(setup_failed=True)
                raise UnavailableError("The setup command `npm ci` ended with status 1.")
            if not run.stopping:
                run.process = self.machine.execute(run.spec, self)
                run.note(state="running", pid=run.process.pid, started_at=self.machine.clock.now())
                self.owner.spawn(self._follow(run), name="follow")
                if run.spec.talk is not None:
                    self.tell(run.spec.run_id, run.spec.talk.messages)
                return
        except BoomtownError as error:
            if error.code == "REMOTE_UNREACHABLE" and not run.stopping:
                raise
            run.note(start_failed=True, error=error.message)
        await self._finish(run)

    async def _prepare(self, spec: RunSpec) -> None:
        clone = self._clone(spec.rig)
        await self._take()
        if spec.old_branch and spec.old_branch in clone.heads and spec.old_branch != spec.branch:
            if clone.heads.get(spec.branch, clone.heads[spec.old_branch]) != clone.heads[spec.old_branch]:
                raise ConflictError(f"There is a branch {spec.branch} with other commits.")
            clone.heads[spec.branch] = clone.heads.pop(spec.old_branch)
        if spec.rework or spec.branch not in clone.heads:
            await self._fetch(clone)
        if spec.worktree_slug in clone.worktrees:
            await self._dispose(_wip_on_branch(spec))
        tree = clone.worktrees[spec.worktree_slug] = Worktree(spec.worktree_slug, spec.branch)
        clone.heads.setdefault(spec.branch, clone.origin)
        await self._take()
        if spec.rework:
            self._merge_newest(clone, tree)
        tree.half_made = False

    def _merge_newest(self, clone: Clone, tree: Worktree) -> None:
        objects, tip = self.machine.objects, clone.heads[tree.branch]
        if objects.contains(tip, clone.origin):
            return
        files, conflicts = objects.merge(tip, clone.origin)
        if conflicts:
            tree.merging, tree.conflicts = clone.origin, conflicts
            tree.dirty = {path: f"{MARKED} {path}" for path in conflicts}
        else:
            clone.heads[tree.branch] = objects.commit(files, (tip, clone.origin), town=True)

    async def _follow(self, run: Run) -> None:
        assert run.process
        code = await run.process.ended
        await self._take(0.1)
        run.note(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            last_words=run.process.last_words,
            answered=run.process.answered,
            refusal=run.process.refusal,
            report=run.process.said if run.spec.report else "",
        )
        await self._finish(run)

    async def _finish(self, run: Run) -> None:
        if run.kill_at:
            run.kill_at.cancel()
        await self._take(0.05)
        clone = self.machine.clones.get(run.spec.rig)
        if clone is not None and not self.machine.take("container.git_fails"):
            run.note(facts=self._facts(clone, run.spec.branch, run.spec.worktree_slug))
        run.note(state="exited", exited_at=self.machine.clock.now())
        self._say(run.state)

    def stop(self, run_id: str, grace_s: float) -> bool:
        run = self.runs.get(run_id)
        if run is None:
            self._gone.add(run_id)
            return False
        if not run.live:
            return True
        when = self.machine.loop.time() + grace_s
        if run.kill_at is None or run.kill_at.when() > when:
            if run.kill_at:
                run.kill_at.cancel()
            run.kill_at = self.owner.call_later(grace_s, lambda: run.process and run.process.kill(9))
        if not run.stopping:
            run.stopping = True
            if run.process:
                run.process.kill(15)
        return True

    def tell(self, run_id: str, messages: tuple[Message, ...]) -> bool:
        """Words for an agent that is spoken with. What its session took is kept on disk, and never taken again."""
        run = self.runs.get(run_id)
        if run is None or run.process is None or run.spec.talk is None:
            return False
        taken = {*self.machine.sessions[run.spec.polecat_id], *(message.id for message in run.unheard)}
        new = [message for message in messages if message.id not in taken]
        if new and not run.unheard:
            self.owner.spawn(self._speak(run), name="speak")
        run.unheard += new
        return True

    async def _speak(self, run: Run) -> None:
        """One message after another is taken in while the agent lives."""
        session = self.machine.sessions[run.spec.polecat_id]
        run.note(delivered=tuple(session))
        while True:
            await self._take(4.0)
            if not run.unheard or run.process is None or not run.process.alive:
                return
            session.append(run.unheard[0].id)
            run.note(delivered=tuple(session))
            del run.unheard[0]
            if run.live:
                self._say(run.state)
            if not run.unheard:
                return

    def forget(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            if run_id in self.runs and not self.runs[run_id].live:
                del self.runs[run_id]
                self._gone.add(run_id)

    async def inspect(self, rig: str, branch: str, slug: str) -> Facts:
        await self._take(0.05)
        self._refuse_if_live(rig, branch, slug)
        return self._facts(self._clone(rig), branch, slug)

    def _facts(self, clone: Clone, branch: str, slug: str) -> Facts:
        objects, tip, tree = self.machine.objects, clone.heads.get(branch), clone.worktrees.get(slug)
        dirty = tree is not None and bool(tree.dirty or tree.merging)
        own, marked = objects.own_commits(tip, clone.origin), objects.marked(tip, clone.origin)
        return Facts(own_commits=own, tip=tip, dirty=dirty, marked_files=marked if own else ())

    async def dispose(self, spec: DisposeSpec) -> DisposeResult:
        await self._take(0.05)
        self._refuse_if_live(spec.rig, spec.branch, spec.worktree_slug)
        return await self._dispose(spec)

    async def _dispose(self, spec: DisposeSpec) -> DisposeResult:
        """Keep what is uncommitted, then take the worktree away; it may die in between."""
        clone, objects = self._clone(spec.rig), self.machine.objects
        tip, tree = clone.heads.get(spec.branch), clone.worktrees.get(spec.worktree_slug)
        kept = clone.kept.get(f"wip/{spec.run_id}")
        if tip and objects.commits[tip].town and objects.commits[tip].run_id == spec.run_id:
            kept = tip
        if tree is not None:
            if (tree.dirty or tree.merging) and not tree.half_made:
                kept = self._keep(clone, tree, spec)
            await self._take(0.05)
            # Whoever holds the folder now is whom it was kept for: a started run would have disposed of it first.
            if clone.worktrees.get(spec.worktree_slug) is tree:
                self.machine.removed(spec.rig, clone, tree)
                del clone.worktrees[spec.worktree_slug]
        return DisposeResult(wip_commit=kept, tip=clone.heads.get(spec.branch))

    def _keep(self, clone: Clone, tree: Worktree, spec: DisposeSpec) -> str:
        objects, head = self.machine.objects, clone.heads[tree.branch]
        parents = (head, tree.merging) if tree.merging else (head,)
        wip = objects.commit({**objects.files(head), **tree.dirty}, parents, town=True, run_id=spec.run_id)
        if spec.wip == "ref":
            clone.kept[f"wip/{spec.run_id}"] = wip
        else:
            clone.heads[tree.branch] = wip
            tree.dirty, tree.merging = {}, None
        return wip

    def _refuse_if_live(self, rig: str, branch: str, slug: str) -> None:
        for run in self.runs.values():
            same = run.spec.branch == branch or run.spec.worktree_slug == slug
            if run.live and run.spec.rig == rig and same:
                raise ConflictError(f"Run {run.spec.number} is still at work on {run.spec.branch}.")

    # rigs

    def _clone(self, rig: str) -> Clone:
        clone = self.machine.clones.get(rig)
        if clone is None:
            raise NotFoundError(f"There is no clone of the rig {rig!r} in this home.")
        return clone

    async def _fetch(self, clone: Clone) -> None:
        await self._take(0.3)
        if clone.remote.away:
            raise UnavailableError("The remote can't be fetched.", code="REMOTE_UNREACHABLE")
        clone.origin = clone.remote.main

    async def clone(self, spec: CloneSpec) -> CloneResult:
        await self._take(1.0)
        remote = self.machine.remotes.get(spec.url)
        if remote is None:
            raise BadInputError(f"{spec.url} is no repository.", field="gitUrl")
        if spec.rig in self.machine.clones:
            raise ConflictError(f"There is a clone of the rig {spec.rig!r} already.")
        if remote.away:
            raise UnavailableError("The remote can't be reached.", code="REMOTE_UNREACHABLE")
        self.machine.clones[spec.rig] = Clone(remote, remote.main)
        return CloneResult("main", remote.main)

    async def remove_rig(self, rig: str) -> None:
        await self._take()
        if any(run.live and run.spec.rig == rig for run in self.runs.values()):
            raise ConflictError(f"Runs of the rig {rig!r} are live. Stop them first.")
        self.machine.clones.pop(rig, None)

    async def unmerged_branches(self, rig: str) -> list[str]:
        await self._take()
        clone = self._clone(rig)
        return [name for name, tip in clone.heads.items() if not self.machine.objects.contains(clone.origin, tip)]

    async def merge(self, spec: MergeSpec) -> MergePlan:
        clone, objects = self._clone(spec.rig), self.machine.objects
        await self._fetch(clone)
        tip, base = clone.heads.get(spec.branch), clone.origin
        if tip is None:
            raise NotFoundError(f"The rig {spec.rig!r} has no branch {spec.branch!r}.")
        tree = f"tree of {base}"
        if objects.contains(base, tip):
            return MergePlan(base=base, base_tree=tree, tip=tip, already_merged=True)
        files, conflicts = objects.merge(base, tip)
        if conflicts:
            return MergePlan(base=base, base_tree=tree, tip=tip, conflicts=conflicts)
        if files == objects.files(base):
            return MergePlan(base=base, base_tree=tree, tip=tip, already_merged=True)
        parents = (base, tip) if spec.style == "merge" else (base,)
        bead_id = spec.message.rpartition("Bead: ")[2].split()[0]
        commit = objects.commit(files, parents, bead_id=bead_id)
        return MergePlan(base=base, base_tree=tree, tip=tip, commit=commit, tree=f"tree of {commit}")

    async def is_landed(self, rig: str, commit: str) -> bool:
        clone = self._clone(rig)
        await self._fetch(clone)
        return self.machine.objects.contains(clone.origin, commit)

    async def gates(self, spec: GateSpec) -> GateResult:
        await self._take(3.0)
        files = self.machine.objects.files(spec.commit)
        broken = any(word.endswith("bug") for word in files.values())
        if broken or self.machine.take("gate.flakes"):
            return GateResult(green=False, failed=spec.gates[0], exit_code=1, tail="red")
        return GateResult(green=True)

    async def push(self, spec: PushSpec) -> PushResult:
        clone, objects = self._clone(spec.rig), self.machine.objects
        await self._take(0.1)
        if objects.contains(clone.origin, spec.commit):
            return PushResult("landed")
        if clone.origin != spec.base:
            return PushResult("moved")
        await self._take(0.3)
        if clone.remote.away:
            raise UnavailableError("The remote can't be reached.", code="REMOTE_UNREACHABLE")
        if clone.remote.refuses:
            return PushResult("refused", words="protected branch")
        if clone.remote.main != spec.base:
            return PushResult("moved")
        clone.remote.main = spec.commit
        self.machine.landed(spec.commit)
        await self._take(0.1)
        clone.origin = spec.commit
        return PushResult("landed")

    async def push_branch(self, rig: str, branch: str) -> PushResult:
        clone = self._clone(rig)
        await self._fetch(clone)
        if branch not in clone.heads:
            raise NotFoundError(f"The rig {rig!r} has no branch {branch!r}.")
        if clone.remote.refuses:
            return PushResult("refused", words="protected branch")
        clone.remote.branches[branch] = clone.heads[branch]
        await self._take(0.1)
        return PushResult("landed")

    async def retire_branch(self, rig: str, branch: str, bead_id: str) -> None:
        await self._take()
        clone = self._clone(rig)
        if branch in clone.heads:
            tip, before = clone.heads.pop(branch), clone.kept.get(f"beads/{bead_id}")
            if before is not None and not self.machine.objects.contains(tip, before):
                clone.kept[f"discarded/{bead_id}/{before}"] = before
            clone.kept[f"beads/{bead_id}"] = tip

    async def diff(self, rig: str, branch: str) -> Diff:
        await self._take()
        clone = self._clone(rig)
        if branch not in clone.heads:
            raise NotFoundError(f"There is no branch {branch!r} yet.")
        return Diff("", "", clone.origin, clone.heads[branch])

    async def head(self, rig: str) -> tuple[str, str]:
        clone = self._clone(rig)
        await self._fetch(clone)
        return clone.origin, f"tree of {clone.origin}"

    def check_idle(self) -> None:
        if any(run.live for run in self.runs.values()):
            raise ConflictError("Runs are live. Stop them first.")


def _same(one: RunSpec, other: RunSpec) -> bool:
    if one.bead_id == other.bead_id or one.polecat_id == other.polecat_id:
        return True
    return one.rig == other.rig and (one.branch == other.branch or one.worktree_slug == other.worktree_slug)


def _wip_on_branch(spec: RunSpec) -> DisposeSpec:
    return DisposeSpec(
        rig=spec.rig,
        run_id=spec.run_id,
        worktree_slug=spec.worktree_slug,
        branch=spec.branch,
        wip="branch",
        wip_subject=spec.wip_subject,
        author_name=spec.author_name,
        author_email=spec.author_email,
        base_branch=spec.base_branch,
    )
