"""A person's shell in a bead's worktree: in a live run's own, or in one made for it while the bead is held."""

from __future__ import annotations

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.container.protocol import DisposeSpec
from boomtown.domain.beads import BeadStatus
from boomtown.domain.branches import slug
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.home.paths import home_environment
from boomtown.rig import beadwork, finding
from boomtown.rig.dispatch import Dispatch, polecat_author, wip_subject
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object
from boomtown.rig.transaction import Tx
from boomtown.store import runs
from boomtown.store.sql import Row

LIVE, KEEP_HELD, LET_GO = "live", "keep-held", "let-go"
OPEN = "A shell is open in its worktree. If it is not, `boomtown bead start` goes on."


class Shells:
    """A session names its bead and what becomes of the hold; nothing else has to be remembered.

    Were a shell never closed, its bead would stay held, visibly, and the next run would find the work as WIP. A shell
    that is still open when its bead is over has its folder until another polecat of the same name needs the place.
    """

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch

    async def open(self, actor: str, agent_ref: str) -> Object:
        """`{path, env, session}` of the polecat's worktree. Raises `ConflictError` if its bead is past working on."""

        def read(db: Connection) -> tuple[Row, Row, Row, Row | None]:
            polecat = finding.polecat(db, agent_ref)
            bead = finding.bead(db, polecat["bead_id"])
            return polecat, bead, finding.rig(db, polecat["rig_id"]), runs.undisposed_of_bead(db, bead["id"])

        polecat, bead, rig, run = await self._engine.read(read)
        home = self._engine.home.rig(rig["name"]).agent_home(bead["id"])
        environment = self._dispatch.base_environment(rig) | {
            **{name: str(path) for name, path in home_environment(home).items()},
            "BOOMTOWN_AGENT_NAME": polecat["name"],
            "BOOMTOWN_BEAD_ID": bead["id"],
            "BOOMTOWN_BRANCH": bead["branch"] or "",
        }
        if run is not None:
            await self._engine.command(actor, rig["id"], lambda tx: _note(tx, "shell.opened", rig, bead))
            return {"path": run["worktree"], "env": environment, "session": f"{LIVE}:{bead['id']}"}
        if bead["status"] != BeadStatus.OPEN or bead["branch"] is None:
            raise ConflictError(
                f"The bead “{bead['title']}” is {bead['status']}: nobody works on its branch now. "
                f"Look with `boomtown diff {bead['id'][:8]}`, or send it back with `boomtown rework`."
            )
        after = KEEP_HELD if bead["held"] else LET_GO
        await self._engine.command(actor, rig["id"], lambda tx: _hold(tx, rig, bead["id"]))
        path = await self._container.open_worktree(
            rig["name"], bead["branch"], slug(polecat["name"]), rig["default_branch"]
        )
        return {"path": path, "env": environment, "session": f"{after}:{bead['id']}"}

    async def close(self, actor: str, session: str) -> Object:
        """Keep what was left uncommitted as WIP on the branch; a bead that nobody else holds goes on at once."""
        after, _, bead_id = session.partition(":")
        if after not in (LIVE, KEEP_HELD, LET_GO):
            raise BadInputError(f"session is {session[:60]!r}; use the one that openShell gave.", field="session")

        def read(db: Connection) -> tuple[Row, Row, Row | None, bool]:
            bead = finding.bead(db, bead_id)
            polecat = runs.polecat_of_bead(db, bead["id"], released=True)
            taken = runs.undisposed_of_bead(db, bead_id) is not None
            if polecat is not None and polecat["released_at"] is not None:
                taken = any(row["name"] == polecat["name"] for row in runs.registered(db, bead["rig_id"]))
            return bead, finding.rig(db, bead["rig_id"]), polecat, taken

        bead, rig, polecat, taken = await self._engine.read(read)
        await self._engine.command(actor, rig["id"], lambda tx: _note(tx, "shell.closed", rig, bead))
        if after == LIVE or polecat is None or taken:
            return {}
        author = polecat_author(polecat["name"])
        await self._container.dispose(
            DisposeSpec(
                rig=rig["name"],
                run_id=self._engine.new_id(),
                worktree_slug=slug(polecat["name"]),
                branch=bead["branch"],
                wip="branch",
                wip_subject=wip_subject(polecat["name"], bead["prefix"]),
                author_name=author.name,
                author_email=author.email,
                base_branch=rig["default_branch"],
            )
        )
        if after == LET_GO and bead["held_why"] == OPEN:
            await self._engine.command(actor, rig["id"], lambda tx: beadwork.start(tx, finding.bead(tx.db, bead_id)))
        return {}


def _note(tx: Tx, kind: str, rig: Row, bead: Row) -> None:
    tx.emit(kind, rig=rig, bead_id=bead["id"])


def _hold(tx: Tx, rig: Row, bead_id: str) -> None:
    """Only if nobody claimed it meanwhile."""
    bead = finding.bead(tx.db, bead_id)
    if bead["status"] != BeadStatus.OPEN:
        raise ConflictError(f"The bead “{bead['title']}” is {bead['status']} by now. Try again.")
    if not bead["held"]:
        beadwork.hold(tx, bead, OPEN)
    _note(tx, "shell.opened", rig, bead)
