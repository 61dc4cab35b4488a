"""A person in the place of the town's driver: the session of a live run, in its agent's own interface."""

from __future__ import annotations

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.container.visits import CONTINUE, HAND_ON
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.home import agents
from boomtown.rig import beadwork, finding
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object
from boomtown.rig.transaction import Tx
from boomtown.store import runs
from boomtown.store.sql import Row

HOLD = "hold"


class Visits:
    """The container knows who has which session; nothing is stored. An attached run is a live run like others."""

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch

    async def attach(self, actor: str, agent_ref: str, pid: int) -> Object:
        """`{path, argv, env, session, name}`: what to start in the terminal that the process `pid` has.

        Raises `BadInputError` if its agent has no interface of its own, `ConflictError` if it has no session now.
        """

        def read(db: Connection) -> tuple[Row, Row, Row | None]:
            polecat = finding.polecat(db, agent_ref)
            return polecat, finding.rig(db, polecat["rig_id"]), runs.live_of_bead(db, polecat["bead_id"])

        polecat, rig, run = await self._engine.read(read)
        name = polecat["name"]
        if run is None:
            raise ConflictError(
                f"{name} has no live run to step into. `boomtown shell {name}` opens a shell in its worktree; "
                f"`boomtown bead start {polecat['bead_id'][:8]}` lets it go on."
            )
        agent = self._engine.settings.pick_agent(run["agent_kind"])
        command = agents.interface(agent, self._engine.home, self._dispatch.base_environment(rig)["PATH"])
        if command is None:
            raise BadInputError(
                f"{agent.name} has no terminal interface that goes on with a session. "
                f"`boomtown shell {name}` opens a shell in its worktree.",
                field="agentId",
            )
        ticket, found = await self._container.attach(run["id"], actor, pid, list(command))
        return {
            "path": found.path,
            "argv": list(found.argv),
            "env": found.env,
            "session": f"{run['id']}:{ticket}",
            "name": name,
        }

    async def detach(self, actor: str, session: str, then: str) -> Object:
        """The person has left. `{theirs}` is False if the session was not theirs any more."""
        run_id, _, ticket = session.partition(":")
        if then not in (CONTINUE, HAND_ON, HOLD):
            raise BadInputError(f"then is {then!r}; it must be {CONTINUE}, {HAND_ON} or {HOLD}.", field="then")
        run = await self._engine.read(lambda db: finding.run(db, run_id))
        state = self._engine.observed.states.get(run["id"])
        if then != HOLD:
            return {"theirs": await self._container.detach(run["id"], ticket, then)}
        if state is None or state.ticket != ticket:
            return {"theirs": False}

        def stop(tx: Tx) -> None:
            beadwork.stop(tx, finding.polecat(tx.db, run["polecat_id"]))

        await self._engine.command(actor, run["rig_id"], stop)
        return {"theirs": True}
