"""Runs commands one at a time, has each rig reconciled in the same transaction, and keeps its alarm."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from boomtown.domain import actions as do
from boomtown.domain.errors import UnavailableError
from boomtown.domain.reconcile import alarm_at, reconcile
from boomtown.domain.seams import Clock, NewId, Scheduler, Timer
from boomtown.domain.snapshot import Snapshot
from boomtown.home.config import Settings
from boomtown.home.paths import Home
from boomtown.home.steps import reach
from boomtown.rig import sleep
from boomtown.rig.changes import apply
from boomtown.rig.look import look
from boomtown.rig.observed import Observed
from boomtown.rig.transaction import Tx
from boomtown.rig.watch import Watch
from boomtown.store import events, rigs, sql, tables
from boomtown.store.database import Database

T = TypeVar("T")
log = structlog.get_logger()

ROUNDS = 50
"""A state that is not calm after so many rounds is a fault of `reconcile`: said, and left to the next alarm."""
SYSTEM = "system"


@dataclass(frozen=True)
class Commanded:
    """A command that was stored: whose it was, the kinds of its events, and when it came and was stored (epoch s)."""

    actor: str
    rig_id: str | None
    events: tuple[str, ...]
    began: float
    ended: float


class Effects(Protocol):
    """Carries out effects; each is idempotent and ends by waking its rig."""

    def carry_out(self, rig_id: str, effects: list[do.Effect]) -> None: ...


class Engine:
    """The one way by which anything changes."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        database: Database,
        clock: Clock,
        scheduler: Scheduler,
        new_id: NewId,
    ) -> None:
        self.home = home
        self.settings = settings
        self.database = database
        self.clock = clock
        self.scheduler = scheduler
        self.new_id = new_id
        self.observed = Observed()
        self.watch = Watch()
        self.effects: Effects | None = None
        self.on_command: Callable[[Commanded], None] | None = None
        """Told of each command that left something in the ledger."""
        self.last_seq = 0
        self.counts: Counter[str] = Counter()
        """How many events of each kind there were since the server began."""
        self._news = asyncio.Event()
        self._alarms: dict[str, Timer] = {}
        self._waking: set[str] = set()
        self._passing: set[str] = set()
        """Rigs that are looked at now: one look at a time stores all that has come up since the one before."""
        self._asleep = float("-inf")
        """How long the machine was suspended when what is due was put off for it last."""

    # commands

    async def command(
        self,
        actor: str,
        rig_id: str | None,
        work: Callable[[Tx], T],
        answer: Callable[[Tx, T], Any] | None = None,
    ) -> Any:
        """Store `work` and all that follows from it for the rig (None: for every rig), in one transaction.

        `answer` is read after that, in the same transaction; without it the result of `work` is returned.
        Whatever `work` raises leaves everything as it was.
        """

        asleep = self._look_at_sleep()

        def in_one(db: Connection) -> tuple[Any, Tx, dict[str, tuple[Snapshot, list[do.Effect]]]]:
            tx = Tx(db, self.clock.now(), self.new_id, actor)
            if asleep is not None:
                sleep.put_off(tx, asleep)
            result = work(tx)
            ids = [rig_id] if rig_id else [rig["id"] for rig in rigs.all_rigs(db)]
            settled = {known: calm for known in ids if (calm := self._settle(tx, known)) is not None}
            given = answer(tx, result) if answer else result
            reach("storing", *tx.emitted)
            return given, tx, settled

        began = self.clock.now()
        result, tx, settled = await self.database.write(in_one)
        self._asleep = self._asleep if asleep is None else asleep
        reach("stored", *tx.emitted)
        if self.on_command is not None and tx.emitted:
            self.on_command(Commanded(actor, rig_id, tuple(tx.emitted), began, self.clock.now()))
        await self._after(tx, settled)
        return result

    def _look_at_sleep(self) -> float | None:
        """For how long the machine was suspended so far, if that is news."""
        asleep = self.clock.asleep()
        if asleep - self._asleep < sleep.NOTICED_S:
            return None
        if math.isfinite(self._asleep):
            self.observed.awake_since = self.clock.now()
        return asleep

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.database.read(work)

    def _settle(self, tx: Tx, rig_id: str) -> tuple[Snapshot, list[do.Effect]] | None:
        """Reconcile until nothing is left to store; None if the rig is gone."""
        before: Snapshot | None = None
        for _ in range(ROUNDS):
            rig = sql.by_id(tx.db, tables.rigs, rig_id)
            if rig is None:
                return None
            snapshot = look(tx.db, rig, self.settings, self.observed, tx.now)
            changes, effects = reconcile(snapshot, tx.now)
            before = before or snapshot
            if not changes:
                self.watch.look(before, snapshot, tx.now)
                return snapshot, effects
            actor, tx.actor = tx.actor, SYSTEM
            for change in changes:
                apply(change, tx, rig, self.home)
            tx.actor = actor
        log.error("rig.restless", rig=rig_id, rounds=ROUNDS)
        return None

    async def _after(self, tx: Tx, settled: dict[str, tuple[Snapshot, list[do.Effect]]]) -> None:
        if tx.emitted:
            self.last_seq += len(tx.emitted)
            self.counts.update(tx.emitted)
            self._news.set()
            self._news = asyncio.Event()
        for rig_id, (snapshot, effects) in settled.items():
            self._carry_out(rig_id, snapshot, effects)
        if tx.all_rigs or (tx.freed and self._shared_caps()):
            for rig_id in await self.read(lambda db: [rig["id"] for rig in rigs.all_rigs(db)]):
                if rig_id not in settled:
                    self.wake(rig_id)

    def _shared_caps(self) -> bool:
        return self.settings.max_agents is not None or any(a.max is not None for a in self.settings.agents.values())

    def _carry_out(self, rig_id: str, snapshot: Snapshot, effects: list[do.Effect]) -> None:
        if self.effects is not None and effects:
            self.effects.carry_out(rig_id, effects)
        self._set_alarm(rig_id, alarm_at(snapshot, self.clock.now()))

    # waking

    def wake(self, rig_id: str) -> None:
        """Look at a rig soon; many calls are one."""
        if rig_id in self._waking:
            return
        self._waking.add(rig_id)
        if rig_id not in self._passing:
            self.scheduler.spawn(self._pass(rig_id), name=f"pass {rig_id}")

    async def wake_all(self) -> None:
        for rig in await self.read(rigs.all_rigs):
            self.wake(rig["id"])

    async def _pass(self, rig_id: str) -> None:
        """Look; only where something has to be stored, take the writer. Once more if it was woken meanwhile."""
        self._waking.discard(rig_id)
        self._passing.add(rig_id)

        def glance(db: Connection) -> tuple[Snapshot, list[do.Change], list[do.Effect]] | None:
            rig = sql.by_id(db, tables.rigs, rig_id)
            if rig is None:
                return None
            now = self.clock.now()
            snapshot = look(db, rig, self.settings, self.observed, now)
            return snapshot, *reconcile(snapshot, now)

        try:
            slept = self._look_at_sleep() is not None
            seen = None if slept else await self.read(glance)
            if slept:
                await self.command(SYSTEM, rig_id, lambda _tx: None)
            elif seen is None:
                self._cancel_alarm(rig_id)
            elif seen[1]:
                await self.command(SYSTEM, rig_id, lambda _tx: None)
            else:
                self._carry_out(rig_id, seen[0], seen[2])
        except UnavailableError as error:
            log.warning("pass.put_off", rig=rig_id, error=error.message)
            self._set_alarm(rig_id, self.clock.now() + 5.0)
        except Exception:
            log.exception("pass.failed", rig=rig_id)
            self._set_alarm(rig_id, self.clock.now() + 5.0)
        finally:
            self._passing.discard(rig_id)
        if rig_id in self._waking:
            self.scheduler.spawn(self._pass(rig_id), name=f"pass {rig_id}")

    def _set_alarm(self, rig_id: str, at: float) -> None:
        """The alarm follows from what is stored, so it is right again after any crash."""
        self._cancel_alarm(rig_id)
        if not self.observed.closing or self.observed.container is not None:
            self._alarms[rig_id] = self.scheduler.call_later(at - self.clock.now(), lambda: self.wake(rig_id))

    def _cancel_alarm(self, rig_id: str) -> None:
        if (timer := self._alarms.pop(rig_id, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        for rig_id in list(self._alarms):
            self._cancel_alarm(rig_id)

    # news

    async def open(self) -> None:
        """Find where the ledger stands."""
        self.last_seq = await self.read(events.last_seq)

    async def wait_for_news(self, since: int, timeout_s: float) -> bool:
        """Return once an event past `since` is stored; False after `timeout_s`."""
        if self.last_seq > since:
            return True
        try:
            async with asyncio.timeout(timeout_s):  # unlike `wait_for` it never swallows that it is cancelled
                await self._news.wait()
        except TimeoutError:
            return False
        return True
