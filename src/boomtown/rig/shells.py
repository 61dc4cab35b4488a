"""A person's shell in a bead's worktree: in a live run's own, or in one made for it while the bead is held."""

from __future__ import annotations

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.domain.errors import ConflictError, NotFoundError
from boomtown.rig import finding
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object
from boomtown.store import runs
from boomtown.store.sql import Row


class Shells:
    """Open shells of this server's life."""

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch
        self._open: dict[str, str] = {}

    async def open(self, actor: str, agent_ref: str) -> Object:  # noqa: ARG002
        """Path and environment of the polecat's live worktree."""

        def read(db: Connection) -> tuple[Row, Row | None, Row]:
            polecat = finding.polecat(db, agent_ref)
            return polecat, runs.live_of_bead(db, polecat["bead_id"]), finding.rig(db, polecat["rig_id"])

        polecat, run, rig = await self._engine.read(read)
        if run is None:
            raise ConflictError(f"{polecat['name']} has no live run, and so no worktree.")
        session = self._engine.new_id()
        self._open[session] = run["id"]
        return {"path": run["worktree"], "env": self._dispatch.base_environment(rig), "session": session}

    async def close(self, actor: str, session: str) -> Object:  # noqa: ARG002
        if self._open.pop(session, None) is None:
            raise NotFoundError(f"There is no open shell {session}.")
        return {}
