"""Beads: sling, list, show, and every change of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.rig import beadwork, finding, objects, slinging
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.rig.slinging import Task
from boomtown.rig.transaction import Tx
from boomtown.store import beads, merges, messages, runs, sql, tables
from boomtown.store.sql import Row

MOST_ITEMS = 500
LONGEST_CURSOR = 15
"""Digits; a longer one is none of ours, and more than the database counts to."""
AGENT_ENDS_S = 60.0


class BeadService(Service):
    """What people do with beads."""

    async def sling(
        self,
        actor: str,
        rig_id: str,
        title: str | None = None,
        body: str | None = None,
        model: str | None = None,
        agent: str | None = None,
        priority: str | None = None,
        timeout_s: float | None = None,
        budget_usd: float | None = None,
        budget_tokens: int | None = None,
        hold: bool = False,
        report: bool = False,
        depends_on: Sequence[int | str] | None = None,
        tasks: Sequence[dict[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> Object:
        """One bead (`{bead, agent}`), or many (`{results}`), all or none."""
        single = tasks is None
        one = {
            "title": title,
            "body": body,
            "model": model,
            "agent": agent,
            "priority": priority,
            "timeout_s": timeout_s,
            "budget_usd": budget_usd,
            "budget_tokens": budget_tokens,
            "hold": hold,
            "report": report,
            "depends_on": depends_on,
        }
        wanted = [_task(one)] if tasks is None else [_task({"hold": hold, **task}) for task in tasks]
        rig_id = await self._rig_id(rig_id)

        def work(tx: Tx) -> tuple[list[str], Object | None]:
            rig = finding.rig(tx.db, rig_id)
            for name in {task.agent for task in wanted}:
                for agent in self._engine.settings.pick_agents(name, rig["agent"]):
                    self._dispatch.plan(agent, rig, None)
            return slinging.sling(tx, rig, wanted, self._engine.settings, idempotency_key)

        def answer(tx: Tx, slung: tuple[list[str], Object | None]) -> Object:
            ids, known = slung
            if known is not None:
                return known
            made = self._results(tx, ids)
            if idempotency_key is not None:
                slinging.remember(tx, finding.rig(tx.db, rig_id), idempotency_key, made)
            return made

        made = await self._engine.command(actor, rig_id, work, answer)
        if single:
            return {"bead": made["results"][0]["bead"], "agent": made["results"][0]["agent"]}
        return made

    def _results(self, tx: Tx, ids: list[str]) -> Object:
        views = self._views(tx.db, tx.now)
        rows = [sql.by_id(tx.db, tables.beads, bead_id) for bead_id in ids]
        made = views.beads([row for row in rows if row is not None])
        mine = set(ids)
        workers = runs.registered(tx.db, made[0]["rig_id"])
        agents = views.agents([row for row in workers if row["bead_id"] in mine])
        return {"results": slinging.results(made, {agent["bead_id"]: agent for agent in agents})}

    async def list_beads(
        self,
        actor: str,  # noqa: ARG002
        rig_id: str,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        limit: int | None = None,
        cursor: str | None = None,
        newest: bool = False,
    ) -> Object:
        """`{items, nextCursor}`, in the order given, or the newest first; without `limit` at most 500 a page."""
        size = max(1, min(limit or MOST_ITEMS, MOST_ITEMS))
        after = cursor or "0"
        if not after.isdecimal() or not after.isascii() or len(after) > LONGEST_CURSOR:
            raise BadInputError(f"cursor is {cursor!r}; use the nextCursor of the page before.", field="cursor")

        def read(db: Connection) -> Object:
            rig = finding.rig(db, rig_id)
            rows = beads.of_rig(
                db, rig["id"], status=status, bead_type=type, after_seq=int(after), newest=newest, limit=size + 1
            )
            more = str(rows[size - 1]["seq"]) if len(rows) > size else None
            return {"items": self._views(db).beads(rows[:size]), "nextCursor": more}

        return await self._engine.read(read)

    async def get_bead(self, actor: str, bead_id: str) -> Object:  # noqa: ARG002
        def read(db: Connection) -> Object:
            bead = finding.bead(db, bead_id)
            merge = merges.last_of_bead(db, bead["id"])
            return {
                **self._views(db).bead(bead["id"]),
                "merge": objects.merge(merge) if merge else None,
                "report": runs.report_of(db, bead["id"]),
                "messages": [objects.message(row) for row in messages.of_bead(db, bead["id"])],
            }

        return await self._engine.read(read)

    async def update_bead(self, actor: str, bead_id: str, **values: Any) -> Object:
        settings = self._engine.settings
        return await self._bead_command(actor, bead_id, lambda tx, bead: beadwork.edit(tx, bead, settings, values))

    async def start_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.start)

    async def cancel_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.cancel)

    async def retry_bead(self, actor: str, bead_id: str) -> Object:
        def work(tx: Tx, bead: Row) -> None:
            if bead["id"] in self._discarding:
                raise ConflictError(f"The bead “{bead['title']}” is being discarded. Retry it when that is over.")
            beadwork.retry(tx, bead)

        return await self._bead_command(actor, bead_id, work)

    async def close_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.close)

    async def approve_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.approve)

    async def rework_bead(self, actor: str, bead_id: str, comment: str) -> Object:
        return await self._bead_command(actor, bead_id, lambda tx, bead: beadwork.rework(tx, bead, comment))

    async def discard_bead(self, actor: str, bead_id: str) -> Object:
        """Give up a bead and its branch; the branch's tip stays in the clone.

        Returns once an agent that was at work on it is gone. Raises `ConflictError` if that takes too long.
        """
        begun: list[str] = []

        def work(tx: Tx, bead: Row) -> None:
            if bead["status"] == BeadStatus.CLOSED:
                raise ConflictError(f"The bead “{bead['title']}” has landed; there is nothing to discard.")
            if bead["status"] not in (BeadStatus.CANCELLED, BeadStatus.FAILED):
                beadwork.cancel(tx, bead)
            elif bead["branch"] is None:
                raise ConflictError(f"The bead “{bead['title']}” has no branch to discard.")
            self._discarding.append(bead["id"])
            begun.append(bead["id"])

        try:
            result = await self._bead_command(actor, bead_id, work)
            await self._wait_for_its_agent(result)
            bead = await self._engine.read(lambda db: finding.bead(db, result["id"]))
            if bead["branch"]:
                rig = await self._engine.read(lambda db: finding.rig(db, bead["rig_id"]))
                await self._container.retire_branch(rig["name"], bead["branch"], bead["id"])
            return result
        finally:
            for known in begun:
                self._discarding.remove(known)

    async def _wait_for_its_agent(self, bead: Object) -> None:
        until = self._engine.clock.monotonic() + AGENT_ENDS_S
        while await self._engine.read(lambda db: runs.undisposed_of_bead(db, bead["id"])):
            if self._engine.clock.monotonic() > until:
                raise ConflictError(
                    f"The bead “{bead['title']}” is given up, but its agent has not ended yet, and its branch is still "
                    f"there. Discard it once more when `boomtown ps` does not list it."
                )
            await self._engine.wait_for_news(self._engine.last_seq, 1.0)


def _task(values: dict[str, Any]) -> Task:
    """A task of what was given; what is missing or None takes its default."""
    given = {key: value for key, value in values.items() if value is not None}
    return Task(
        title=given.get("title", ""),
        body=given.get("body", ""),
        priority=given.get("priority", "medium"),
        agent=given.get("agent"),
        model=given.get("model"),
        timeout_s=given.get("timeout_s"),
        budget_usd=given.get("budget_usd"),
        budget_tokens=given.get("budget_tokens"),
        hold=bool(given.get("hold")),
        report=bool(given.get("report")),
        depends_on=tuple(given.get("depends_on") or ()),
    )
