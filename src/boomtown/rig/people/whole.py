"""The whole home: status, inbox, events, streams, pause and shutdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from boomtown.domain.errors import BadInputError
from boomtown.domain.runs import StopReason
from boomtown.rig import changes, finding, kinds, objects, reading
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.rig.transaction import Tx
from boomtown.store import events, rigs, runs, sql, tables
from boomtown.store import kinds as refused
from boomtown.store.sql import Row


class WholeService(Service):
    """What people see of the home, and do with all of it."""

    async def get_status(self, actor: str) -> Object:  # noqa: ARG002
        return await reading.status(self._engine, self._container, self._dispatch)

    async def get_inbox(self, actor: str) -> list[Object]:  # noqa: ARG002
        return await self._engine.read(lambda db: reading.inbox(db, self._engine))

    async def get_bead_events(
        self,
        actor: str,  # noqa: ARG002
        rig_id: str | None = None,
        bead_id: str | None = None,
        since: int | None = None,
        before: int | None = None,
        limit: int | None = None,
        wait_s: float | None = None,
    ) -> Object:
        if before is not None:
            return await reading.events_before(self._engine, rig_id, bead_id, before, limit)
        return await reading.events(self._engine, rig_id, bead_id, since, limit, wait_s)

    async def get_stream(
        self,
        actor: str,  # noqa: ARG002
        run_id: str | None = None,
        agent_id: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        wait_s: float | None = None,
    ) -> Object:
        ref = run_id or agent_id
        if ref is None:
            raise BadInputError("Give a runId or an agentId.", field="runId")
        return await reading.stream(self._engine, ref, since or 0, limit, wait_s or 0.0)

    async def pause(self, actor: str, rig_id: str | None = None, stop: bool = False) -> Object:
        """Dispatch nothing more, in one rig or the whole home; `stop` also ends what runs."""
        return await self._set_paused(actor, rig_id, True, stop)

    async def resume(self, actor: str, rig_id: str | None = None) -> Object:
        """Dispatch again; for the whole home this also re-arms the breaker."""
        return await self._set_paused(actor, rig_id, False, False)

    async def _set_paused(self, actor: str, ref: str | None, paused: bool, stop: bool) -> Object:
        found = await self._rig_id(ref) if ref else None

        def work(tx: Tx) -> Object:
            rig = finding.rig(tx.db, found) if found else None
            if rig is not None:
                sql.change(tx.db, tables.rigs, rig["id"], paused=paused, pause_why=None)
            else:
                rigs.change_home(tx.db, paused=paused)
            if not paused:
                rigs.change_home(tx.db, breaker_cleared_at=tx.now)
            for run in runs.live(tx.db) if stop else ():
                if found in (None, run["rig_id"]) and run["stop_reason"] is None:
                    of_run = finding.rig(tx.db, run["rig_id"])
                    changes.ask_to_stop(tx, of_run, run["id"], run["bead_id"], run["polecat_id"], StopReason.DOWN)
            tx.emit("rig.paused" if paused else "rig.resumed", rig=rig, whole_home=rig is None)
            tx.freed = True
            return {"paused": paused}

        return await self._engine.command(actor, found, work)

    async def try_agent(self, actor: str, agent: str) -> Object:
        """A login was given, or a limit lifted: one run of this kind, and of those it logs in, sees at once."""
        name = self._engine.settings.pick_agent(agent).name
        of_preset = [known.name for known in self._engine.settings.agents.values() if known.preset == name]

        def work(tx: Tx) -> Object:
            tried = [kind for kind in kinds.states(tx.db) if kind in (name, *of_preset)]
            for kind in tried:
                refused.try_again(tx.db, kind, tx.now)
            for kind in tried or [name]:
                tx.emit("agent_kind.tried", agent_kind=kind)
            return {"tried": tried}

        return await self._engine.command(actor, None, work)

    async def shutdown(self, actor: str, now: bool = False, keep_container: bool = False) -> Object:
        """The server ends after answering. Unless the container is kept, agents are stopped and their work is kept."""
        try:
            await self._engine.command(actor, None, lambda tx: tx.emit("server.ending", restart=keep_container))
        finally:
            self._shutdown(now, keep_container)
        return {}

    async def events_after(self, town_id: str | None, rig_id: str | None, since: int, limit: int) -> list[Object]:
        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            town = finding.town(db, town_id)["id"] if town_id else None
            return [objects.event(row) for row in events.after(db, since, limit, town_id=town, rig_id=rig)]

        return await self._engine.read(read)

    async def wait_events(self, seq: int, timeout_s: float) -> bool:
        """Return once there may be events past `seq`."""
        return await self._engine.wait_for_news(seq, timeout_s)

    @property
    def event_counts(self) -> Mapping[str, int]:
        """How many events of each kind there were since the server began."""
        return self._engine.counts

    @property
    def ledger_end(self) -> int:
        """The `seq` of the newest event."""
        return self._engine.last_seq

    async def runs_since(self, at: float) -> list[Object]:
        """What runs now or has ended since `at` (epoch s): `run_id`, `agent_id`, `rig_id`, `live`, `claimed_at`."""
        return await self._engine.read(lambda db: [_run(row) for row in runs.ended_since(db, at)])

    async def runs_named(self, run_ids: Sequence[str]) -> list[Object]:
        """As `runs_since`, for these; those of rigs that were removed are missing."""
        return await self._engine.read(lambda db: [_run(row) for row in runs.named(db, run_ids)])

    async def live_runs(self, rig_id: str | None = None, agent_ids: Sequence[str] | None = None) -> list[Object]:
        """`run_id`, `agent_id` and `rig_id` of what runs now."""

        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            wanted = {finding.polecat(db, ref)["id"] for ref in agent_ids} if agent_ids else None
            return [
                {"run_id": run["id"], "agent_id": run["polecat_id"], "rig_id": run["rig_id"]}
                for run in runs.live(db)
                if rig in (None, run["rig_id"]) and (wanted is None or run["polecat_id"] in wanted)
            ]

        return await self._engine.read(read)


def _run(row: Row) -> Object:
    return {
        "run_id": row["id"],
        "agent_id": row["polecat_id"],
        "rig_id": row["rig_id"],
        "live": row["ended_at"] is None,
        "claimed_at": row["claimed_at"],
    }
