"""The ledger of events, append-only, and mail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

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
    of = {"town_id": town_id, "rig_id": rig_id, "bead_id": bead_id}
    of = {column: value for column, value in of.items() if value}
    return sql.rows(connection, _after(frozenset(of)), since=since, most=limit, **of)


@sql.prepared
def _after(of: frozenset[str]) -> sql.Query:
    return _told(of).where(events.c.seq > bindparam("since")).order_by(events.c.seq).limit(bindparam("most"))


def _told(of: frozenset[str]) -> sql.Query:
    names = (beads.c.title.label("bead_title"), polecats.c.name.label("agent_name"))
    of_bead, of_agent = beads.c.id == events.c.bead_id, polecats.c.id == events.c.agent_id
    query = select(events, *names).outerjoin(beads, of_bead).outerjoin(polecats, of_agent)
    return query.where(*(events.c[column] == bindparam(column) for column in sorted(of)))


def before(
    connection: Connection, seq: int, limit: int, *, rig_id: str | None = None, bead_id: str | None = None
) -> list[Row]:
    """The last events before `seq`, in order; as `after`."""
    of = {column: value for column, value in (("rig_id", rig_id), ("bead_id", bead_id)) if value}
    return sql.rows(connection, _before(frozenset(of)), seq=seq, most=limit, **of)[::-1]


@sql.prepared
def _before(of: frozenset[str]) -> sql.Query:
    return _told(of).where(events.c.seq < bindparam("seq")).order_by(events.c.seq.desc()).limit(bindparam("most"))


def of_kind_since(connection: Connection, kind: str, at: float) -> list[Row]:
    """Events of one kind since `at` (epoch seconds)."""
    return sql.rows(connection, select(events).where(events.c.kind == kind, events.c.at >= at))


def send_mail(connection: Connection, **values: Any) -> None:
    sql.add(connection, mail, delivered_at=None, **values)


def undelivered(connection: Connection, agent_id: str) -> list[Row]:
    return sql.rows(connection, _undelivered(), agent=agent_id)


@sql.prepared
def _undelivered() -> sql.Query:
    waiting = select(mail).where(mail.c.to_agent_id == bindparam("agent"), mail.c.delivered_at.is_(None))
    return waiting.order_by(mail.c.seq)


def all_mail(connection: Connection, agent_id: str) -> list[Row]:
    return sql.rows(connection, select(mail).where(mail.c.to_agent_id == agent_id).order_by(mail.c.seq))


def mark_delivered(connection: Connection, agent_id: str, now: float) -> None:
    """All mail of an agent that was not yet; what was keeps its time."""
    connection.execute(
        update(mail).where(mail.c.to_agent_id == agent_id, mail.c.delivered_at.is_(None)), {"delivered_at": now}
    )
