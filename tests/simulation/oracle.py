"""Reads all that is stored as plain facts, and knows for itself why a bead waits."""

from __future__ import annotations

import json
import sqlite3

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
from boomtown.home.config import Settings


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
        kind_caps={kind.name: kind.max for kind in (settings.agents if settings else {}).values() if kind.max is not None},
        events=next(db.execute("SELECT coalesce(max(seq), 0), count(*) FROM events")),
    )


def why_it_waits(db: sqlite3.Connection, bead_id: str, settings: Settings, closing: bool, now: float) -> str | None:
    """CONTRACT section 1, in its order; None where nothing keeps it."""

    def one(query: str, *values: object) -> int:
        return next(db.execute(query, values))[0]

    rig, held, not_before, kind = next(
        db.execute("SELECT rig_id, held, not_before, agent_kind FROM beads WHERE id = ?", (bead_id,))
    )
    if held:
        return "held"
    if one(
        "SELECT count(*) FROM dependencies d JOIN beads b ON b.id = d.blocker_id"
        " WHERE d.bead_id = ? AND b.status <> 'closed'",
        bead_id,
    ):
        return "blocked"
    cleared = one("SELECT coalesce(breaker_cleared_at, 0) FROM home")
    since = max(cleared, now - settings.breaker_window_s)
    failed = one("SELECT count(*) FROM events WHERE kind = 'bead.failed' AND at > ?", since)
    paused = one("SELECT paused FROM home") or one("SELECT paused FROM rigs WHERE id = ?", rig)
    if paused or closing or failed >= settings.breaker_failures:
        return "paused"
    leftover = one("SELECT count(*) FROM runs WHERE bead_id = ? AND disposed_at IS NULL", bead_id)
    if leftover or (not_before is not None and not_before > now):
        return "backoff"
    live = one("SELECT count(*) FROM runs WHERE rig_id = ? AND ended_at IS NULL", rig)
    everywhere = one("SELECT count(*) FROM runs WHERE ended_at IS NULL")
    of_kind = one("SELECT count(*) FROM runs WHERE agent_kind = ? AND ended_at IS NULL", kind)
    most = settings.agents[kind].max
    full = live >= one("SELECT max_polecats FROM rigs WHERE id = ?", rig)
    if full or (most is not None and of_kind >= most) or settings.max_agents is not None:
        # with a cap for the whole home, a free slot may be another rig's turn
        return "cap" if full or settings.max_agents is None or everywhere >= settings.max_agents else "cap?"
    return None
