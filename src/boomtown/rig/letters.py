"""What agents write to each other: mail, and words at work."""

from __future__ import annotations

from typing import Any

from boomtown.domain.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError
from boomtown.rig import beadwork, objects
from boomtown.rig.counter import Body, Call, Counter, object_of, text_of, words_of
from boomtown.rig.objects import Object
from boomtown.rig.tokens import Claims
from boomtown.rig.transaction import Tx
from boomtown.store import events, runs, sql, tables
from boomtown.store.sql import Row

NUDGE_MODES = ("wait-idle", "immediate", "queue")


class Letters(Counter):
    """The part of the desk that passes them on."""

    async def mail(self, claims: Claims, town_id: str, rig_id: str, agent_id: str, all: bool = False) -> list[Object]:  # noqa: A002
        """What was not delivered yet, now delivered; `all` re-reads and marks nothing."""
        place = (town_id, rig_id, agent_id)
        if all:
            return await self._read(
                claims, place, lambda db, _call: [objects.mail(row) for row in events.all_mail(db, agent_id)]
            )
        if await self._read(claims, place, lambda db, _call: not events.undelivered(db, agent_id)):
            return []  # asked for again and again: there is nothing to store

        def work(tx: Tx, _call: Call) -> list[Object]:
            letters = events.undelivered(tx.db, agent_id)
            events.mark_delivered(tx.db, agent_id, tx.now)
            return [objects.mail({**letter, "delivered_at": tx.now}) for letter in letters]

        return await self._act(claims, place, work)

    async def send_mail(self, claims: Claims, town_id: str, rig_id: str, body: Body) -> Object:
        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            sender = fields.get("from_agent_id", call.polecat["id"])
            if sender != call.polecat["id"]:
                raise ForbiddenError("from_agent_id is another agent's.")
            receiver = _receiver(tx, call, fields, "to_agent_id")
            return _post(tx, call, receiver, text_of(fields, "subject") or "", words_of(fields, "body"))

        return await self._act(claims, (town_id, rig_id, None), work)

    async def nudge(self, claims: Claims, town_id: str, rig_id: str, body: Body) -> Object:
        """Said to an agent that is spoken with, when its turn ends or at once; else, or in mode `queue`, mail."""

        def work(tx: Tx, call: Call) -> Object:
            fields = object_of(body)
            target, mode = _receiver(tx, call, fields, "target_agent_id"), fields.get("mode", NUDGE_MODES[0])
            if mode not in NUDGE_MODES:
                raise BadInputError(f"mode is {mode!r}; it must be one of {', '.join(NUDGE_MODES)}.", field="mode")
            text = words_of(fields, "message")
            live = runs.live_of_bead(tx.db, target["bead_id"])
            if mode == "queue" or live is None or not self._engine.settings.talks(live["agent_kind"]):
                return {"nudge_id": _post(tx, call, target, "Nudge", text)["id"]}
            sender, now = f"{call.polecat['name']}, another agent of this rig,", mode == "immediate"
            return {"nudge_id": beadwork.send(tx, call.rig, target["bead_id"], text, now=now, sender=sender)}

        return await self._act(claims, (town_id, rig_id, None), work)


def _receiver(tx: Tx, call: Call, fields: dict[str, Any], name: str) -> Row:
    """The polecat that the field `name` means."""
    to = fields.get(name)
    if not isinstance(to, str):
        raise BadInputError(f"{name} is {to!r}; it must be an agent's id.", field=name)
    receiver = sql.by_id(tx.db, tables.polecats, to)
    if receiver is None or receiver["rig_id"] != call.rig["id"]:
        raise NotFoundError(f"There is no agent {to} in this rig.")
    if receiver["released_at"] is not None:
        raise ConflictError(f"{receiver['name']} is no longer registered.", code="DEREGISTERED")
    return receiver


def _post(tx: Tx, call: Call, receiver: Row, subject: str, text: str) -> Object:
    """Put a letter into another polecat's box."""
    row = {
        "id": tx.new_id(),
        "rig_id": call.rig["id"],
        "from_agent_id": call.polecat["id"],
        "to_agent_id": receiver["id"],
        "subject": subject,
        "body": text,
        "created_at": tx.now,
    }
    events.send_mail(tx.db, **row)
    tx.emit("mail.sent", rig=call.rig, agent_id=receiver["id"], mail_id=row["id"])
    return objects.mail({**row, "delivered_at": None})
