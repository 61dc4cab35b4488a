"""Polecats, their worktrees and their branches on the way to the default branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from boomtown.container.protocol import DiffSpec
from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import ConflictError
from boomtown.home.times import iso
from boomtown.rig import beadwork, finding, gates, objects
from boomtown.rig.attaching import Visits
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.rig.shells import Shells
from boomtown.rig.transaction import Tx
from boomtown.rig.trials import Trials
from boomtown.store import merges, runs, sql, tables
from boomtown.store.sql import Row


class WorkerService(Service):
    """What people do with polecats and merges."""

    async def list_agents(self, actor: str, rig_id: str | None = None) -> list[Object]:  # noqa: ARG002
        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            return self._views(db).agents(runs.registered(db, rig))

        return await self._engine.read(read)

    async def get_agent(self, actor: str, agent_id: str) -> Object:  # noqa: ARG002
        return await self._engine.read(lambda db: self._views(db).agents([finding.polecat(db, agent_id)])[0])

    async def stop_agent(self, actor: str, agent_id: str) -> Object:
        polecat = await self._engine.read(lambda db: finding.polecat(db, agent_id))

        def work(tx: Tx) -> str:
            beadwork.stop(tx, finding.polecat(tx.db, polecat["id"]))
            return polecat["id"]

        return await self._engine.command(
            actor, polecat["rig_id"], work, lambda tx, found: self._views(tx.db, tx.now).agent(found)
        )

    async def send_message(self, actor: str, agent_id: str, message: str, now: bool = False) -> Object:
        """The message as it stands: queued until the agent's session took it."""
        return await self._say(actor, agent_id, lambda tx, polecat: beadwork.message(tx, polecat, message, now))

    async def answer_agent(self, actor: str, agent_id: str, answer: str) -> Object:
        """The answer as a message, as it stands. Raises `ConflictError` if nothing is asked."""
        return await self._say(actor, agent_id, lambda tx, polecat: beadwork.answer(tx, polecat, answer))

    async def _say(self, actor: str, agent_id: str, work: Callable[[Tx, Row], str]) -> Object:
        polecat = await self._engine.read(lambda db: finding.polecat(db, agent_id))

        def answer(tx: Tx, message_id: str) -> Object:
            row = sql.by_id(tx.db, tables.messages, message_id)
            assert row is not None
            return objects.message(row)

        return await self._engine.command(
            actor, polecat["rig_id"], lambda tx: work(tx, finding.polecat(tx.db, polecat["id"])), answer
        )

    async def get_workspace(self, actor: str, agent_id: str) -> Object:  # noqa: ARG002
        """Where a polecat works, and its environment without secrets. Raises `ConflictError` without a worktree."""

        def read(db: Connection) -> Object:
            polecat = finding.polecat(db, agent_id)
            run = runs.undisposed_of_bead(db, polecat["bead_id"])
            if run is None:
                raise ConflictError(
                    f"{polecat['name']} has no worktree now: only a live run has one. "
                    f"`boomtown shell {polecat['name']}` makes one for you."
                )
            return {
                "path": run["worktree"],
                "live": run["ended_at"] is None,
                "env": self._dispatch.shown_environment(db, run["id"]),
            }

        return await self._engine.read(read)

    async def get_resources(self, actor: str, agent_id: str) -> Object:  # noqa: ARG002
        """CPU and memory of a polecat's live run over the last minutes, oldest first."""
        polecat = await self._engine.read(lambda db: self._views(db).agents([finding.polecat(db, agent_id)])[0])
        samples = self._engine.observed.figures.of(polecat["run_id"])
        return {"samples": [{**vars(sample), "at": iso(sample.at)} for sample in samples]}

    async def open_shell(self, actor: str, agent_id: str) -> Object:
        return await Shells(self._engine, self._container, self._dispatch).open(actor, agent_id)

    async def close_shell(self, actor: str, session: str) -> Object:
        return await Shells(self._engine, self._container, self._dispatch).close(actor, session)

    async def attach_agent(self, actor: str, agent_id: str, pid: int) -> Object:
        return await Visits(self._engine, self._container, self._dispatch).attach(actor, agent_id, pid)

    async def detach_agent(self, actor: str, session: str, then: str) -> Object:
        return await Visits(self._engine, self._container, self._dispatch).detach(actor, session, then)

    async def open_trial(self, actor: str, bead_id: str) -> Object:
        return await Trials(self._engine, self._container, self._dispatch).open(actor, bead_id)

    async def close_trial(self, actor: str, session: str) -> Object:
        return await Trials(self._engine, self._container, self._dispatch).close(actor, session)

    async def get_merge_queue(self, actor: str, rig_id: str) -> list[Object]:  # noqa: ARG002
        def read(db: Connection) -> list[Object]:
            return [objects.merge(row) for row in merges.of_rig(db, finding.rig(db, rig_id)["id"], 50)]

        return await self._engine.read(read)

    async def get_gate_output(self, actor: str, merge_id: str, since: int | None = None) -> Object:  # noqa: ARG002
        """What the gates of a merge print; see `gates.output`."""

        def read(db: Connection) -> tuple[Row, Row]:
            merge = finding.merge(db, merge_id)
            return merge, finding.rig(db, merge["rig_id"])

        merge, rig = await self._engine.read(read)
        path = self._engine.home.rig(rig["name"]).gate_log(merge["id"])
        found = await self._engine.scheduler.read(lambda: gates.output(path, rig["gates"], since))
        return {"merge_id": merge["id"], "gates": rig["gates"], "path": str(path), **found}

    async def retry_merge(self, actor: str, merge_id: str) -> Object:
        found = await self._engine.read(lambda db: finding.merge(db, merge_id))

        def work(tx: Tx) -> str:
            beadwork.retry_merge(tx, finding.merge(tx.db, found["id"]))
            return found["id"]

        return await self._engine.command(
            actor, found["rig_id"], work, lambda tx, known: objects.merge(finding.merge(tx.db, known))
        )

    async def get_diff(self, actor: str, bead_id: str) -> Object:  # noqa: ARG002
        """Against the merge base, with uncommitted work while it is live; once landed, what landed."""

        def read(db: Connection) -> tuple[Row, Row, Row | None, Row | None]:
            bead = finding.bead(db, bead_id)
            rig, merge = finding.rig(db, bead["rig_id"]), merges.last_of_bead(db, bead["id"])
            return bead, rig, runs.undisposed_of_bead(db, bead["id"]), merge

        bead, rig, run, merge = await self._engine.read(read)
        if bead["branch"] is None:
            raise ConflictError(f"The bead “{bead['title']}” has no branch yet; it is {bead['status']}.")
        folder = Path(run["worktree"]).name if run else None
        landed = merge["merge_commit"] if merge and bead["status"] == BeadStatus.CLOSED else None
        spec = DiffSpec(rig["name"], bead["id"], bead["branch"], rig["default_branch"], folder, landed)
        diff = await self._container.diff(spec)
        return {"text": diff.text, "stat": diff.stat, "base": diff.base, "tip": diff.tip}
