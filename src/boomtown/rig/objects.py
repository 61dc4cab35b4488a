"""The objects of CONTRACT section 2, the same for every reader: snake_case, every field present, null when empty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from boomtown.container.protocol import RunState
from boomtown.domain.beads import QueueReason
from boomtown.domain.merges import MergeStatus
from boomtown.domain.names import identity
from boomtown.domain.runs import RunPhase
from boomtown.home.config import Settings
from boomtown.home.times import iso
from boomtown.rig.observed import Observed
from boomtown.rig.queue import Queue, Waiting
from boomtown.store import beads, rigs, runs, sql, tables, usage
from boomtown.store.sql import Row

Object = dict[str, Any]


class Views:
    """Makes objects of rows, with what is observed now."""

    def __init__(self, db: Connection, settings: Settings, observed: Observed, now: float) -> None:
        self._db, self._settings, self._observed, self._now = db, settings, observed, now

    def beads(self, rows: Sequence[Row]) -> list[Object]:
        """Beads of one rig."""
        if not rows:
            return []
        rig = sql.by_id(self._db, tables.rigs, rows[0]["rig_id"])
        assert rig is not None
        waiting = Queue(self._db, rig, self._settings, self._observed, self._now).reasons(rows)
        ids = [row["id"] for row in rows]
        logs, workers = beads.attempt_log(self._db, ids), runs.at_work_on(self._db, ids)
        ended = usage.of_beads(self._db, ids)
        live = {state.bead_id: state for state in self._observed.states.values() if state.state != "exited"}
        return [
            self._bead(
                row,
                waiting.get(row["id"]),
                logs.get(row["id"], []),
                workers.get(row["id"]),
                ended.get(row["id"]),
                live.get(row["id"]),
            )
            for row in rows
        ]

    def bead(self, bead_id: str) -> Object:
        row = sql.by_id(self._db, tables.beads, bead_id)
        assert row is not None, bead_id
        return self.beads([row])[0]

    def _bead(
        self,
        row: Row,
        waiting: Waiting | None,
        log: list[Row],
        worker: Row | None,
        ended: Row | None,
        live: RunState | None,
    ) -> Object:
        return {
            "id": row["id"],
            "bead_id": row["id"],
            "rig_id": row["rig_id"],
            "parent_bead_id": row["parent_bead_id"],
            "type": row["type"],
            "status": row["status"],
            "title": row["title"],
            "body": row["body"],
            "priority": row["priority"],
            "labels": row["labels"],
            "metadata": row["metadata"],
            "agent_kind": row["agent_kind"],
            "model": row["model"],
            "timeout": row["timeout_s"],
            "budget_usd": row["budget_usd"],
            "budget_tokens": row["budget_tokens"],
            "branch": row["branch"],
            "assignee": worker["name"] if worker else None,
            "assignee_agent_bead_id": worker["id"] if worker else None,
            "created_by": row["created_by"],
            "attempts": row["attempts"],
            "attempt_log": [_attempt(number, entry) for number, entry in enumerate(log, 1)],
            "last_error": (live.error if live else None) or row["last_error"],
            "question": question(row["question"]),
            "usage": used(ended, live.usage if live else None),
            "attached_by": _person(live),
            "queue_reason": waiting.reason if waiting else None,
            "queue_detail": waiting.detail if waiting else None,
            "queue_position": waiting.position if waiting else None,
            "blocked_by": list(waiting.blocked_by) if waiting else [],
            "not_before": iso(_not_before(row, waiting)) if row["status"] == "open" else None,
            "created_at": iso(row["created_at"]),
            "updated_at": iso(row["updated_at"]),
            "closed_at": iso(row["closed_at"]),
        }

    def agents(self, rows: Sequence[Row]) -> list[Object]:
        """Polecats, as `store.runs.registered` gives them."""
        latest = runs.last_of_polecats(self._db, [row["id"] for row in rows])
        hooked = beads.named(self._db, [row["bead_id"] for row in rows])
        return [self._agent(row, latest.get(row["id"]), hooked.get(row["bead_id"], {})) for row in rows]

    def agent(self, polecat_id: str) -> Object:
        """One polecat, registered or not."""
        row = sql.by_id(self._db, tables.polecats, polecat_id)
        assert row is not None, polecat_id
        rig = sql.by_id(self._db, tables.rigs, row["rig_id"])
        assert rig is not None
        return self.agents([{**row, "rig_name": rig["name"]}])[0]

    def _agent(self, row: Row, run: Row | None, bead: Row) -> Object:
        live = run is not None and run["ended_at"] is None
        state = self._observed.states.get(run["id"]) if run and live else None
        hooked = row["bead_id"] if row["released_at"] is None else None
        run_id = run["id"] if run else ""
        signs = [state.last_output_at if state else None, self._observed.calls.get(run_id)]
        heard = max((sign for sign in signs if sign is not None), default=run["started_at"] if run else None)
        return {
            "id": row["id"],
            "rig_id": row["rig_id"],
            "role": "polecat",
            "name": row["name"],
            "identity": identity(row["rig_name"], row["name"]),
            "status": _status(row, run),
            "bead_id": hooked,
            "current_hook_bead_id": hooked,
            "run": run["number"] if run and live else None,
            "run_id": run["id"] if run else None,
            "branch": bead.get("branch"),
            "worktree": run["worktree"] if run and run["disposed_at"] is None else None,
            "pid": (state.pid if state else run["pid"]) if run and live and run["phase"] == RunPhase.RUNNING else None,
            "agent_kind": bead.get("agent_kind"),
            "dispatch_attempts": row["dispatches"],
            "started_at": iso(run["started_at"]) if run and live else None,
            "last_event_at": iso(state.last_output_at if state else None),
            "last_activity_at": iso(heard),
            "heartbeat_at": iso(self._observed.heartbeats.get(run_id)),
            "cpu_percent": state.cpu_percent if state else None,
            "memory_bytes": state.memory_bytes if state else None,
            "checkpoint": bead.get("checkpoint"),
            "usage": used(run if run and not live else None, state.usage if state else None),
            "attached_by": _person(state),
            "created_at": iso(row["created_at"]),
        }

    def rig(self, row: Row) -> Object:
        return {
            "id": row["id"],
            "town_id": row["town_id"],
            "name": row["name"],
            "git_url": row["git_url"],
            "default_branch": row["default_branch"],
            "max_polecats": row["max_polecats"],
            "live": runs.live_count(self._db, row["id"]),
            "agent": row["agent"],
            "merge": row["merge"],
            "landing": row["landing"],
            "gates": row["gates"],
            "status": "paused" if row["paused"] or rigs.the_home(self._db)["paused"] else "active",
            "settings": row["settings"],
            "created_at": iso(row["created_at"]),
        }


def _not_before(row: Row, waiting: Waiting | None) -> float | None:
    """What it waits for may say when it is over; epoch seconds."""
    said = waiting is not None and (waiting.not_before is not None or waiting.reason == QueueReason.AUTH)
    return waiting.not_before if waiting is not None and said else row["not_before"]


def _status(row: Row, run: Row | None) -> str:
    if run is None or row["released_at"] is not None:
        return "dead" if row["released_at"] is not None else "idle"
    if run["ended_at"] is None:
        return "stalled" if run["stalled_at"] is not None else "working"
    return "dead" if run["disposed_at"] is None else "idle"


def _person(state: RunState | None) -> str | None:
    """Who has the run's session in the place of the town."""
    return (state.attached.removeprefix("user:") or None) if state and state.state != "exited" else None


