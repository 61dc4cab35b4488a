"""Carries out what `reconcile` asks of the container. Each request is idempotent; an unclear answer changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.container.protocol import DisposeSpec, Hello, Report, RunSpec, RunState
from boomtown.domain import actions as do
from boomtown.domain.branches import slug
from boomtown.domain.errors import BadInputError, BoomtownError, UnavailableError
from boomtown.domain.runs import Outcome, StopReason
from boomtown.rig.dispatch import Dispatch, as_message, polecat_author, wip_subject
from boomtown.rig.engine import SYSTEM, Engine
from boomtown.rig.observed import to_facts
from boomtown.rig.refinery import Refinery
from boomtown.rig.transaction import Tx
from boomtown.store import messages, sql, tables
from boomtown.store.sql import Row

log = structlog.get_logger()

TRY_AGAIN_S = 5.0


class ContainerEffects:
    """The Rig's hands: one request at a time for each run and merge."""

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch, refinery: Refinery) -> None:
        self._engine, self._container, self._dispatch, self._refinery = engine, container, dispatch, refinery
        self._landing: dict[str, str] = {}
        """The merge of each rig that was begun last."""
        engine.observed.attached = lambda: container.attached
        container.on_report(self._reported)
        container.on_attach(self._attached)

    def carry_out(self, rig_id: str, effects: list[do.Effect]) -> None:
        for effect in effects:
            match effect:
                case do.Start(run_id):
                    self._request(rig_id, run_id, partial(self._start, run_id))
                case do.Stop(run_id, grace_s):
                    work = partial(self._stop, run_id, grace_s)
                    self._request(rig_id, do.stop_key(run_id), work)
                case do.Tell(run_id):
                    self._request(rig_id, do.tell_key(run_id), partial(self._tell, run_id))
                case do.Inspect(run_id):
                    self._request(rig_id, run_id, partial(self._inspect, run_id))
                case do.Dispose(run_id):
                    self._request(rig_id, run_id, partial(self._dispose, run_id))
                case do.Land(merge_id):
                    self._land(rig_id, merge_id)
                case do.Forget(run_ids):
                    key = f"forget {' '.join(run_ids)}"
                    self._request(rig_id, key, partial(self._forget, run_ids))

    def _land(self, rig_id: str, merge_id: str) -> None:
        """Begin to land, unless the rig lands another one: that may have begun since this was decided."""
        if self._landing.get(rig_id) not in self._engine.observed.busy:
            self._landing[rig_id] = merge_id
            self._request(rig_id, merge_id, partial(self._refinery.land, merge_id))

    def _request(self, rig_id: str, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begin one request, unless one for the same thing is on its way; when it is over, the rig looks again."""
        if not self._engine.observed.begin(key):
            return

        async def request() -> None:
            delay_s = 0.0
            try:
                await work()
            except UnavailableError as error:
                log.warning("request.unanswered", key=key, error=error.message)
                delay_s = TRY_AGAIN_S
            except Exception:
                log.exception("request.failed", key=key)
                delay_s = TRY_AGAIN_S
            if delay_s:
                self._engine.scheduler.call_later(delay_s, finish)
            else:
                finish()

        def finish() -> None:
            self._engine.observed.finish(key)
            self._engine.wake(rig_id)

        self._engine.scheduler.spawn(request(), name=key)

    # what the container says

    def _reported(self, report: Report) -> None:
        observed = self._engine.observed
        observed.beat((state.run_id for state in report.runs if state.state != "exited"), report.at)
        observed.figures.note(report.at, report.runs)
        before = observed.states
        if observed.saw(report.runs):
            self._engine.scheduler.spawn(self._engine.wake_all(), name="wake after report")
        for state in report.runs:
            was = before.get(state.run_id)
            if was is not None and was.attached != state.attached:
                self._engine.scheduler.spawn(self._tell_of_visit(was, state), name="attached")

    async def _tell_of_visit(self, was: RunState, now: RunState) -> None:
        """Who has come, or how they left."""
        run, rig, polecat, bead = await self._engine.read(lambda db: _context(db, now.run_id))
        kind, person = ("run.attached", now.attached) if now.attached else ("run.detached", was.attached)
        told = {"by": person.removeprefix("user:")} | ({} if now.attached else {"how": now.left})

        def store(tx: Tx) -> None:
            tx.emit(kind, rig=rig, bead_id=bead["id"], agent_id=polecat["id"], run_id=run["id"], **told)

        await self._engine.command(SYSTEM, rig["id"], store)

    def _attached(self, hello: Hello) -> None:
        log.info("container.attached", container=hello.container_id, pid=hello.pid, runs=len(hello.runs))
        self._engine.observed.attach(hello)
        self._engine.scheduler.spawn(self._engine.wake_all(), name="wake after attach")

    # requests

    async def _start(self, run_id: str) -> None:
        def read(db: Connection) -> tuple[RunSpec | None, str | None]:
            run = sql.by_id(db, tables.runs, run_id)
            return self._dispatch.spec(db, run_id), run["container_id"] if run else None

        try:
            spec, container_id = await self._engine.read(read)
        except BadInputError as error:
            await self._refused(run_id, error)
            return
        if spec is None:
            return
        self._expect(container_id)
        log.info("run.start", run=run_id, name=spec.name, branch=spec.branch)
        state = await self._container.start(spec)
        self._expect(container_id)
        self._engine.observed.saw([state])
        self._engine.observed.beat([run_id], self._engine.clock.now())

    def _expect(self, container_id: str | None) -> None:
        """What a run's own container says is no news of its successor, and only its own may start it."""
        attached = self._container.attached
        if attached is None or attached.container_id != container_id:
            raise UnavailableError("The container was lost or replaced meanwhile.")

    async def _refused(self, run_id: str, error: BoomtownError) -> None:
        """The run can't be started: as if the container had said so."""
        _run, rig, _polecat, _bead = await self._engine.read(lambda db: _context(db, run_id))
        refused = RunState(
            run_id=run_id,
            number=0,
            rig=rig["name"],
            bead_id="",
            polecat_id="",
            branch="",
            worktree="",
            state="exited",
            start_failed=True,
            error=error.message,
        )
        self._engine.observed.saw([refused])

    async def _stop(self, run_id: str, grace_s: float) -> None:
        run = await self._engine.read(lambda db: sql.by_id(db, tables.runs, run_id))
        live = run is not None and run["ended_at"] is None
        reason = run["stop_reason"] if run is not None and live else StopReason.STRAY
        if await self._container.stop(run_id, grace_s, gently=reason in (StopReason.DONE, StopReason.ASK)):
            self._engine.observed.told_to_stop(run_id, reason)
        else:
            self._engine.observed.never_started(run_id)

    async def _tell(self, run_id: str) -> None:
        def read(db: Connection) -> list[Row]:
            run = sql.by_id(db, tables.runs, run_id)
            return messages.queued(db, run["bead_id"]) if run else []

        waiting = await self._engine.read(read)
        await self._container.tell(run_id, tuple(map(as_message, waiting)))
        self._engine.observed.told_messages(run_id, [row["id"] for row in waiting])

    async def _inspect(self, run_id: str) -> None:
        run, rig, polecat, _bead = await self._engine.read(lambda db: _context(db, run_id))
        facts = await self._container.inspect(rig["name"], run["branch"], slug(polecat["name"]), rig["default_branch"])
        self._engine.observed.inspected(run_id, to_facts(facts))

    async def _dispose(self, run_id: str) -> None:
        run, rig, polecat, bead = await self._engine.read(lambda db: _context(db, run_id))
        if run["disposed_at"] is not None:
            return  # since this was decided; its worktree may be another run's by now
        author = polecat_author(polecat["name"])
        spec = DisposeSpec(
            rig=rig["name"],
            run_id=run_id,
            worktree_slug=slug(polecat["name"]),
            branch=run["branch"],
            wip=run["wip"] or "branch",
            wip_subject=wip_subject(polecat["name"], bead["prefix"]),
            author_name=author.name,
            author_email=author.email,
            base_branch=rig["default_branch"],
        )
        result = await self._container.dispose(spec)

        unused = run["outcome"] == Outcome.REPORTED and await self._is_unused(rig, bead)

        def store(tx: Tx) -> None:
            sql.change(tx.db, tables.runs, run_id, disposed_at=tx.now)
            if unused:
                sql.change(tx.db, tables.beads, bead["id"], branch=None)

        if result.wip_commit:
            log.info("run.wip_kept", run=run_id, commit=result.wip_commit)
        await self._engine.command(SYSTEM, rig["id"], store)
        self._engine.observed.settled(run_id)

    async def _is_unused(self, rig: Row, bead: Row) -> bool:
        """Whether the branch of a bead that was closed with a report has nothing; it is taken away then."""
        if bead["branch"] in await self._container.unmerged_branches(rig["name"], rig["default_branch"]):
            return False
        if bead["branch"] is not None:
            await self._container.retire_branch(rig["name"], bead["branch"], bead["id"])
        return True

    async def _forget(self, run_ids: tuple[str, ...]) -> None:
        await self._container.forget(list(run_ids))
        self._engine.observed.forget(run_ids)


def _context(db: Connection, run_id: str) -> tuple[Row, Row, Row, Row]:
    """A run with its rig, polecat and bead."""
    run = sql.by_id(db, tables.runs, run_id)
    assert run is not None, run_id
    rig = sql.by_id(db, tables.rigs, run["rig_id"])
    polecat = sql.by_id(db, tables.polecats, run["polecat_id"])
    bead = sql.by_id(db, tables.beads, run["bead_id"])
    assert rig is not None
    assert polecat is not None
    assert bead is not None
    return run, rig, polecat, bead
