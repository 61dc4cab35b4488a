"""What runs have used, summed by whatever they belong to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from boomtown.store.sql import Row
from boomtown.store.tables import rigs, runs

COUNTED = (runs.c.input_tokens, runs.c.cached_tokens, runs.c.output_tokens, runs.c.reasoning_tokens, runs.c.cost_usd)
_SUMS = tuple(func.sum(column).label(column.name) for column in COUNTED)


def of_beads(connection: Connection, bead_ids: list[str]) -> dict[str, Row]:
    """The sums of ended runs, by bead; nothing for a bead whose agents count nothing."""
    return _by(connection, runs.c.bead_id, runs.c.bead_id.in_(bead_ids))


def of_rigs(connection: Connection, since: float = 0.0) -> dict[str, Row]:
    """By rig, of runs that ended at `since` (epoch seconds) or later."""
    return _by(connection, runs.c.rig_id, *([runs.c.ended_at >= since] if since else []))


def of_towns(connection: Connection) -> dict[str, Row]:
    return _by(connection, rigs.c.town_id)


def of_kinds(connection: Connection) -> dict[str, Row]:
    """By kind of agent, over the whole home."""
    return _by(connection, runs.c.agent_kind)


def _by(connection: Connection, column: Any, *where: Any) -> dict[str, Row]:
    query = (
        select(column.label("key"), *_SUMS)
        .join(rigs, rigs.c.id == runs.c.rig_id)
        .where(runs.c.input_tokens.is_not(None), *where)
        .group_by(column)
    )
    found = {}
    for row in connection.execute(query).mappings():
        found[row["key"]] = {name: value for name, value in row.items() if name != "key"}
    return found
