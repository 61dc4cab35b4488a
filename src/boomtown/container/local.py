"""The container on this machine, as the server holds it: found or started, heard, replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from boomtown.container.card import Card, find, kill, spawn, wait_until_gone
from boomtown.container.connection import Connection
from boomtown.container.protocol import (
    PROTOCOL,
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
    from_wire,
)
from boomtown.container.settings import Settings
from boomtown.domain.errors import BoomtownError, UnavailableError
from boomtown.home.paths import Home
from boomtown.home.steps import reach

log = structlog.get_logger()

SILENCE_AFTER_S = 90.0
_DRAIN_S = 60.0
_TRY_AGAIN_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)


class LocalContainer:
    """`ContainerClient` for a container on this machine. `open` attaches; `close` lets go, and the container goes on.

    `silence_after_s`: a container that has said nothing for so long, while it had something to report, is killed and
    replaced. `settings` are for a container that has to be started.
    """

    def __init__(
        self, home: Home, home_id: str, *, settings: Settings | None = None, silence_after_s: float = SILENCE_AFTER_S
    ) -> None:
        self.home = home
        self.home_id = home_id
        self._settings = settings or Settings()
        self._silence_after_s = silence_after_s
        self._on_report: list[Callable[[Report], None]] = []
        self._on_attach: list[Callable[[Hello], None]] = []
        self._connection: Connection | None = None
        self._card: Card | None = None
        self._hello: Hello | None = None
        self._live: set[str] = set()
        self._silence_s = 0.0
        self._attaching: asyncio.Lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # attaching

    @property
    def attached(self) -> Hello | None:
        """Who is at the other end; None while nobody is."""
        return self._hello

    def on_report(self, call: Callable[[Report], None]) -> None:
        self._on_report.append(call)

    def on_attach(self, call: Callable[[Hello], None]) -> None:
        self._on_attach.append(call)

    async def open(self) -> Hello:
        """Attach to the container of this home; start one if there is none. Raises `UnavailableError`."""
        hello = await self._attach()
        self._own(self._watch())
        return hello

    async def close(self) -> None:
        """Let go. What runs goes on."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
        self._hello = None

    async def replace(self) -> Hello:
        """Kill the container, however stuck it is, and attach to a successor, which first clears up after it."""
        card, connection = self._card, self._connection
        if card is not None:
            log.warning("container.killed", pid=card.pid)
            kill(card)
            await wait_until_gone(card, _DRAIN_S)
        if connection is not None:
            await connection.close()
        return await self._attach()

    async def _attach(self) -> Hello:
        async with self._attaching:
            if self._hello is not None and self._connection is not None and not self._connection.lost.done():
                return self._hello
            self._hello = None
            card = find(self.home)
            hello = await self._greet(card) if card else None
            if card is not None and hello is None:
                await self._replace_stranger(card)
            if hello is None:
                card = await spawn(self.home, self.home_id, self._settings)
                hello = await self._greet(card)
            if card is None or hello is None:
                raise UnavailableError("The container started but does not answer. See logs/container.log in the home.")
            self._card, self._hello = card, hello
            self._live = {run.run_id for run in hello.runs if run.state != "exited"}
            self._silence_s = 0.0
        log.info("container.attached", pid=hello.pid, runs=len(hello.runs))
        for call in self._on_attach:
            call(hello)
        return hello

    async def _greet(self, card: Card) -> Hello | None:
        """Connect and exchange versions; None if this is nobody that we can work with."""
        try:
            connection = await Connection.open(card.socket, self._heard)
        except OSError:
            return None
        try:
            async with asyncio.timeout(self._silence_after_s):
                answer = await connection.call("hello", {"protocol": PROTOCOL, "home_id": self.home_id})
        except (BoomtownError, TimeoutError):
            await connection.close()
            return None
        hello = from_wire(Hello, answer)
        if hello.home_id != self.home_id or hello.protocol not in (PROTOCOL, PROTOCOL - 1) or hello.pid != card.pid:
            log.warning("container.stranger", pid=card.pid, protocol=hello.protocol)
            await connection.close()
            return None
        self._connection = connection
        connection.lost.add_done_callback(lambda _: self._lost(connection))
        return hello

    async def _replace_stranger(self, card: Card) -> None:
        """A container that speaks another protocol, or not at all: let it keep its agents' work, then end it."""
        log.warning("container.drained", pid=card.pid)
        kill(card, gently=True)
        if not await wait_until_gone(card, _DRAIN_S):
            kill(card)
            await wait_until_gone(card, _DRAIN_S)

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection and not self._closed:
            log.warning("container.lost", pid=self._card.pid if self._card else None)
            self._hello = None
            self._own(self._attach_again())

    async def _attach_again(self) -> None:
        """Until somebody is there: the same container if it lives, else a successor."""
        attempt = 0
        while not self._closed:
            await asyncio.sleep(_TRY_AGAIN_S[min(attempt, len(_TRY_AGAIN_S) - 1)])
            attempt += 1
            try:
                await self._attach()
                return
            except (BoomtownError, OSError) as error:
                log.error("container.not_attached", attempt=attempt, error=str(error))

    # listening

    def _heard(self, message: dict[str, Any]) -> None:
        """Anything that the container says: an answer, or a report."""
        self._silence_s = 0.0
        if message.get("event") in ("report", "exit"):
            report = from_wire(Report, message["data"])
            for run in report.runs:
                self._note(run)
            for call in self._on_report:
                call(report)

    def _note(self, run: RunState) -> None:
        if run.state == "exited":
            self._live.discard(run.run_id)
        else:
            self._live.add(run.run_id)

    async def _watch(self) -> None:
        """Replace a container that has fallen silent. Only time in which this process ran counts."""
        tick_s = self._silence_after_s / 10
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(tick_s)
            expected = self._live or (self._connection is not None and self._connection.waiting)
            if self._hello is None or not expected:
                self._silence_s = 0.0
                continue
            self._silence_s += min(loop.time() - before, 2 * tick_s)
            if self._silence_s > self._silence_after_s:
                log.error("container.silent", seconds=round(self._silence_s))
                try:
                    await self.replace()
                except BoomtownError as error:
                    log.error("container.not_replaced", error=error.message)

    def _own(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("container.task_failed", exc_info=error)

    # asking

    async def _call(self, op: str, **args: Any) -> Any:
        if self._connection is None or self._hello is None:
            raise UnavailableError("No container is attached at the moment. It is being started; try again.")
        reach("asking", op)
        answer = await self._connection.call(op, args)
        reach("answered", op)
        return answer

    async def start(self, spec: RunSpec) -> RunState:
        state = from_wire(RunState, await self._call("start", spec=spec))
        self._note(state)
        return state

    async def stop(self, run_id: str, grace_s: float, gently: bool = False) -> bool:
        return await self._call("stop", run_id=run_id, grace_s=grace_s, gently=gently)

    async def tell(self, run_id: str, messages: tuple[Message, ...]) -> bool:
        return await self._call("tell", run_id=run_id, messages=messages)

    async def attach(self, run_id: str, by: str, pid: int, command: list[str]) -> tuple[str, Attached]:
        ticket, attached = await self._call("attach", run_id=run_id, by=by, pid=pid, command=command)
        return ticket, from_wire(Attached, attached)

    async def detach(self, run_id: str, ticket: str, how: str) -> bool:
        return await self._call("detach", run_id=run_id, ticket=ticket, how=how)

    async def forget(self, run_ids: list[str]) -> None:
        await self._call("forget", run_ids=run_ids)

    async def inspect(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> Facts:
        facts = await self._call(
            "inspect", rig=rig, branch=branch, worktree_slug=worktree_slug, base_branch=base_branch
        )
        return from_wire(Facts, facts)

    async def dispose(self, spec: DisposeSpec) -> DisposeResult:
        return from_wire(DisposeResult, await self._call("dispose", spec=spec))

    async def clone(self, spec: CloneSpec) -> CloneResult:
        return from_wire(CloneResult, await self._call("clone", spec=spec))

    async def remove_rig(self, rig: str) -> None:
        await self._call("remove_rig", rig=rig)

    async def unmerged_branches(self, rig: str, base_branch: str) -> list[str]:
        return await self._call("unmerged_branches", rig=rig, base_branch=base_branch)

    async def merge(self, spec: MergeSpec) -> MergePlan:
        return from_wire(MergePlan, await self._call("merge", spec=spec))

    async def is_landed(self, rig: str, base_branch: str, commit: str) -> bool:
        return await self._call("is_landed", rig=rig, base_branch=base_branch, commit=commit)

    async def gates(self, spec: GateSpec) -> GateResult:
        return from_wire(GateResult, await self._call("gates", spec=spec))

    async def push(self, spec: PushSpec) -> PushResult:
        return from_wire(PushResult, await self._call("push", spec=spec))

    async def push_branch(self, rig: str, branch: str) -> PushResult:
        return from_wire(PushResult, await self._call("push_branch", rig=rig, branch=branch))

    async def retire_branch(self, rig: str, branch: str, bead_id: str) -> None:
        await self._call("retire_branch", rig=rig, branch=branch, bead_id=bead_id)

    async def diff(self, spec: DiffSpec) -> Diff:
        return from_wire(Diff, await self._call("diff", spec=spec))

    async def open_worktree(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> str:
        return await self._call(
            "open_worktree", rig=rig, branch=branch, worktree_slug=worktree_slug, base_branch=base_branch
        )

    async def open_scratch(self, rig: str, what: str, around: Surroundings) -> str:
        return await self._call("open_scratch", rig=rig, what=what, around=around)

    async def close_scratch(self, rig: str, name: str) -> None:
        await self._call("close_scratch", rig=rig, name=name)

    async def pull(self, rig: str, base_branch: str) -> str:
        return await self._call("pull", rig=rig, base_branch=base_branch)

    async def head(self, rig: str, base_branch: str) -> tuple[str, str] | None:
        head = await self._call("head", rig=rig, base_branch=base_branch)
        return (head[0], head[1]) if head else None

    async def shutdown(self) -> None:
        """End the container and let go of it."""
        card = self._card
        await self._call("shutdown")
        self._closed = True
        if card is not None and not await wait_until_gone(card, _DRAIN_S):
            kill(card)
        await self.close()
