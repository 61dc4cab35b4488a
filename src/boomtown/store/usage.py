"""What runs have used, summed by whatever they belong to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from boomtown.store import sql
from boomtown.store.sql import Row
from boomtown.store.tables import runs

COUNTED = (runs.c.input_tokens, runs.c.cached_tokens, runs.c.output_tokens, runs.c.reasoning_tokens, runs.c.cost_usd)
TOKENS = runs.c.input_tokens + runs.c.output_tokens
"""The cached ones are among the input, the reasoning ones among the output."""
_SUMS = tuple(func.sum(column).label(column.name) for column in COUNTED)


def spent(connection: Connection, rig_id: str | None, since: float) -> tuple[float, int]:
    """Dollars and tokens of runs that ended since then (epoch seconds), of one rig or of the home."""
    values: dict[str, Any] = {"since": since} | ({"rig": rig_id} if rig_id else {})
    row = sql.first(connection, _spent(of_rig=rig_id is not None), **values)
    return (row["usd"] or 0.0, row["tokens"] or 0) if row else (0.0, 0)


@sql.prepared
def _spent(*, of_rig: bool) -> sql.Query:
    query = select(func.sum(runs.c.cost_usd).label("usd"), func.sum(TOKENS).label("tokens"))
    query = query.where(runs.c.ended_at >= bindparam("since"))
    return query.where(runs.c.rig_id == bindparam("rig")) if of_rig else query


def memory_peaks(connection: Connection, kind: str, count: int) -> list[int]:
    """The most that each of the last runs of a kind had resident, in bytes."""
    return sql.column(connection, _memory_peaks(), kind=kind, count=count)


@sql.prepared
def _memory_peaks() -> sql.Query:
    ended = (runs.c.agent_kind == bindparam("kind")) & runs.c.ended_at.is_not(None)
    query = select(runs.c.peak_memory_bytes).where(ended, runs.c.peak_memory_bytes > 0)
    return query.order_by(runs.c.ended_at.desc()).limit(bindparam("count"))


def of_beads(connection: Connection, bead_ids: list[str]) -> dict[str, Row]:
    """The sums of ended runs, by bead; nothing for a bead whose agents count nothing."""
    return {row.pop("bead_id"): row for row in sql.rows(connection, _of_beads(), beads=bead_ids)}


@sql.prepared
def _of_beads() -> sql.Query:
    return _sums(runs.c.bead_id).where(sql.among(runs.c.bead_id, "beads"))


def of_rigs_and_kinds(connection: Connection, since: float | None = None) -> list[Row]:
    """The sums of runs that ended, since then (epoch seconds) or ever: a row for each `rig_id` and `agent_kind`.

    Nothing for those that count nothing.
    """
    return sql.rows(connection, _of_rigs_and_kinds(), since=since or 0.0)


@sql.prepared
def _of_rigs_and_kinds() -> sql.Query:
    return _sums(runs.c.rig_id, runs.c.agent_kind).where(runs.c.ended_at >= bindparam("since"))


def _sums(*by: Any) -> sql.Query:
    return select(*by, *_SUMS).where(runs.c.input_tokens.is_not(None)).group_by(*by)
