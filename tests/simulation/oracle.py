"""Reads all that is stored as plain facts, and knows for itself why a bead waits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from boomtown.domain.facts import (
    BeadFact,
    LetterFact,
    MergeFact,
    MessageFact,
    PolecatFact,
    RigFact,
    RunFact,
    State,
)
from boomtown.domain.memory import keep_free
from boomtown.home.config import Settings
from boomtown.home.times import midnight
from boomtown.rig.observed import Observed


def read(db: sqlite3.Connection, settings: Settings | None = None) -> State:
    """The whole home; its caps where its settings are known."""
    rigs = {}
    for rig_id, cap, last, own in db.execute("SELECT id, max_polecats, last_run_number, settings FROM rigs"):
        names = json.loads(own).get("names")
        rigs[rig_id] = RigFact(cap, last, tuple(names)) if names else RigFact(cap, last)
    return State(
        rigs=rigs,
        runs=tuple(
            RunFact(*row[:7], live=row[7] is None, kind=row[8])
            for row in db.execute(
                "SELECT id, rig_id, number, bead_id, polecat_id, branch, worktree, ended_at, agent_kind FROM runs"
                " WHERE disposed_at IS NULL"
            )
        ),
        polecats=tuple(
            PolecatFact(*row)
            for row in db.execute("SELECT id, rig_id, name, bead_id FROM polecats WHERE released_at IS NULL")
        ),
        beads=tuple(
            BeadFact(*row)
            for row in db.execute(
                "SELECT id, rig_id, status, attempts, (SELECT count(*) FROM attempts WHERE bead_id = beads.id)"
                " FROM beads WHERE type = 'issue'"
            )
        ),
        merges=tuple(MergeFact(*row) for row in db.execute("SELECT id, bead_id, status FROM merges")),
        letters=tuple(LetterFact(*row) for row in db.execute("SELECT seq, to_agent_id, delivered_at FROM mail")),
        messages=tuple(
            MessageFact(*row) for row in db.execute("SELECT seq, bead_id, state, delivered_at FROM messages")
        ),
        home_cap=settings.max_agents if settings else None,
        kind_caps={
            kind.name: kind.max for kind in (settings.agents if settings else {}).values() if kind.max is not None
        },
        events=next(db.execute("SELECT coalesce(max(seq), 0), count(*) FROM events")),
    )


Reasons = tuple[str | None, ...]


def why_it_waits(db: sqlite3.Connection, bead_id: str, settings: Settings, observed: Observed, now: float) -> Reasons:
    """CONTRACT section 1, in its order; None where nothing keeps it. More than one where either is true."""

    def one(query: str, *values: object) -> int:
        return next(db.execute(query, values))[0]

    rig, held, not_before, agents = next(
        db.execute("SELECT rig_id, held, not_before, agents FROM beads WHERE id = ?", (bead_id,))
    )
    if held:
        return ("held",)
    if one(
        "SELECT count(*) FROM dependencies d JOIN beads b ON b.id = d.blocker_id"
        " WHERE d.bead_id = ? AND b.status <> 'closed'",
        bead_id,
    ):
        return ("blocked",)
    cleared = one("SELECT coalesce(breaker_cleared_at, 0) FROM home")
    since = max(cleared, now - settings.breaker_window_s)
    failed = one("SELECT count(*) FROM events WHERE kind = 'bead.failed' AND at > ?", since)
    paused = one("SELECT paused FROM home") or one("SELECT paused FROM rigs WHERE id = ?", rig)
    if paused or observed.closing or failed >= settings.breaker_failures:
        return ("paused",)
    refused = [(kind, _refused(db, kind, now)) for kind in agents.split(",")]
    if all(why for _, why in refused):
        return tuple(why for _, why in refused)
    kind = next(kind for kind, why in refused if why is None)
    if any(spent >= limit for spent, limit in _budgets(db, bead_id, rig, observed, now)):
        return ("budget",)
    leftover = one("SELECT count(*) FROM runs WHERE bead_id = ? AND disposed_at IS NULL", bead_id)
    if leftover or (not_before is not None and not_before > now):
        return ("backoff",)
    lacking = _kinds_that_lack_memory(db, settings, observed)
    if kind in lacking:
        return ("pressure",)
    pressed = ("pressure",) if lacking else ()  # as the first in line is of one kind or the other
    live = one("SELECT count(*) FROM runs WHERE rig_id = ? AND ended_at IS NULL", rig)
    everywhere = one("SELECT count(*) FROM runs WHERE ended_at IS NULL")
    of_kind = one("SELECT count(*) FROM runs WHERE agent_kind = ? AND ended_at IS NULL", kind)
    most = settings.agents[kind].max
    full = live >= one("SELECT max_polecats FROM rigs WHERE id = ?", rig)
    if full or (most is not None and of_kind >= most) or settings.max_agents is not None:
        # with a cap for the whole home, a free slot may be another rig's turn
        certain = full or settings.max_agents is None or everywhere >= settings.max_agents
        return (*pressed, "cap") if certain else (*pressed, "cap", None)
    return (*pressed, None)


def _refused(db: sqlite3.Connection, kind: str, now: float) -> str | None:
    """Why a provider answers nobody of this kind: until a time, or until the run that tries it has been answered."""
    for why, since, until, reported in db.execute(
        "SELECT why, since, until, reported FROM agent_kinds WHERE kind = ?", (kind,)
    ):
        tried = "SELECT 1 FROM runs WHERE agent_kind = ? AND ended_at IS NULL AND claimed_at >= ?"
        if until is None or now < until or (not reported and db.execute(tried, (kind, since)).fetchone()):
            return why
    return None


def _budgets(
    db: sqlite3.Connection, bead_id: str, rig_id: str, observed: Observed, now: float
) -> Iterator[tuple[float, float]]:
    """What is spent, and what may be, of all budgets that bind a bead."""
    live = [(state.run_id, state.bead_id, state.usage) for state in observed.states.values() if state.usage]
    running = {row[0] for row in db.execute("SELECT id FROM runs WHERE ended_at IS NULL AND rig_id = ?", (rig_id,))}

    def spent(where: str, since: float, *values: object) -> tuple[float, float]:
        query = (
            f"SELECT coalesce(sum(cost_usd), 0), coalesce(sum(input_tokens + output_tokens), 0) FROM runs WHERE {where}"
        )
        return next(db.execute(f"{query} AND ended_at >= ?", (*values, since)))

    usd, tokens = spent("bead_id = ?", 0.0, bead_id)
    limits = next(db.execute("SELECT budget_usd, budget_tokens FROM beads WHERE id = ?", (bead_id,)))
    yield from ((have, limit) for have, limit in zip((usd, tokens), limits, strict=True) if limit is not None)
    own = json.loads(next(db.execute("SELECT settings FROM rigs WHERE id = ?", (rig_id,)))[0])
    now_usd = sum(used.cost_usd or 0.0 for run_id, _, used in live if run_id in running)
    now_tokens = sum(used.input_tokens + used.output_tokens for run_id, _, used in live if run_id in running)
    for name, since in (("usd", 0.0), ("tokens_per_day", midnight(now))):
        limit = own.get(f"budget_{name}")
        usd, tokens = spent("rig_id = ?", since, rig_id)
        if limit is not None:
            yield (usd + now_usd if name == "usd" else tokens + now_tokens), limit


def _kinds_that_lack_memory(db: sqlite3.Connection, settings: Settings, observed: Observed) -> set[str]:
    """Kinds of agents of which one more does not fit, by what the last took and those at work may take."""
    machine = observed.memory()
    live = db.execute("SELECT id, agent_kind, stop_reason FROM runs WHERE ended_at IS NULL").fetchall()
    if machine is None or not live:
        return set()
    needs = {}
    for kind in settings.agents:
        query = (
            "SELECT peak_memory_bytes FROM runs WHERE agent_kind = ? AND ended_at IS NOT NULL AND peak_memory_bytes > 0"
            " ORDER BY ended_at DESC LIMIT 20"
        )
        peaks = sorted(row[0] for row in db.execute(query, (kind,)))
        needs[kind] = peaks[int(0.9 * (len(peaks) - 1))] if peaks else 0
    taken = {run_id: state.memory_bytes for run_id, state in observed.states.items()}
    promised = sum(max(0, needs[kind] - taken.get(run_id, 0)) for run_id, kind, stop in live if stop is None)
    left = machine.available - keep_free(machine.total) - promised
    return {kind for kind, need in needs.items() if need > max(left, 0)}
