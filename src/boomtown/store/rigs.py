"""Homes, towns and rigs."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select, update

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import (
    attempts,
    beads,
    dependencies,
    events,
    gate_results,
    home,
    idempotency,
    mail,
    merges,
    messages,
    polecats,
    rigs,
    runs,
    towns,
)


def the_home(connection: Connection) -> Row:
    """The one row of the home. It exists from the first start (`ensure_home`)."""
    row = sql.first(connection, _the_home())
    if row is None:
        raise LookupError("the home row is missing: ensure_home was not called")
    return row


@sql.prepared
def _the_home() -> sql.Query:
    return select(home).where(home.c.id == 1)


def ensure_home(connection: Connection, home_id: str, town_id: str, now: float) -> None:
    """Make the home's row and its first town, `home`, where they are missing."""
    if sql.first(connection, select(home.c.id)) is None:
        sql.add(connection, home, id=1, home_id=home_id, paused=False, created_at=now)
    if sql.first(connection, select(towns.c.id)) is None:
        sql.add(connection, towns, id=town_id, name="home", created_at=now)


def change_home(connection: Connection, **values: object) -> None:
    connection.execute(update(home).where(home.c.id == 1), values)


def all_towns(connection: Connection) -> list[Row]:
    return sql.rows(connection, select(towns).order_by(towns.c.created_at, towns.c.name))


def all_rigs(connection: Connection, town_id: str | None = None) -> list[Row]:
    found = sql.rows(connection, _all_rigs())
    return [rig for rig in found if town_id in (None, rig["town_id"])]


@sql.prepared
def _all_rigs() -> sql.Query:
    return select(rigs).order_by(rigs.c.created_at, rigs.c.name_key)


def rig_named(connection: Connection, name: str) -> Row | None:
    """By name, without regard to case."""
    return sql.first(connection, _rig_named(), name=name.lower())


@sql.prepared
def _rig_named() -> sql.Query:
    return select(rigs).where(rigs.c.name_key == bindparam("name"))


def count_unfinished(connection: Connection, rig_id: str) -> int:
    open_ones = beads.c.status.in_(("open", "in_progress", "in_review"))
    return sql.scalar(connection, select(func.count()).where(beads.c.rig_id == rig_id, open_ones)) or 0


def remove_rig(connection: Connection, rig_id: str) -> None:
    """Forget a rig and all that hangs on it, but its events."""
    of_rig = select(beads.c.id).where(beads.c.rig_id == rig_id)
    connection.execute(delete(attempts).where(attempts.c.bead_id.in_(of_rig)))
    connection.execute(delete(dependencies).where(dependencies.c.bead_id.in_(of_rig)))
    for table in (mail, messages, merges, runs, polecats, idempotency, gate_results, beads):
        connection.execute(delete(table).where(table.c.rig_id == rig_id))
    connection.execute(delete(rigs).where(rigs.c.id == rig_id))


def count_failures_since(connection: Connection, since: float) -> int:
    """Beads that failed since then, for the breaker."""
    return sql.scalar(connection, _failures(), since=since) or 0


@sql.prepared
def _failures() -> sql.Query:
    return select(func.count()).where(events.c.kind == "bead.failed", events.c.at > bindparam("since"))


def gate_result(connection: Connection, rig_id: str, tree: str, gates: str) -> Row | None:
    table = gate_results
    query = select(table).where(table.c.rig_id == rig_id, table.c.tree == tree, table.c.gates == gates)
    return sql.first(connection, query)


def remember_gate_result(
    connection: Connection, rig_id: str, tree: str, gates: str, green: bool, failed: str | None, now: float
) -> None:
    table = gate_results
    connection.execute(delete(table).where(table.c.rig_id == rig_id, table.c.tree == tree, table.c.gates == gates))
    sql.add(connection, table, rig_id=rig_id, tree=tree, gates=gates, green=green, failed=failed, at=now)


def forget_gate_results(connection: Connection, rig_id: str) -> None:
    connection.execute(delete(gate_results).where(gate_results.c.rig_id == rig_id))


def idempotent_answer(connection: Connection, rig_id: str, key: str, since: float) -> Row | None:
    """What was answered to `key`, unless that was before `since`."""
    table = idempotency
    query = select(table).where(table.c.rig_id == rig_id, table.c.key == key, table.c.created_at > since)
    return sql.first(connection, query)


def remember_answer(connection: Connection, rig_id: str, key: str, digest: str, answer: object, now: float) -> None:
    table = idempotency
    connection.execute(delete(table).where(table.c.rig_id == rig_id, table.c.key == key))
    sql.add(connection, table, rig_id=rig_id, key=key, digest=digest, answer=answer, created_at=now)
