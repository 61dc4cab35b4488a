"""Of which causes people were notified, as long as those last."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from boomtown.store import sql
from boomtown.store.tables import notified


def causes(connection: Connection) -> set[str]:
    return set(connection.scalars(select(notified.c.cause)))


def add(connection: Connection, cause: str, at: float) -> None:
    """`at` is epoch seconds."""
    sql.add(connection, notified, cause=cause, at=at)


def forget(connection: Connection, over: Iterable[str]) -> None:
    connection.execute(delete(notified).where(notified.c.cause.in_(list(over))))
