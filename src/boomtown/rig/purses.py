"""What budgets there are and how much of each is spent, read only where some are set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from boomtown.container.protocol import Usage
from boomtown.domain.budgets import Day, Limits, Purse, Scope, Spent, purses
from boomtown.home.config import Settings
from boomtown.home.times import midnight
from boomtown.rig.observed import Observed
from boomtown.store import events, runs, usage
from boomtown.store.sql import Row

WARNED = "budget.warned"
DAY_S = 86_400.0


def of_rig(db: Connection, rig: Row, settings: Settings, observed: Observed, now: float) -> tuple[Purse, ...]:
    """The budgets of a rig and of the home."""
    own = limits_of(rig)
    found = [*_purses(db, Scope.RIG, rig, own, observed, now)] if own.any else []
    if settings.budget.any:
        found += _purses(db, Scope.HOME, None, settings.budget, observed, now)
    return tuple(_with_warnings(db, found))


def limits_of(rig: Row) -> Limits:
    return Limits(**{name: rig["settings"].get(f"budget_{name}") for name in vars(Limits())})


def _purses(
    db: Connection, scope: Scope, rig: Row | None, limits: Limits, observed: Observed, now: float
) -> Iterator[Purse]:
    rig_id = rig["id"] if rig else None
    live = _live(observed, [run for run in runs.live(db) if rig_id in (None, run["rig_id"])])
    begins_at = midnight(now)
    total = Spent(*usage.spent(db, rig_id, 0.0)) + live
    day = Day(begins_at, midnight(begins_at + 1.5 * DAY_S), Spent(*usage.spent(db, rig_id, begins_at)) + live)
    return purses(scope, rig["name"] if rig else "", limits, total, day)


def of_beads(db: Connection, rows: Iterable[Row], observed: Observed) -> dict[str, tuple[Purse, ...]]:
    """The budgets of those beads that have some."""
    bound = {row["id"]: row for row in rows if row["budget_usd"] is not None or row["budget_tokens"] is not None}
    if not bound:
        return {}
    ended, at_work = usage.of_beads(db, list(bound)), runs.live(db)
    found = {}
    for bead_id, row in bound.items():
        spent = _spent(ended.get(bead_id)) + _live(observed, [run for run in at_work if run["bead_id"] == bead_id])
        limits = Limits(usd=row["budget_usd"], tokens=row["budget_tokens"])
        found[bead_id] = tuple(_with_warnings(db, purses(Scope.BEAD, row["title"], limits, spent), bead_id))
    return found


def _live(observed: Observed, live: Collection[Row]) -> Spent:
    total = Spent()
    for run in live:
        state = observed.states.get(run["id"])
        total += _spent(state.usage if state else None)
    return total


def _spent(used: Row | Usage | None) -> Spent:
    if used is None:
        return Spent()
    values: dict[str, Any] = used if isinstance(used, dict) else vars(used)
    return Spent(values["cost_usd"] or 0.0, (values["input_tokens"] or 0) + (values["output_tokens"] or 0))


def _with_warnings(db: Connection, found: Iterable[Purse], bead_id: str | None = None) -> Iterator[Purse]:
    for purse in found:
        if not purse.to_warn:
            yield purse
            continue
        told = events.of_kind_since(db, WARNED, purse.since)
        yield replace(purse, warned=any(_same(event, purse, bead_id) for event in told))


def _same(event: Row, purse: Purse, bead_id: str | None) -> bool:
    data = event["data"]
    one = (event["bead_id"], data["scope"], data["owner"], data["budget"], data["limit"])
    return one == (bead_id, purse.scope, purse.owner, purse.limit_name, purse.limit)


def warning(purse: Purse) -> dict[str, Any]:
    """What the ledger says of a warning."""
    return {
        "scope": purse.scope,
        "owner": purse.owner,
        "budget": purse.limit_name,
        "limit": purse.limit,
        "spent": purse.spent,
        "words": purse.words,
    }
