"""The ledger of events, append-only, and mail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import beads, events, mail, polecats


def append(connection: Connection, **values: Any) -> None:
    sql.add(connection, events, **values)


def last_seq(connection: Connection) -> int:
    return sql.scalar(connection, select(func.max(events.c.seq))) or 0


def after(
    connection: Connection,
    since: int,
    limit: int,
    *,
    town_id: str | None = None,
    rig_id: str | None = None,
    bead_id: str | None = None,
) -> list[Row]:
    """Events past `since`, in order, each with its bead's title and its polecat's name."""
    query = _told().where(events.c.seq > since).order_by(events.c.seq).limit(limit)
    for column, value in ((events.c.town_id, town_id), (events.c.rig_id, rig_id), (events.c.bead_id, bead_id)):
        if value:
            query = query.where(column == value)
    return sql.rows(connection, query)


@sql.once
def _told() -> sql.Query:
    names = (beads.c.title.label("bead_title"), polecats.c.name.label("agent_name"))
    of_bead, of_agent = beads.c.id == events.c.bead_id, polecats.c.id == events.c.agent_id
    return select(events, *names).outerjoin(beads, of_bead).outerjoin(polecats, of_agent)


def before(
    connection: Connection, seq: int, limit: int, *, rig_id: str | None = None, bead_id: str | None = None
) -> list[Row]:
    """The last events before `seq`, in order; as `after`."""
    query = _told().where(events.c.seq < seq).order_by(events.c.seq.desc()).limit(limit)
    for column, value in ((events.c.rig_id, rig_id), (events.c.bead_id, bead_id)):
        if value:
            query = query.where(column == value)
    return sql.rows(connection, query)[::-1]


def of_kind_since(connection: Connection, kind: str, at: float) -> list[Row]:
    """Events of one kind since `at` (epoch seconds)."""
    return sql.rows(connection, select(events).where(events.c.kind == kind, events.c.at >= at))


def send_mail(connection: Connection, **values: Any) -> None:
    sql.add(connection, mail, delivered_at=None, **values)


def undelivered(connection: Connection, agent_id: str) -> list[Row]:
    query = select(mail).where(mail.c.to_agent_id == agent_id, mail.c.delivered_at.is_(None)).order_by(mail.c.seq)
    return sql.rows(connection, query)


def all_mail(connection: Connection, agent_id: str) -> list[Row]:
    return sql.rows(connection, select(mail).where(mail.c.to_agent_id == agent_id).order_by(mail.c.seq))


def mark_delivered(connection: Connection, agent_id: str, now: float) -> None:
    """All mail of an agent that was not yet; what was keeps its time."""
    connection.execute(
        update(mail).where(mail.c.to_agent_id == agent_id, mail.c.delivered_at.is_(None)), {"delivered_at": now}
    )
