"""What agents ask of the town: one method a route of CONTRACT section 4.

Every method checks, in this order and in the transaction that acts: whose token (403), whether its run is the live one
(409 FENCED), whether the thing is there (404), whether the body is right (400).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from boomtown.domain.beads import BeadStatus, BeadType, wants_report
from boomtown.domain.errors import (
    AlreadyRunningError,
    BadInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
)
from boomtown.domain.runs import StopReason
from boomtown.rig import beadwork, changes, objects, slinging
from boomtown.rig.counter import Body, Call, json_of, object_of, text_of
from boomtown.rig.letters import Letters
from boomtown.rig.objects import Object
from boomtown.rig.slinging import Task
from boomtown.rig.tokens import Claims
from boomtown.rig.transaction import Tx
from boomtown.store import beads, events, merges, runs, sql, tables
from boomtown.store.sql import Row

MOST_OPEN_BEADS = 20
LONGEST_CHECKPOINT = 256 * 1024


class Desk(Letters):
    """The service behind the agent routes, the tools and `boomtown done`."""

    # its own bead

    async def prime(self, claims: Claims, town_id: str, rig_id: str, agent_id: str) -> Object:
        """Who it is, its bead, its mail (now delivered), what else is open."""

        place = (town_id, rig_id, agent_id)

        def told(db: Connection, call: Call, letters: list[Row], now: float | None) -> Object:
            views = self._views(db)
            others = beads.of_rig(db, rig_id, status=BeadStatus.OPEN, limit=MOST_OPEN_BEADS)
            return {
                "agent": views.agent(agent_id),
                "hooked_bead": views.bead(call.bead["id"]),
                "undelivered_mail": [objects.mail({**letter, "delivered_at": now}) for letter in letters],
                "open_beads": views.beads(others),
                "rework_context": call.bead["rework"],
            }

        def without_mail(db: Connection, call: Call) -> Object | None:
            return None if events.undelivered(db, agent_id) else told(db, call, [], None)

        def work(tx: Tx, call: Call) -> Object:
            letters = events.undelivered(tx.db, agent_id)
            events.mark_delivered(tx.db, agent_id, tx.now)
            return told(tx.db, call, letters, tx.now)

        known = await self._read(claims, place, without_mail)  # mostly there is nothing to store
        return known if known is not None else await self._act(claims, place, work)

    async def done(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        """The merge. A repeat by the run whose `done` was accepted gets the stored answer."""

        def known(db: Connection) -> Object | None:
            run = runs.by_number(db, claims.rig_id, claims.run)
            mine = run is not None and run["polecat_id"] == claims.agent_id
            return run["done_answer"] if run is not None and mine else None

        if (claims.town_id, claims.rig_id, claims.agent_id) == (town_id, rig_id, agent_id):
            stored = await self._engine.read(known)
            if stored is not None:
                return stored

        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            branch = fields.get("branch")
            if branch != call.run["branch"]:
                said = "missing" if branch is None else f"“{branch}”"
                raise BadInputError(f"branch is {said}; yours is {call.run['branch']}.", field="branch")
            return _done(tx, call, text_of(fields, "summary"), text_of(fields, "pr_url"))

        return await self._act(claims, (town_id, rig_id, agent_id), work)

    async def heartbeat(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        """`{run, stop}`; `stop` asks it to end."""

        def work(_db: Connection, call: Call) -> tuple[str, Object]:
            object_of(body)
            return call.run["id"], {"run": call.run["number"], "stop": call.run["stop_reason"] is not None}

        run_id, answer = await self._read(claims, (town_id, rig_id, agent_id), work)
        self._engine.observed.called(run_id, self._engine.clock.now(), heartbeat=True)
        return answer

    async def put_checkpoint(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            if "data" not in fields:
                raise BadInputError('data is missing. Send {"data": …}.', field="data")
            data = json_of(fields["data"])
            if len(json.dumps(data)) > LONGEST_CHECKPOINT:
                raise BadInputError(f"data is longer than {LONGEST_CHECKPOINT // 1024} KiB.", field="data")
            sql.change(tx.db, tables.beads, call.bead["id"], checkpoint=data, updated_at=tx.now)
            tx.emit("bead.checkpoint", rig=call.rig, bead_id=call.bead["id"], agent_id=agent_id, run_id=call.run["id"])
            return {"data": data}

        return await self._act(claims, (town_id, rig_id, agent_id), work)

    async def get_checkpoint(self, claims: Claims, town_id: str, rig_id: str, agent_id: str) -> Object:
        return await self._read(
            claims, (town_id, rig_id, agent_id), lambda _db, call: {"data": call.bead["checkpoint"]}
        )

    async def completed(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        """A hint; git decides."""

        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            if fields.get("status") not in ("completed", "failed"):
                raise BadInputError(
                    f"status is {fields.get('status')!r}; it must be completed or failed.", field="status"
                )
            hint = {"status": fields["status"], "reason": text_of(fields, "reason")}
            tx.emit("run.hint", rig=call.rig, bead_id=call.bead["id"], agent_id=agent_id, run_id=call.run["id"], **hint)
            return hint

        return await self._act(claims, (town_id, rig_id, agent_id), work)

    async def ask(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        """Ask a person: the run ends soon, its work is kept, and the bead is held until there is an answer."""

        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            text, options = text_of(fields, "question"), fields.get("options") or []
            if not (text or "").strip():
                raise BadInputError("question is empty. Say in it what you need to know.", field="question")
            if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
                raise BadInputError("options must be a list of texts.", field="options")
            return _ask(tx, call, (text or "").strip(), options)

        return await self._act(claims, (town_id, rig_id, agent_id), work)

    async def molecule(self, claims: Claims, town_id: str, rig_id: str, agent_id: str) -> Object:
        def work(_db: Connection, call: Call) -> Object:
            raise NotFoundError(f"The bead “{call.bead['title']}” has no molecule.")

        return await self._read(claims, (town_id, rig_id, agent_id), work)

    # beads

    async def list_beads(self, claims: Claims, town_id: str, rig_id: str) -> list[Object]:
        def work(db: Connection, _call: Call) -> list[Object]:
            return self._views(db).beads(beads.of_rig(db, rig_id))

        return await self._read(claims, (town_id, rig_id, None), work)

    async def get_bead(self, claims: Claims, town_id: str, rig_id: str, bead_id: str) -> Object:
        return await self._read(
            claims, (town_id, rig_id, None), lambda db, _call: self._views(db).bead(_bead(db, rig_id, bead_id)["id"])
        )

    async def create_bead(self, claims: Claims, town_id: str, rig_id: str, body: Body) -> Object:
        """A held bead, for the same agent: it starts only if the rig sets `agents_may_sling`."""

        def work(tx: Tx, call: Call) -> str:
            fields = object_of(body)
            if fields.get("type", BeadType.ISSUE) != BeadType.ISSUE:
                raise BadInputError(f"type is {fields['type']!r}; agents make issues here.", field="type")
            held = not call.rig["settings"].get("agents_may_sling")
            return self._add(tx, call, fields, BeadType.ISSUE, held)

        return await self._act(claims, (town_id, rig_id, None), work, lambda tx, made: self._views(tx.db).bead(made))

    async def escalate(self, claims: Claims, town_id: str, rig_id: str, body: Body) -> Object:
        def work(tx: Tx, call: Call) -> str:
            return self._add(tx, call, object_of(body), BeadType.ESCALATION, False)

        return await self._act(claims, (town_id, rig_id, None), work, lambda tx, made: self._views(tx.db).bead(made))

    def _add(self, tx: Tx, call: Call, fields: dict[str, Any], bead_type: str, held: bool) -> str:
        bead_id = tx.new_id()
        task = Task(
            title=fields.get("title") or "",
            body=fields.get("body") or "",
            priority=fields.get("priority") or "medium",
            agent=call.bead["agent_kind"],
            model=call.bead["model"],
            hold=held,
        )
        labels = fields.get("labels") or []
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise BadInputError("labels must be a list of texts.", field="labels")
        metadata = json_of(fields.get("metadata"))
        slinging.add_bead(
            tx,
            call.rig,
            bead_id,
            task,
            self._engine.settings,
            bead_type=bead_type,
            metadata=metadata,
            labels=labels,
            parent=call.bead["id"],
        )
        return bead_id

    async def close_bead(self, claims: Claims, town_id: str, rig_id: str, bead_id: str, body: Body = None) -> Object:
        """On its hooked bead the same as `done`; closes an escalation that it sent."""
        return await self._finish(claims, town_id, rig_id, bead_id, body)

    async def set_bead_status(self, claims: Claims, town_id: str, rig_id: str, bead_id: str, body: Body) -> Object:
        def check() -> None:
            status = object_of(body).get("status")
            if status not in (BeadStatus.IN_REVIEW, BeadStatus.CLOSED):
                raise BadInputError(f"status is {status!r}; agents may set in_review or closed.", field="status")

        return await self._finish(claims, town_id, rig_id, bead_id, body, check)

    async def _finish(
        self,
        claims: Claims,
        town_id: str,
        rig_id: str,
        bead_id: str,
        body: Body,
        check: Callable[[], None] | None = None,
    ) -> Object:
        def work(tx: Tx, call: Call) -> str:
            bead = _bead(tx.db, rig_id, bead_id)
            own = bead["id"] == call.bead["id"]
            sent = bead["type"] == BeadType.ESCALATION and bead["created_by"] == call.actor
            if not own and not sent:
                raise ForbiddenError(f"The bead {bead_id} is not yours.")
            if check is not None:
                check()
            if own:
                _done(tx, call, text_of(body or {}, "summary"), None)
            elif bead["status"] != BeadStatus.CLOSED:
                beadwork.close(tx, bead)
            return bead["id"]

        return await self._act(claims, (town_id, rig_id, None), work, lambda tx, made: self._views(tx.db).bead(made))

    # agents

    async def list_agents(self, claims: Claims, town_id: str, rig_id: str) -> list[Object]:
        return await self._read(
            claims, (town_id, rig_id, None), lambda db, _call: self._views(db).agents(runs.registered(db, rig_id))
        )

    async def get_agent(self, claims: Claims, town_id: str, rig_id: str, agent_id: str) -> Object:
        return await self._read(claims, (town_id, rig_id, agent_id), lambda db, _call: self._views(db).agent(agent_id))

    async def hook(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, body: Body) -> Object:
        """Its own bead: nothing to do. Another: it runs already."""

        def work(db: Connection, call: Call) -> Object:
            bead_id = object_of(body).get("bead_id")
            if not isinstance(bead_id, str):
                raise BadInputError(f"bead_id is {bead_id!r}; it must be a bead's id.", field="bead_id")
            if bead_id != call.bead["id"]:
                raise AlreadyRunningError(f"You work on “{call.bead['title']}” already.")
            return self._views(db).agent(agent_id)

        return await self._read(claims, (town_id, rig_id, agent_id), work)

    async def unhook(self, claims: Claims, town_id: str, rig_id: str, agent_id: str) -> Object:
        """Stop; the bead is held."""

        def work(tx: Tx, call: Call) -> str:
            beadwork.stop(tx, call.polecat)
            return call.polecat["id"]

        return await self._act(
            claims, (town_id, rig_id, agent_id), work, lambda tx, made: self._views(tx.db).agent(made)
        )

    async def events(self, claims: Claims, town_id: str, rig_id: str, since: int = 0) -> list[Object]:
        def work(db: Connection, _call: Call) -> list[Object]:
            return [objects.event(row) for row in events.after(db, since, 1000, rig_id=rig_id)]

        return await self._read(claims, (town_id, rig_id, None), work)


def _done(tx: Tx, call: Call, summary: str | None, pr_url: str | None) -> Object:
    """Make the merge and ask the process to stop; whether it holds, git says when the process is gone.

    Where a report is wanted, nothing is to land: the summary is it, and the answer only has the form of a merge.
    """
    if call.run["done_answer"] is not None:
        return call.run["done_answer"]
    if call.bead["status"] != BeadStatus.IN_PROGRESS:
        raise ConflictError(f"The bead “{call.bead['title']}” is {call.bead['status']}; it can't be handed on.")
    if wants_report(call.bead["metadata"]):
        answer = objects.no_merge(tx.new_id(), call.bead["id"], call.run["branch"], tx.now)
    else:
        changes.add_merge(tx, call.rig, call.bead["id"], call.run["id"], call.run["branch"], pr_url)
        merge = merges.unfinished_of_bead(tx.db, call.bead["id"])
        assert merge is not None
        answer = objects.merge(merge)
    sql.change(tx.db, tables.runs, call.run["id"], done_at=tx.now, done_answer=answer, summary=summary)
    tx.emit(
        "run.done",
        rig=call.rig,
        bead_id=call.bead["id"],
        agent_id=call.polecat["id"],
        run_id=call.run["id"],
        summary=summary,
    )
    if call.run["stop_reason"] is None:
        changes.ask_to_stop(tx, call.rig, call.run["id"], call.bead["id"], call.polecat["id"], StopReason.DONE)
    return answer


def _ask(tx: Tx, call: Call, text: str, options: list[str]) -> Object:
    """Store the question and ask the process to end; an unanswered one is not asked twice."""
    asked = call.bead["question"]
    if asked is None or asked["run_id"] is not None or asked["text"] != text:
        if call.run["stop_reason"] is not None:
            raise ConflictError("This run is ending already; it can't ask any more.")
        changes.set_question(
            tx, call.rig, call.bead["id"], tx.new_id(), text, options, call.polecat["id"], call.run["id"], waits=False
        )
        changes.ask_to_stop(tx, call.rig, call.run["id"], call.bead["id"], call.polecat["id"], StopReason.ASK)
    return {"asked": True, "question": text, "note": "End your turn now. You go on when a person has answered."}


def _bead(db: Connection, rig_id: str, bead_id: str) -> Row:
    bead = sql.by_id(db, tables.beads, bead_id)
    if bead is None or bead["rig_id"] != rig_id:
        raise NotFoundError(f"There is no bead {bead_id} in this rig.")
    return bead
