"""Messages for a bead's agent: queued until a session took them, or the bead is over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import messages, runs

QUEUED, DELIVERED, FAILED = "queued", "delivered", "failed"


def add(connection: Connection, **values: Any) -> None:
    sql.add(connection, messages, **{"sender": "", "now": False, "answers": None, "state": QUEUED, **values})


def of_bead(connection: Connection, bead_id: str) -> list[Row]:
    """All of them, in the order given."""
    return sql.rows(connection, select(messages).where(messages.c.bead_id == bead_id).order_by(messages.c.seq))


def queued(connection: Connection, bead_id: str) -> list[Row]:
    """Those that wait, in the order given."""
    return sql.rows(connection, _queued(), bead=bead_id)


@sql.prepared
def _queued() -> sql.Query:
    waiting = select(messages).where(messages.c.bead_id == bindparam("bead"), messages.c.state == QUEUED)
    return waiting.order_by(messages.c.seq)


def queued_at_work(connection: Connection, rig_id: str) -> dict[str, list[str]]:
    """The ids of those that wait, in the order given, by bead; of beads with a run that is not cleaned up."""
    found: dict[str, list[str]] = {}
    for row in sql.rows(connection, _queued_in(), rig=rig_id):
        found.setdefault(row["bead_id"], []).append(row["id"])
    return found


@sql.prepared
def _queued_in() -> sql.Query:
    return (
        select(messages.c.bead_id, messages.c.id)
        .join(runs, runs.c.bead_id == messages.c.bead_id)
        .where(runs.c.rig_id == bindparam("rig"), runs.c.disposed_at.is_(None), messages.c.state == QUEUED)
        .order_by(messages.c.seq)
    )


def deliver(connection: Connection, message_ids: Collection[str], now: float) -> list[Row]:
    """These were taken in; returns the ones that had not been before."""
    if not message_ids:
        return []
    waited = (messages.c.id.in_(list(message_ids)), messages.c.state == QUEUED)
    rows = sql.rows(connection, select(messages).where(*waited).order_by(messages.c.seq))
    connection.execute(update(messages).where(*waited), {"state": DELIVERED, "delivered_at": now})
    return rows


def fail(connection: Connection, bead_id: str) -> list[Row]:
    """The bead is over: nobody will take what still waits; returns it."""
    rows = queued(connection, bead_id)
    if rows:
        waited = (messages.c.bead_id == bead_id, messages.c.state == QUEUED)
        connection.execute(update(messages).where(*waited), {"state": FAILED})
    return rows
