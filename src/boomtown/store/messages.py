"""Messages for a bead's agent: queued until a session took them, or the bead is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import messages

QUEUED, DELIVERED, FAILED = "queued", "delivered", "failed"


def add(connection: Connection, **values: Any) -> None:
    sql.add(connection, messages, **{"sender": "", "now": False, "answers": None, "state": QUEUED, **values})


def of_bead(connection: Connection, bead_id: str) -> list[Row]:
    """All of them, in the order given."""
    return sql.rows(connection, select(messages).where(messages.c.bead_id == bead_id).order_by(messages.c.seq))


def queued(connection: Connection, bead_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Those that wait, by bead, in the order given."""
    query = (
        select(messages).where(messages.c.bead_id.in_(bead_ids), messages.c.state == QUEUED).order_by(messages.c.seq)
    )
    found: dict[str, list[Row]] = {}
    for row in sql.rows(connection, query) if bead_ids else ():
        found.setdefault(row["bead_id"], []).append(row)
    return found


def deliver(connection: Connection, message_ids: Collection[str], now: float) -> list[Row]:
    """These were taken in; returns the ones that had not been before."""
    waited = (messages.c.id.in_(list(message_ids)), messages.c.state == QUEUED)
    rows = sql.rows(connection, select(messages).where(*waited).order_by(messages.c.seq))
    connection.execute(update(messages).where(*waited), {"state": DELIVERED, "delivered_at": now})
    return rows


def fail(connection: Connection, bead_id: str) -> list[Row]:
    """The bead is over: nobody will take what still waits; returns it."""
    rows = queued(connection, [bead_id]).get(bead_id, [])
    if rows:
        waited = (messages.c.bead_id == bead_id, messages.c.state == QUEUED)
        connection.execute(update(messages).where(*waited), {"state": FAILED})
    return rows
