"""Fills a town's database as months of work would leave it; the server must be down."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, select

from boomtown.store import tables

MONTH_S = 30 * 86_400.0
FINISHED = {"closed": ("merged", 1), "failed": ("crashed", 5), "cancelled": ("stopped", 1)}
"""Status of a bead → how its runs ended, and how many there were."""
EVENTS_A_RUN = 6


def fill(database: Path, rig_name: str, counts: dict[str, int]) -> None:
    """Add `counts` beads of each status to a rig: the finished ones and those in review with their whole history."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        rig = connection.execute(select(tables.rigs).where(tables.rigs.c.name == rig_name)).mappings().one()
        made = _Made(rig["id"], rig["town_id"], time.time() - MONTH_S)
        for status in _shuffled(counts):
            made.bead(status)
        for table, rows in made.rows.items():
            connection.execute(insert(table), rows)
        last = tables.rigs.update().where(tables.rigs.c.id == rig["id"]).values(last_run_number=made.runs)
        connection.execute(last)
    engine.dispose()


def _shuffled(counts: dict[str, int]) -> Iterator[str]:
    every = [status for status, count in counts.items() for _ in range(count)]
    random.Random(1).shuffle(every)
    yield from every


class _Made:
    """Rows to be, in the order in which their tables refer to each other."""

    def __init__(self, rig_id: str, town_id: str, began: float) -> None:
        used = (tables.beads, tables.polecats, tables.runs, tables.attempts, tables.merges, tables.events)
        self.rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in used}
        self.runs = 0
        self._rig_id, self._town_id, self._at = rig_id, town_id, began

    def bead(self, status: str) -> None:
        number, bead_id = len(self.rows[tables.beads]), str(uuid.uuid4())
        self._at += 60.0
        done = status in FINISHED or status == "in_review"
        outcome, count = FINISHED.get(status, ("in_review", 1)) if done else ("", 0)
        branch = f"polecat/p{number}/{bead_id[:6]}" if done else None
        self.rows[tables.beads].append(self._bead(number, bead_id, status, branch, count))
        self._event("bead.created", bead_id, None, {"title": f"Task {number}"})
        if not done:
            return
        polecat = str(uuid.uuid4())
        released = None if status == "in_review" else self._at
        row = {"id": polecat, "name": f"Worker-{number}", "name_key": f"worker-{number}", "dispatches": count}
        self.rows[tables.polecats].append(self._own(row | {"bead_id": bead_id, "released_at": released}))
        for seq in range(1, count + 1):
            self._run(bead_id, polecat, branch or "", outcome, seq)
        if status in ("closed", "in_review"):
            self._merge(bead_id, branch or "", "merged" if status == "closed" else "approval")

    def _own(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"rig_id": self._rig_id, "created_at": self._at, **row}

    def _bead(self, number: int, bead_id: str, status: str, branch: str | None, attempts: int) -> dict[str, Any]:
        row = {
            "id": bead_id,
            "type": "issue",
            "status": status,
            "title": f"Task {number} of many that were slung",
            "body": "What is to be done, in a few sentences. " * 8,
            "priority": "medium",
            "rank": 2,
            "labels": [],
            "metadata": {},
            "agent_kind": "probe",
            "agents": "probe",
            "prefix": bead_id[:6],
            "branch": branch,
            "attempts": attempts if status == "failed" else 0,
            "last_error": "The program ended with exit status 1." if status == "failed" else None,
            "created_by": "user:bench",
            "updated_at": self._at,
            "closed_at": self._at if status == "closed" else None,
        }
        return self._own(row)

    def _run(self, bead_id: str, polecat: str, branch: str, outcome: str, seq: int) -> None:
        self.runs += 1
        run_id = str(uuid.uuid4())
        over = dict.fromkeys(("claimed_at", "started_at", "exited_at", "ended_at", "disposed_at"), self._at)
        row = {
            "id": run_id,
            "number": self.runs,
            "bead_id": bead_id,
            "polecat_id": polecat,
            "phase": "exited",
            "branch": branch,
            "worktree": f"/nowhere/{run_id}",
            "agent_kind": "probe",
            "deadline_at": self._at + 14_400,
            "port_base": 20_000,
            "exit_code": 0,
            "outcome": outcome,
            "input_tokens": 1000,
            "cached_tokens": 500,
            "output_tokens": 200,
            "reasoning_tokens": 0,
            "cost_usd": 0.01,
        }
        self.rows[tables.runs].append({"rig_id": self._rig_id, **row, **over})
        attempt = {"id": str(uuid.uuid4()), "bead_id": bead_id, "seq": seq, "run_id": run_id, "outcome": outcome}
        times = {"started_at": self._at, "ended_at": self._at, "exit_status": 0, "error": None}
        self.rows[tables.attempts].append(attempt | {"costs": outcome == "crashed"} | times)
        for step in range(EVENTS_A_RUN):
            self._event(f"run.step{step}", bead_id, run_id, {"attempt": seq})

    def _merge(self, bead_id: str, branch: str, status: str) -> None:
        merges = self.rows[tables.merges]
        row = {"id": str(uuid.uuid4()), "seq": len(merges) + 1, "bead_id": bead_id, "branch": branch, "status": status}
        merges.append(self._own(row | {"updated_at": self._at}))

    def _event(self, kind: str, bead_id: str, run_id: str | None, data: dict[str, Any]) -> None:
        row = {"id": str(uuid.uuid4()), "at": self._at, "town_id": self._town_id, "rig_id": self._rig_id}
        of = {"bead_id": bead_id, "run_id": run_id, "kind": kind, "actor": "system", "data": data}
        self.rows[tables.events].append(row | of)
