"""People who have a token of their own. Tokens are not kept, only their digests."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import users


def everybody(connection: Connection) -> list[Row]:
    return sql.rows(connection, select(users).order_by(users.c.created_at, users.c.name_key))


def named(connection: Connection, name: str) -> Row | None:
    """By name, without regard to case."""
    return sql.first(connection, select(users).where(users.c.name_key == name.lower()))


def with_token(connection: Connection, digest: str) -> Row | None:
    return sql.first(connection, select(users).where(users.c.token_digest == digest))


def remove(connection: Connection, user_id: str) -> None:
    connection.execute(delete(users).where(users.c.id == user_id))
