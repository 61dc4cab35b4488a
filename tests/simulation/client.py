"""How a simulated server holds its container: `ContainerClient` over a connection that loses and delays."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

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
from boomtown.domain.errors import UnavailableError
from tests.simulation.container import SimContainer
from tests.simulation.faults import Queue
from tests.simulation.machine import Machine
from tests.simulation.seams import Owner

SILENCE_AFTER_S = 90.0


class SimClient:
    """One server's hold of the container. It dies with `owner`, the server's tasks."""

    def __init__(self, machine: Machine, owner: Owner, crash: Callable[[], None]) -> None:
        self._machine, self._owner, self._crash = machine, owner, crash
        self._container: SimContainer | None = None
        self._hello: Hello | None = None
        self._on_report: list[Callable[[Report], None]] = []
        self._on_attach: list[Callable[[Hello], None]] = []
        self._waiting: set[asyncio.Future[Any]] = set()
        self._live: set[str] = set()
        self._heard_at = 0.0
        self._requests = Queue()
        self._late: list[Report] = []

    @property
    def attached(self) -> Hello | None:
        return self._hello

    def on_report(self, call: Callable[[Report], None]) -> None:
        self._on_report.append(call)

    def on_attach(self, call: Callable[[Hello], None]) -> None:
        self._on_attach.append(call)

    # attaching

    def open(self) -> None:
        self._machine.on_container_lost = self._lost
        self._owner.spawn(self._attach(), name="attach")
        self._owner.spawn(self._watch(), name="watch")

    async def _attach(self) -> None:
        container = self._machine.container
        if container is not None and not container.dead:
            greeting = self._owner.run(container._take(0.1), "hello")
            await asyncio.wait({greeting}, timeout=SILENCE_AFTER_S)
            if not greeting.done() or greeting.cancelled():
                self._machine.kill_container()
        if container is None or container.dead:
            container = await self._machine.start_container()
        self._container, self._hello = container, container.hello()
        self._live = {run.run_id for run in self._hello.runs if run.state != "exited"}
        self._heard_at = self._machine.loop.time()
        container.heard = self._hear
        self._machine.note(f"attached to {container.id}, runs {[run.number for run in self._hello.runs]}")
        for call in self._on_attach:
            call(self._hello)

    def _lost(self, container: SimContainer) -> None:
        if container is self._container and not self._owner.dead:
            self._let_go()
            self._owner.spawn(self._attach(), name="attach again")

    def _let_go(self) -> None:
        self._hello = self._container = None
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(UnavailableError("The container is gone."))

    def cut(self, for_s: float) -> bool:
        """The connection breaks; the container goes on unheard, and comes back with all that it has."""
        container = self._container
        if container is None or container.dead:
            return False
        container.heard = None
        self._let_go()
        self._owner.call_later(for_s, lambda: self._owner.spawn(self._attach(), name="attach again"))
        return True

    async def _watch(self) -> None:
        """A container that had something to say and said nothing for long is killed and replaced."""
        while True:
            await asyncio.sleep(SILENCE_AFTER_S / 5)
            if self._hello is None or not (self._live or self._waiting):
                self._heard_at = self._machine.loop.time()
            elif self._machine.loop.time() - self._heard_at > SILENCE_AFTER_S:
                self._machine.faults.fired("container.replaced")
                self._machine.kill_container()

    # listening

    def _hear(self, report: Report) -> None:
        machine, container = self._machine, self._container
        if machine.take("report.lost"):
            return
        if machine.take("report.reordered"):
            self._late.append(report)
            return
        delay_s = machine.random.random() * (20.0 if machine.take("report.delayed") else 0.01)
        for _ in range(2 if machine.take("report.doubled") else 1):
            self._owner.call_later(delay_s, lambda: self._heard(container, report))
            delay_s += machine.random.random() * 10
        late, self._late = self._late, []
        for overtaken in late:
            self._owner.call_later(delay_s, lambda overtaken=overtaken: self._heard(container, overtaken))

    def _heard(self, container: SimContainer | None, report: Report) -> None:
        if container is None or container is not self._container:
            return  # of a connection that is over
        self._heard_at = self._machine.loop.time()
        for run in report.runs:
            (self._live.discard if run.state == "exited" else self._live.add)(run.run_id)
        for call in self._on_report:
            call(report)

    # asking

    async def _ask(self, name: str, call: Callable[[SimContainer], Any]) -> Any:
        machine, container = self._machine, self._container
        if container is None or self._owner.dead:
            raise UnavailableError("No container is attached at the moment.")
        machine.steps += 1
        machine.note(f"server asks: {name}")
        if machine.take("server.crash_before_effect"):
            self._end()
        if machine.take("request.lost"):
            await asyncio.sleep(machine.random.random() * 20)
            raise UnavailableError("The request was lost.")
        await asyncio.sleep(machine.random.random() * (20.0 if machine.take("request.delayed") else 0.01))
        if machine.take("request.reordered"):
            await self._requests.let_one_overtake(20.0)
        self._requests.passed()
        if container.dead:
            raise UnavailableError("The container is gone.")
        answer = machine.loop.create_future()
        self._waiting.add(answer)
        try:
            task = container.owner.run(_do(container, call), name)
            task.add_done_callback(lambda done: _pass_on(done, answer))
            if machine.take("request.doubled"):
                again = container.owner.run(_later(machine.random.random() * 10, container, call), name)
                again.add_done_callback(lambda done: done.cancelled() or done.exception())
            result = await answer
        finally:
            self._waiting.discard(answer)
        if machine.take("server.crash_after_effect"):
            self._end()
        if machine.take("reply.lost"):
            raise UnavailableError("The answer was lost.")
        return result

    def _end(self) -> None:
        self._crash()
        raise asyncio.CancelledError

    async def start(self, spec: RunSpec) -> RunState:
        return await self._ask(f"start {spec.rig} run {spec.number} on {spec.branch}", lambda c: c.start(spec))

    async def stop(self, run_id: str, grace_s: float, gently: bool = False) -> bool:
        return await self._ask(f"stop {run_id[:8]} in {grace_s:g} s", lambda c: c.stop(run_id, grace_s))

    async def tell(self, run_id: str, messages: tuple[Message, ...]) -> bool:
        return await self._ask(f"tell {run_id[:8]}", lambda c: c.tell(run_id, messages))

    async def attach(self, run_id: str, by: str, pid: int, command: list[str]) -> tuple[str, Attached]:
        raise UnavailableError("There are no terminals in a simulation.")

    async def detach(self, run_id: str, ticket: str, how: str) -> bool:
        raise UnavailableError("There are no terminals in a simulation.")

    async def forget(self, run_ids: list[str]) -> None:
        await self._ask(f"forget {[run_id[:8] for run_id in run_ids]}", lambda c: c.forget(run_ids))

    async def inspect(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> Facts:
        return await self._ask(f"inspect {branch}", lambda c: c.inspect(rig, branch, worktree_slug))

    async def dispose(self, spec: DisposeSpec) -> DisposeResult:
        return await self._ask(f"dispose {spec.rig}/{spec.worktree_slug}", lambda c: c.dispose(spec))

    async def open_worktree(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> str:
        raise UnavailableError("No shells in a simulation.")

    async def open_scratch(self, rig: str, what: str, around: Surroundings) -> str:
        raise UnavailableError("Nobody tries anything in a simulation.")

    async def close_scratch(self, rig: str, name: str) -> None:
        raise UnavailableError("Nobody tries anything in a simulation.")

    async def clone(self, spec: CloneSpec) -> CloneResult:
        return await self._ask(f"clone {spec.rig}", lambda c: c.clone(spec))

    async def remove_rig(self, rig: str) -> None:
        await self._ask(f"remove rig {rig}", lambda c: c.remove_rig(rig))

    async def unmerged_branches(self, rig: str, base_branch: str) -> list[str]:
        return await self._ask("unmerged branches", lambda c: c.unmerged_branches(rig))

    async def merge(self, spec: MergeSpec) -> MergePlan:
        return await self._ask(f"merge {spec.branch}", lambda c: c.merge(spec))

    async def is_landed(self, rig: str, base_branch: str, commit: str) -> bool:
        return await self._ask(f"is {commit} landed?", lambda c: c.is_landed(rig, commit))

    async def gates(self, spec: GateSpec) -> GateResult:
        return await self._ask(f"gates on {spec.commit}", lambda c: c.gates(spec))

    async def push(self, spec: PushSpec) -> PushResult:
        return await self._ask(f"push {spec.commit} onto {spec.base}", lambda c: c.push(spec))

    async def push_branch(self, rig: str, branch: str) -> PushResult:
        return await self._ask(f"push branch {branch}", lambda c: c.push_branch(rig, branch))

    async def retire_branch(self, rig: str, branch: str, bead_id: str) -> None:
        await self._ask(f"retire {branch}", lambda c: c.retire_branch(rig, branch, bead_id))

    async def diff(self, spec: DiffSpec) -> Diff:
        return await self._ask(f"diff {spec.branch}", lambda c: c.diff(spec.rig, spec.branch))

    async def pull(self, rig: str, base_branch: str) -> str:
        raise UnavailableError("No checkouts in a simulation.")

    async def head(self, rig: str, base_branch: str) -> tuple[str, str] | None:
        return await self._ask("head", lambda c: c.head(rig))

    async def shutdown(self) -> None:
        await self._ask("shutdown", lambda c: c.check_idle())
        container, self._container, self._hello = self._container, None, None
        if container is not None:
            container.kill()


async def _do(container: SimContainer, call: Callable[[SimContainer], Any]) -> Any:
    await container._take(0.01)
    made = call(container)
    return await made if inspect.isawaitable(made) else made


async def _later(delay_s: float, container: SimContainer, call: Callable[[SimContainer], Any]) -> Any:
    await asyncio.sleep(delay_s)
    return await _do(container, call)


def _pass_on(done: asyncio.Task[Any], answer: asyncio.Future[Any]) -> None:
    error = None if done.cancelled() else done.exception()
    if answer.done():
        return
    if done.cancelled():
        answer.set_exception(UnavailableError("The container is gone; whether it did it is not known."))
    elif error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
