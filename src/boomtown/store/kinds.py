"""Agent kinds that were refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import agent_kinds, runs


def refused(connection: Connection) -> list[Row]:
    return sql.rows(connection, _refused())


@sql.prepared
def _refused() -> sql.Query:
    return select(agent_kinds).order_by(agent_kinds.c.kind)


def suspend(connection: Connection, **values: Any) -> None:
    """Note how a kind was refused, in place of what was known of it."""
    revive(connection, values["kind"])
    sql.add(connection, agent_kinds, **values)


def revive(connection: Connection, kind: str) -> None:
    connection.execute(delete(agent_kinds).where(agent_kinds.c.kind == kind))


def try_again(connection: Connection, kind: str, now: float) -> None:
    """Let one run of the kind probe it."""
    known = agent_kinds.c.kind == kind
    connection.execute(update(agent_kinds).where(known).values(until=now, since=now, reported=False))


def live_since(connection: Connection, kind: str, at: float) -> bool:
    """Whether a run of the kind lives that was claimed since then."""
    return sql.scalar(connection, _live_since(), kind=kind, at=at) is not None


@sql.prepared
def _live_since() -> sql.Query:
    of_kind = runs.c.agent_kind == bindparam("kind")
    return select(runs.c.id).where(of_kind, runs.c.ended_at.is_(None), runs.c.claimed_at >= bindparam("at")).limit(1)
