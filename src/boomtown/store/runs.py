"""Polecats and their runs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select

from boomtown.domain.runs import Outcome
from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import beads, polecats, rigs, runs


def unfinished(connection: Connection, rig_id: str) -> list[Row]:
    """Runs that live or whose worktree is still there, with their beads' columns as `bead`."""
    names, found = _unfinished().run(connection, {"rig": rig_id})
    own = len(runs.c)
    of_run, of_bead = tuple(runs.c.keys()), names[own:]
    return [
        {**dict(zip(of_run, row[:own], strict=True)), "bead": dict(zip(of_bead, row[own:], strict=True))}
        for row in found
    ]


@sql.prepared
def _unfinished() -> sql.Query:
    run_columns = [column.label(f"run_{column.name}") for column in runs.c]
    return (
        select(*run_columns, beads)
        .join(beads, beads.c.id == runs.c.bead_id)
        .where(runs.c.rig_id == bindparam("rig"), runs.c.disposed_at.is_(None))
        .order_by(runs.c.number)
    )


def live_count(connection: Connection, rig_id: str | None = None) -> int:
    if rig_id is None:
        return sum(live_by_rig(connection).values())
    return sql.scalar(connection, _live_count(), rig=rig_id) or 0


@sql.prepared
def _live_count() -> sql.Query:
    of_rig = select(func.count()).select_from(runs).where(runs.c.rig_id == bindparam("rig"))
    return of_rig.where(runs.c.ended_at.is_(None))


def live_by_rig(connection: Connection) -> dict[str, int]:
    return dict(_live_by("rig_id").run(connection, {})[1])


def live_by_kind(connection: Connection) -> dict[str, int]:
    return dict(_live_by("agent_kind").run(connection, {})[1])


@sql.prepared
def _live_by(column: str) -> sql.Query:
    return select(runs.c[column], func.count()).where(runs.c.ended_at.is_(None)).group_by(runs.c[column])


def ended_since(connection: Connection, at: float) -> list[Row]:
    """Runs that live or have ended since `at` (epoch seconds)."""
    return sql.rows(connection, select(runs).where(runs.c.ended_at.is_(None) | (runs.c.ended_at >= at)))


def named(connection: Connection, run_ids: Sequence[str]) -> list[Row]:
    return sql.rows(connection, select(runs).where(runs.c.id.in_(run_ids)))


def by_number(connection: Connection, rig_id: str, number: int) -> Row | None:
    return sql.first(connection, _by_number(), rig=rig_id, number=number)


@sql.prepared
def _by_number() -> sql.Query:
    return select(runs).where(runs.c.rig_id == bindparam("rig"), runs.c.number == bindparam("number"))


def report_of(connection: Connection, bead_id: str) -> str | None:
    """What the bead was closed with, where words were wanted."""
    query = select(runs.c.summary).where(runs.c.bead_id == bead_id, runs.c.outcome == Outcome.REPORTED)
    return connection.execute(query).scalar()


def live_of_bead(connection: Connection, bead_id: str) -> Row | None:
    return sql.first(connection, _live_of_bead(), bead=bead_id)


@sql.prepared
def _live_of_bead() -> sql.Query:
    return select(runs).where(runs.c.bead_id == bindparam("bead"), runs.c.ended_at.is_(None))


def last_of_bead(connection: Connection, bead_id: str) -> Row | None:
    query = select(runs).where(runs.c.bead_id == bead_id).order_by(runs.c.number.desc()).limit(1)
    return sql.first(connection, query)


def last_of_polecats(connection: Connection, polecat_ids: list[str]) -> dict[str, Row]:
    """The latest run of each polecat."""
    return {row["polecat_id"]: row for row in sql.rows(connection, _last_of_polecats(), polecats=polecat_ids)}


@sql.prepared
def _last_of_polecats() -> sql.Query:
    newest = (
        select(runs.c.polecat_id, func.max(runs.c.number).label("number"))
        .where(sql.among(runs.c.polecat_id, "polecats"))
        .group_by(runs.c.polecat_id)
        .subquery()
    )
    return select(runs).join(newest, (newest.c.polecat_id == runs.c.polecat_id) & (newest.c.number == runs.c.number))


def live(connection: Connection) -> list[Row]:
    """All live runs of the home."""
    return sql.rows(connection, _live())


@sql.prepared
def _live() -> sql.Query:
    return select(runs).where(runs.c.ended_at.is_(None)).order_by(runs.c.claimed_at)


def at_work(connection: Connection) -> list[Row]:
    """Of all live runs of the home no more than what memory is decided by."""
    return sql.rows(connection, _at_work())


@sql.prepared
def _at_work() -> sql.Query:
    columns = (
        runs.c.id, runs.c.rig_id, runs.c.number, runs.c.agent_kind, runs.c.claimed_at, runs.c.stop_reason,
    )  # fmt: skip
    return select(*columns).where(runs.c.ended_at.is_(None))


def any_unfinished(connection: Connection) -> bool:
    """Whether any run of the home lives or has a worktree left."""
    return sql.scalar(connection, select(runs.c.id).where(runs.c.disposed_at.is_(None)).limit(1)) is not None


def taken_ports(connection: Connection) -> set[int]:
    """First ports of all runs of the home that live or have a worktree left."""
    return set(sql.column(connection, _taken_ports()))


@sql.prepared
def _taken_ports() -> sql.Query:
    return select(runs.c.port_base).where(runs.c.disposed_at.is_(None))


def undisposed_of_bead(connection: Connection, bead_id: str) -> Row | None:
    query = select(runs).where(runs.c.bead_id == bead_id, runs.c.disposed_at.is_(None))
    return sql.first(connection, query)


def registered(connection: Connection, rig_id: str | None = None) -> list[Row]:
    """Polecats with a name, with their bead's `bead_status`, oldest first."""
    if rig_id is None:
        return sql.rows(connection, _registered(everywhere=True))
    return sql.rows(connection, _registered(everywhere=False), rig=rig_id)


def at_work_on(connection: Connection, bead_ids: Sequence[str]) -> dict[str, Row]:
    """The registered polecats of these beads, by bead."""
    return {row["bead_id"]: row for row in sql.rows(connection, _at_work_on(), beads=list(bead_ids))}


@sql.prepared
def _at_work_on() -> sql.Query:
    return select(polecats).where(polecats.c.released_at.is_(None), sql.among(polecats.c.bead_id, "beads"))


@sql.prepared
def _registered(*, everywhere: bool) -> sql.Query:
    first_run = select(func.min(runs.c.number)).where(runs.c.polecat_id == polecats.c.id).scalar_subquery()
    query = (
        select(polecats, beads.c.status.label("bead_status"), rigs.c.name.label("rig_name"))
        .join(beads, beads.c.id == polecats.c.bead_id)
        .join(rigs, rigs.c.id == polecats.c.rig_id)
        .where(polecats.c.released_at.is_(None))
        .order_by(rigs.c.created_at, polecats.c.created_at, first_run)
    )
    return query if everywhere else query.where(polecats.c.rig_id == bindparam("rig"))


def polecat_of_bead(connection: Connection, bead_id: str, *, released: bool = False) -> Row | None:
    """The polecat that is registered for a bead, or (`released`) was last."""
    return sql.first(connection, _polecat_of_bead(released), bead=bead_id)


@sql.prepared
def _polecat_of_bead(released: bool) -> sql.Query:
    query = select(polecats).where(polecats.c.bead_id == bindparam("bead"))
    if not released:
        query = query.where(polecats.c.released_at.is_(None))
    return query.order_by(polecats.c.created_at.desc()).limit(1)
