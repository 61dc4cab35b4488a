"""The merge queue."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import beads, merges, runs

_DONE_WORDS = [literal_column(f"'{status}'") for status in ("merged", "failed")]
_UNFINISHED = merges.c.status.not_in(_DONE_WORDS)
"""In the words of the partial index, so that the database sees that it fits."""


def add(connection: Connection, rig_id: str, **values: Any) -> None:
    """Append to the rig's queue."""
    last = sql.scalar(connection, _last(), rig=rig_id) or 0
    sql.add(connection, merges, rig_id=rig_id, seq=last + 1, **values)


@sql.prepared
def _last() -> sql.Query:
    return select(func.max(merges.c.seq)).where(merges.c.rig_id == bindparam("rig"))


def unfinished(connection: Connection, rig_id: str) -> list[Row]:
    """Oldest first, with `leftover`: how many runs of the bead are not cleaned up."""
    return sql.rows(connection, _unfinished(), rig=rig_id)


@sql.prepared
def _unfinished() -> sql.Query:
    leftover = (
        select(func.count())
        .select_from(runs)
        .where(runs.c.bead_id == merges.c.bead_id, runs.c.disposed_at.is_(None))
        .scalar_subquery()
    )
    return (
        select(merges, leftover.label("leftover"))
        .where(merges.c.rig_id == bindparam("rig"), _UNFINISHED)
        .order_by(merges.c.seq)
    )


def of_rig(connection: Connection, rig_id: str, finished: int) -> list[Row]:
    """The unfinished ones and the last `finished` others, oldest first."""
    found = [*unfinished(connection, rig_id), *sql.rows(connection, _done(), rig=rig_id, most=finished)]
    return sorted(found, key=lambda row: row["seq"])


@sql.prepared
def _done() -> sql.Query:
    over = select(merges).where(merges.c.rig_id == bindparam("rig"), merges.c.status.in_(_DONE_WORDS))
    return over.order_by(merges.c.seq.desc()).limit(bindparam("most"))


def unfinished_of_bead(connection: Connection, bead_id: str) -> Row | None:
    return sql.first(connection, _unfinished_of_bead(), bead=bead_id)


@sql.prepared
def _unfinished_of_bead() -> sql.Query:
    return select(merges).where(merges.c.bead_id == bindparam("bead"), _UNFINISHED)


def last_of_bead(connection: Connection, bead_id: str) -> Row | None:
    query = select(merges).where(merges.c.bead_id == bead_id).order_by(merges.c.seq.desc()).limit(1)
    return sql.first(connection, query)


def matching(connection: Connection, prefix: str) -> list[Row]:
    query = select(merges).where(merges.c.id.startswith(prefix, autoescape=True)).limit(11)
    return sql.rows(connection, query)


def waiting_for_people(connection: Connection) -> list[Row]:
    """Merges that only a person moves on, with `title` and `rig_id`, oldest first."""
    return sql.rows(connection, _waiting_for_people())


@sql.prepared
def _waiting_for_people() -> sql.Query:
    only_people = or_(*(merges.c.status == word for word in ("approval", "remote_refused", "base_red")))
    return (
        select(merges, beads.c.title)
        .join(beads, beads.c.id == merges.c.bead_id)
        .where(_UNFINISHED, only_people)
        .order_by(merges.c.updated_at)
    )
