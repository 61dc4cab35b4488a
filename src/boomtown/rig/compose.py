"""Puts a town together: store, container, Rigs; and takes it down again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from boomtown.container.client import ContainerClient
from boomtown.domain.errors import BoomtownError, UnavailableError
from boomtown.domain.runs import StopReason
from boomtown.domain.seams import Clock, NewId, Scheduler
from boomtown.home import upkeep
from boomtown.home.config import NotifySettings, Settings
from boomtown.home.paths import Home
from boomtown.rig import changes, finding, kinds
from boomtown.rig.desk import Desk
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.effects import ContainerEffects
from boomtown.rig.engine import SYSTEM, Engine
from boomtown.rig.notify import Notifier, sender
from boomtown.rig.refinery import Refinery
from boomtown.rig.tokens import Tokens
from boomtown.rig.town import Town
from boomtown.rig.transaction import Tx
from boomtown.store import backups, beads, rigs, runs
from boomtown.store import kinds as refused
from boomtown.store.database import Database
from boomtown.store.migrate import migrate

log = structlog.get_logger()

DOWN_MARGIN_S = 20.0
BACKUP_EVERY_S = 15 * 60.0


class TownRuntime:
    """One home's town while its server runs."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        container: ContainerClient,
        clock: Clock,
        scheduler: Scheduler,
        new_id: NewId,
        shutdown: Callable[[bool, bool], None],
        database: Database,
    ) -> None:
        self._home, self._container, self._database, self._settings = home, container, database, settings
        self.tokens = Tokens(home, clock)
        self.engine = Engine(home, settings, database, clock, scheduler, new_id)
        self.dispatch = Dispatch(home, settings, self.tokens)
        refinery = Refinery(self.engine, container, self.dispatch)
        self.engine.effects = ContainerEffects(self.engine, container, self.dispatch, refinery)
        self.town = Town(self.engine, container, self.dispatch, shutdown)
        self.desk = Desk(self.engine)

    async def start(self, url: str) -> None:
        """Begin to decide. `url` is the root URL that agents call."""
        self.dispatch.url = url
        await self.engine.open()
        await self.engine.command(SYSTEM, None, _try_logins)
        await self.engine.wake_all()
        if self._settings.notify != NotifySettings():
            notifier = Notifier(self.engine, sender(self._settings.notify))
            self.engine.scheduler.spawn(notifier.run(), name="notify")

    async def tidy(self) -> None:
        """Drop streams, and homes of agents, that nobody has needed for long."""
        now = self.engine.clock.now()
        since = now - upkeep.AGENT_HOMES_KEPT_S
        kept = await self.engine.read(lambda db: beads.ids_needed(db, since))
        told = await self.engine.read(lambda db: beads.runs_needed(db, since))

        def drop() -> tuple[int, int]:
            return upkeep.drop_old_streams(self._home, now, told), upkeep.drop_old_agent_homes(self._home, now, kept)

        streams, homes = await self.engine.scheduler.read(drop)
        if streams or homes:
            log.info("home.tidied", streams=streams, agent_homes=homes)

    async def back_up_if_due(self) -> float:
        """Copy the database if that is due; returns after how many seconds to ask again. An idle town is not copied."""
        home, now = self._home, self.engine.clock.now()

        def take() -> float:
            newest = next(iter(backups.listing(home.backups)), None)
            since = now - newest.at if newest else 0.0
            if since < BACKUP_EVERY_S or not backups.is_due(home.database, home.backups):
                return max(BACKUP_EVERY_S - since, 0.0) or BACKUP_EVERY_S
            backups.take(home.database, home.backups, now, "auto")
            backups.prune(home.backups, now)
            return BACKUP_EVERY_S

        return await self.engine.scheduler.read(take)

    async def stop_agents(self, now: bool) -> None:
        """End every run, keep its work, and wait until the last worktree is gone; the next start goes on."""
        self.engine.observed.closing = True
        grace_s = 0.0 if now else self._settings.stop_grace_s

        def work(tx: Tx) -> None:
            for run in runs.live(tx.db):
                if run["stop_reason"] in (None, StopReason.DONE):
                    rig = finding.rig(tx.db, run["rig_id"])
                    reason = StopReason.DOWN_NOW if now else StopReason.DOWN
                    changes.ask_to_stop(tx, rig, run["id"], run["bead_id"], run["polecat_id"], reason)

        await self.engine.command(SYSTEM, None, work)
        until = self.engine.clock.monotonic() + grace_s + DOWN_MARGIN_S
        while await self.engine.read(runs.any_unfinished):
            left = until - self.engine.clock.monotonic()
            if left <= 0:
                log.warning("down.unfinished", waited_s=grace_s + DOWN_MARGIN_S)
                return
            await self.engine.wait_for_news(self.engine.last_seq, min(left, 0.5))

    async def stop_container(self) -> None:
        """End the container, which holds nothing any more."""
        try:
            await self._container.shutdown()
        except BoomtownError as error:
            log.warning("container.shutdown_refused", error=error.message)

    async def close(self) -> None:
        """Let everything go; what runs goes on."""
        self.engine.close()
        await asyncio.sleep(0)
        self._database.close()


def _try_logins(tx: Tx) -> None:
    """A login may have been given while no server ran: one run of each agent that waits for one sees."""
    for kind, state in kinds.states(tx.db).items():
        if state.until is None:
            refused.try_again(tx.db, kind, tx.now)


def _refuse_if_emptied(home: Home, database: Database) -> None:
    """An empty file where there are clones has lost what it held; taken for a new one it would hide them all."""
    empty = database.read_now(lambda db: db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()) == 0
    if empty and (clones := sorted(path.parent.name for path in home.rigs.glob("[!.]*/origin.json"))):
        raise UnavailableError(
            f"The database {home.database} is empty, but the home has clones of rigs ({', '.join(clones)}). Restore it "
            f"with `boomtown restore`; to begin anew, move {home.rigs} away."
        )


def open_database(home: Home, scheduler: Scheduler, home_id: str, clock: Clock, new_id: NewId) -> Database:
    """The home's database, sound, of this version, with its first town.

    Raises `UnavailableError` (damaged) or `ConflictError` (written by a newer Boomtown).
    """
    database = Database.open(home.database, scheduler)
    database.check()
    _refuse_if_emptied(home, database)
    migrate(
        database,
        home.root / "migrate.lock",
        before=lambda: backups.take(home.database, home.backups, clock.now(), "migration"),
    )
    home.database.chmod(0o600)
    database.write_now(lambda db: rigs.ensure_home(db, home_id, new_id(), clock.now()))
    return database
