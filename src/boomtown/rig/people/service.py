"""What all services for people share."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.rig import finding
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object, Views
from boomtown.rig.transaction import Tx
from boomtown.store.sql import Row


class Service:
    """Commands and reads on behalf of people. Raises only `BoomtownError`s."""

    def __init__(
        self, engine: Engine, container: ContainerClient, dispatch: Dispatch, shutdown: Callable[[bool, bool], None]
    ) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch
        self._shutdown = shutdown
        self._discarding: list[str] = []
        """Beads whose branches are about to be taken away, once for each that asks for it."""

    def _views(self, db: Connection, now: float | None = None) -> Views:
        at = self._engine.clock.now() if now is None else now
        return Views(db, self._engine.settings, self._engine.observed, at)

    async def _rig_id(self, ref: str) -> str:
        return await self._engine.read(lambda db: finding.rig(db, ref)["id"])

    def _rig_answer(self, tx: Tx, rig_id: str) -> Object:
        return self._views(tx.db, tx.now).rig(finding.rig(tx.db, rig_id))

    async def _bead_command(self, actor: str, ref: str, work: Callable[[Tx, Row], None]) -> Object:
        """One change of one bead; returns the bead as it stands after all that follows."""
        found = await self._engine.read(lambda db: finding.bead(db, ref))

        def run(tx: Tx) -> str:
            work(tx, finding.bead(tx.db, found["id"]))
            return found["id"]

        return await self._engine.command(
            actor, found["rig_id"], run, lambda tx, bead_id: self._views(tx.db, tx.now).bead(bead_id)
        )