def _attempt(number: int, row: Row) -> Object:
    return {
        "number": number,
        "run_id": row["run_id"],
        "outcome": row["outcome"],
        "costs": row["costs"],
        "started_at": iso(row["started_at"]),
        "ended_at": iso(row["ended_at"]),
        "exit_status": row["exit_status"],
        "error": row["error"],
    }


def merge(row: Row) -> Object:
    return {
        "id": row["id"],
        "bead_id": row["bead_id"],
        "branch": row["branch"],
        "status": row["status"],
        "merge_commit": row["merge_commit"],
        "error": row["error"],
        "pr_url": row["pr_url"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def no_merge(answer_id: str, bead_id: str, branch: str, now: float) -> Object:
    """What `done` answers where there is nothing to land: of the form that its callers know, and stored nowhere."""
    known = {"id": answer_id, "bead_id": bead_id, "branch": branch, "created_at": now, "updated_at": now}
    return merge({"status": MergeStatus.WAITING, "merge_commit": None, "error": None, "pr_url": None, **known})


def message(row: Row) -> Object:
    """Words for an agent. `state`: queued, delivered (its session took them) or failed (its bead was over first)."""
    return {
        "id": row["id"],
        "bead_id": row["bead_id"],
        "sender": row["sender"] or None,
        "text": row["text"],
        "now": row["now"],
        "answers": row["answers"],
        "state": row["state"],
        "created_at": iso(row["created_at"]),
        "delivered_at": iso(row["delivered_at"]),
    }


def used(*parts: Any) -> Object | None:
    """Tokens and cost added up, of rows or of what a container tells; None if nothing was counted."""
    counted = [part if isinstance(part, dict) else vars(part) for part in parts if part is not None]
    counted = [part for part in counted if part["input_tokens"] is not None]
    if not counted:
        return None
    costs = [part["cost_usd"] for part in counted if part["cost_usd"] is not None]
    tokens = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    return {name: sum(part[name] or 0 for part in counted) for name in tokens} | {
        "cost_usd": round(sum(costs), 9) if costs else None
    }


def question(asked: Row | None) -> Object | None:
    """What a person is asked. `waits`: its agent stands still for the answer."""
    if asked is None:
        return None
    return {"id": asked["id"], "text": asked["text"], "options": asked["options"], "waits": asked["run_id"] is not None}


def event(row: Row) -> Object:
    return {**row, "at": iso(row["at"])}


def mail(row: Row) -> Object:
    return {
        "id": row["id"],
        "from_agent_id": row["from_agent_id"],
        "to_agent_id": row["to_agent_id"],
        "subject": row["subject"],
        "body": row["body"],
        "delivered": row["delivered_at"] is not None,
        "created_at": iso(row["created_at"]),
        "delivered_at": iso(row["delivered_at"]),
    }


def town(row: Row) -> Object:
    return {"id": row["id"], "name": row["name"], "created_at": iso(row["created_at"])}


def digest_text(value: Any) -> str:
    """The same text for the same data, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
