"""Beads, what blocks them, and the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, not_, or_, select

from boomtown.domain.beads import UNFINISHED
from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import attempts, beads, dependencies, runs
from boomtown.store.usage import TOKENS

_PAST_ALL = 2**62


def of_rig(
    connection: Connection,
    rig_id: str,
    *,
    status: str | None = None,
    bead_type: str | None = None,
    after_seq: int = 0,
    newest: bool = False,
    limit: int | None = None,
) -> list[Row]:
    """Beads in the order given, from past `after_seq`; `newest`: backwards, from before it, 0 being the end."""
    given: dict[str, Any] = {"rig": rig_id, "status": status, "type": bead_type, "most": limit}
    given = {name: value for name, value in given.items() if value is not None}
    seq = after_seq or (_PAST_ALL if newest else 0)
    return sql.rows(connection, _of_rig(frozenset(given), newest=newest), seq=seq, **given)


@sql.prepared
def _of_rig(given: frozenset[str], *, newest: bool) -> sql.Query:
    query = select(beads).where(beads.c.rig_id == bindparam("rig"))
    if newest:
        query = query.where(beads.c.seq < bindparam("seq")).order_by(beads.c.seq.desc())
    else:
        query = query.where(beads.c.seq > bindparam("seq")).order_by(beads.c.seq)
    for name in ("status", "type"):
        query = query.where(beads.c[name] == bindparam(name)) if name in given else query
    return query.limit(bindparam("most")) if "most" in given else query


def counts(connection: Connection, rig_id: str) -> dict[str, int]:
    """How many issues of a rig have each status; nothing for one that none has."""
    return dict(_counts().run(connection, {"rig": rig_id})[1])


@sql.prepared
def _counts() -> sql.Query:
    query = select(beads.c.status, func.count()).where(beads.c.rig_id == bindparam("rig"), beads.c.type == "issue")
    return query.group_by(beads.c.status)


def named(connection: Connection, bead_ids: Sequence[str]) -> dict[str, Row]:
    """By id."""
    return {row["id"]: row for row in sql.rows(connection, _named(), beads=list(bead_ids))}


@sql.prepared
def _named() -> sql.Query:
    return select(beads).where(sql.among(beads.c.id, "beads"))


def ids_needed(connection: Connection, since: float) -> set[str]:
    """The beads of all rigs that are open, at work or in review, or have ended since (epoch seconds)."""
    return set(connection.scalars(select(beads.c.id).where(_needed(since))))


def runs_needed(connection: Connection, since: float) -> set[str]:
    """The runs of those beads."""
    return set(connection.scalars(select(runs.c.id).join(beads, beads.c.id == runs.c.bead_id).where(_needed(since))))


def _needed(since: float) -> ColumnElement[bool]:
    return beads.c.status.in_(UNFINISHED) | (beads.c.closed_at >= since)


def matching(connection: Connection, prefix: str, rig_id: str | None = None) -> list[Row]:
    """Beads whose id begins with `prefix`, at most eleven."""
    query = select(beads).where(beads.c.id.startswith(prefix, autoescape=True)).order_by(beads.c.seq).limit(11)
    return sql.rows(connection, query.where(beads.c.rig_id == rig_id) if rig_id else query)


def ids_like(connection: Connection, rig_id: str, prefix: str) -> list[str]:
    return sql.column(connection, _ids_like(), rig=rig_id, like=f"{prefix}%")


@sql.prepared
def _ids_like() -> sql.Query:
    return select(beads.c.id).where(beads.c.rig_id == bindparam("rig"), beads.c.id.like(bindparam("like")))


def _blocked() -> ColumnElement[bool]:
    blocker = beads.alias("blocker")
    return exists(
        select(dependencies.c.bead_id)
        .join(blocker, blocker.c.id == dependencies.c.blocker_id)
        .where(dependencies.c.bead_id == beads.c.id, blocker.c.status != "closed")
    )


@sql.once
def _waits_for_a_place() -> ColumnElement[bool]:
    """Nothing but room keeps it: it may start now."""
    leftover = exists(select(runs.c.id).where(runs.c.bead_id == beads.c.id, runs.c.disposed_at.is_(None)))
    return and_(
        beads.c.rig_id == bindparam("rig"),
        beads.c.status == "open",
        beads.c.type == "issue",
        not_(beads.c.held),
        or_(beads.c.not_before.is_(None), beads.c.not_before <= bindparam("now")),
        not_(_blocked()),
        not_(leftover),
        within_budget(),
    )


@sql.once
def within_budget() -> ColumnElement[bool]:
    """What its runs have used is less than the bead may cost."""
    used = [
        select(func.coalesce(func.sum(column), 0)).where(runs.c.bead_id == beads.c.id).scalar_subquery()
        for column in (runs.c.cost_usd, TOKENS)
    ]
    limits = (beads.c.budget_usd, beads.c.budget_tokens)
    return and_(*(or_(limit.is_(None), limit > spent) for limit, spent in zip(limits, used, strict=True)))


def out_of_budget(connection: Connection) -> list[Row]:
    """Open beads of the home that wait because they have cost what they may."""
    return sql.rows(connection, _out_of_budget())


@sql.prepared
def _out_of_budget() -> sql.Query:
    waiting = and_(beads.c.status == "open", beads.c.type == "issue", not_(beads.c.held))
    return select(beads).where(waiting, not_(within_budget()))


def need_people(connection: Connection) -> list[Row]:
    """Beads of the home that only a person moves on: failed, held, escalations, and those that ask something."""
    return sql.rows(connection, _need_people())


@sql.prepared
def _need_people() -> sql.Query:
    unfinished = or_(*(beads.c.status == status for status in UNFINISHED))
    return select(beads).where(
        or_(
            beads.c.status == "failed",
            and_(unfinished, beads.c.question.is_not(None)),
            and_(beads.c.status == "open", or_(beads.c.held, beads.c.type == "escalation")),
        )
    )


def last_errors(connection: Connection, limit: int) -> list[Row]:
    """The latest errors of unclosed beads, newest first: `id`, `title`, `last_error`, `updated_at`."""
    return sql.rows(connection, _last_errors(), most=limit)


@sql.prepared
def _last_errors() -> sql.Query:
    query = select(beads.c.id, beads.c.title, beads.c.last_error, beads.c.updated_at)
    query = query.where(beads.c.last_error.is_not(None), beads.c.status != "closed")
    return query.order_by(beads.c.updated_at.desc()).limit(bindparam("most"))


def startable(connection: Connection, rig_id: str, now: float, limit: int, but: Collection[str] = ()) -> list[Row]:
    """The first beads in queue order (priority, then age) that may start now. `but`: not those for these `agents`."""
    left_out = {f"but_{place}": agents for place, agents in enumerate(but)}
    return sql.rows(connection, _startable(len(left_out)), rig=rig_id, now=now, most=limit, **left_out)


@sql.prepared
def _startable(left_out: int) -> sql.Query:
    query = select(beads).where(_waits_for_a_place())
    for place in range(left_out):
        query = query.where(beads.c.agents != bindparam(f"but_{place}"))
    return query.order_by(beads.c.rank, beads.c.seq).limit(bindparam("most"))


def waiting_agents(connection: Connection) -> list[str]:
    """What open beads of the home are for: each `agents` once."""
    return sql.column(connection, _waiting_agents())


@sql.prepared
def _waiting_agents() -> sql.Query:
    return select(beads.c.agents).where(beads.c.status == "open", beads.c.agents.is_not(None)).distinct()


def positions(connection: Connection, rig_id: str, now: float) -> dict[str, int]:
    """Place in line, from 1, of every bead that waits only for room."""
    waiting = sql.column(connection, _in_line(), rig=rig_id, now=now)
    return {bead_id: place for place, bead_id in enumerate(waiting, 1)}


def count_in_line(connection: Connection, rig_id: str, now: float) -> int:
    return sql.scalar(connection, _count_in_line(), rig=rig_id, now=now)


@sql.prepared
def _count_in_line() -> sql.Query:
    return select(func.count()).select_from(beads).where(_waits_for_a_place())


@sql.prepared
def _in_line() -> sql.Query:
    return select(beads.c.id).where(_waits_for_a_place()).order_by(beads.c.rank, beads.c.seq)


def next_due(connection: Connection, rig_id: str, now: float) -> float | None:
    """When the next back-off ends."""
    return sql.scalar(connection, _next_due(), rig=rig_id, now=now)


@sql.prepared
def _next_due() -> sql.Query:
    return select(func.min(beads.c.not_before)).where(
        beads.c.rig_id == bindparam("rig"),
        beads.c.status == "open",
        not_(beads.c.held),
        beads.c.not_before > bindparam("now"),
    )


def blockers(connection: Connection, bead_ids: Sequence[str]) -> dict[str, list[Row]]:
    """For each bead the ones that still block it: `id`, `title`, `status`."""
    found: dict[str, list[Row]] = {}
    for row in sql.rows(connection, _blockers(), beads=list(bead_ids)):
        found.setdefault(row.pop("bead_id"), []).append(row)
    return found


@sql.prepared
def _blockers() -> sql.Query:
    return (
        select(dependencies.c.bead_id, beads.c.id, beads.c.title, beads.c.status)
        .join(beads, beads.c.id == dependencies.c.blocker_id)
        .where(sql.among(dependencies.c.bead_id, "beads"), beads.c.status != "closed")
        .order_by(beads.c.seq)
    )


def dependency_edges(connection: Connection, rig_id: str) -> list[tuple[str, str]]:
    """(bead, blocker) of all unfinished beads of a rig."""
    query = (
        select(dependencies.c.bead_id, dependencies.c.blocker_id)
        .join(beads, beads.c.id == dependencies.c.bead_id)
        .where(beads.c.rig_id == rig_id, beads.c.status.not_in(("closed", "cancelled")))
    )
    return [(bead, blocker) for bead, blocker in connection.execute(query)]


def set_blockers(connection: Connection, bead_id: str, blocker_ids: Sequence[str]) -> None:
    connection.execute(dependencies.delete().where(dependencies.c.bead_id == bead_id))
    for blocker_id in dict.fromkeys(blocker_ids):
        sql.add(connection, dependencies, bead_id=bead_id, blocker_id=blocker_id)


def add_attempt(connection: Connection, bead_id: str, **values: Any) -> None:
    """Append to the bead's log of attempts."""
    last = sql.scalar(connection, _last_attempt(), bead=bead_id) or 0
    sql.add(connection, attempts, bead_id=bead_id, seq=last + 1, **values)


@sql.prepared
def _last_attempt() -> sql.Query:
    return select(func.max(attempts.c.seq)).where(attempts.c.bead_id == bindparam("bead"))


def attempt_log(connection: Connection, bead_ids: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sql.rows(connection, _attempt_log(), beads=list(bead_ids)):
        found.setdefault(row["bead_id"], []).append(row)
    return found


@sql.prepared
def _attempt_log() -> sql.Query:
    return select(attempts).where(sql.among(attempts.c.bead_id, "beads")).order_by(attempts.c.seq)
