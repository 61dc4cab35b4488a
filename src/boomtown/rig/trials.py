"""Trying a bead: its branch in a scratch worktree, ready for the rig's own `run` command, which the person starts."""

from __future__ import annotations

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.home.paths import home_environment
from boomtown.rig import finding
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object
from boomtown.store import merges
from boomtown.store.sql import Row


class Trials:
    """A session names its rig and folder; nothing else has to be remembered, and a restart clears it away."""

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch

    async def open(self, actor: str, bead_ref: str) -> Object:
        """`{path, env, setup, run, session}`: what is committed on the branch, or what landed."""

        def read(db: Connection) -> tuple[Row, Row, Row | None]:
            bead = finding.bead(db, bead_ref)
            return bead, finding.rig(db, bead["rig_id"]), merges.last_of_bead(db, bead["id"])

        bead, rig, merge = await self._engine.read(read)
        command = rig["settings"].get("run")
        if not command:
            cure = f"boomtown rig set {rig['name']} run='npm start -- --port $PORT'"
            raise ConflictError(f"The rig {rig['name']} does not say how to run it. Set its command, such as: {cure}")
        landed = merge["merge_commit"] if merge and bead["status"] == BeadStatus.CLOSED else None
        what = landed or bead["branch"]
        if what is None:
            raise ConflictError(f"The bead “{bead['title']}” has no branch yet; it is {bead['status']}.")
        around = self._dispatch.around(rig)
        path = await self._container.open_scratch(rig["name"], what, around)
        await self._engine.command(
            actor, rig["id"], lambda tx: tx.emit("trial.opened", rig=rig, bead_id=bead["id"], what=what)
        )
        home = self._engine.home.rig(rig["name"]).agent_home("gates")
        environment = {name: str(folder) for name, folder in home_environment(home).items()}
        return {
            "path": path,
            "env": self._dispatch.base_environment(rig) | environment,
            "setup": list(around.setup),
            "run": command,
            "session": f"{rig['id']}:{path.rpartition('/')[2]}",
        }

    async def close(self, actor: str, session: str) -> Object:
        """Take the scratch worktree away, with all that was made in it."""
        rig_id, _, name = session.partition(":")
        if not name:
            raise BadInputError(f"session is {session[:60]!r}; use the one that openTrial gave.", field="session")
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))
        await self._container.close_scratch(rig["name"], name)
        await self._engine.command(actor, rig["id"], lambda tx: tx.emit("trial.closed", rig=rig))
        return {}
