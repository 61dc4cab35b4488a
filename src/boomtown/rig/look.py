"""Reads one rig's snapshot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from boomtown.domain.beads import wants_report
from boomtown.domain.budgets import Purse
from boomtown.domain.kinds import Refusal, Refused
from boomtown.domain.names import POOL
from boomtown.domain.runs import RunPhase
from boomtown.domain.snapshot import BeadView, MergeView, PolecatView, Room, Rules, RunView, Seen, Snapshot
from boomtown.home.config import Settings
from boomtown.rig import memory, purses
from boomtown.rig.kinds import Kinds
from boomtown.rig.observed import Observed
from boomtown.store import beads, merges, messages, rigs, runs
from boomtown.store.sql import Row

BASE_RED_RETRY_S = 60.0


def rules_of(rig: Row, settings: Settings) -> Rules:
    """The rig's own settings before the home's."""
    own = rig["settings"]
    return Rules(
        max_polecats=rig["max_polecats"],
        merge=rig["merge"],
        pool=tuple(own.get("names") or POOL),
        timeout_s=float(own.get("timeout") or settings.timeout_s),
        stall_after_s=float(own.get("stall_after") or settings.stall_after_s),
        delays_s=settings.backoff_s,
        quota_backoff_s=settings.quota_backoff_s,
        stop_grace_s=settings.stop_grace_s,
        done_grace_s=settings.done_grace_s,
    )


def breaker_open(db: Connection, home: Row, settings: Settings, now: float) -> bool:
    """Too many beads failed lately, and no person has looked since."""
    since = max(now - settings.breaker_window_s, home["breaker_cleared_at"] or 0.0)
    return rigs.count_failures_since(db, since) >= settings.breaker_failures


def look(db: Connection, rig: Row, settings: Settings, observed: Observed, now: float) -> Snapshot:
    """How things stand in one rig at `now` (epoch seconds).

    What is observed is taken before what is stored is read: a run is stored before anybody can see it.
    """
    container, busy, stopping, told = observed.of_rig(rig["name"]), observed.busy, observed.stopping, observed.told
    home = rigs.the_home(db)
    unfinished = runs.unfinished(db, rig["id"])
    waiting = messages.queued_at_work(db, rig["id"])
    rules = rules_of(rig, settings)
    live = sum(run["ended_at"] is None for run in unfinished)
    kinds = Kinds(db, settings, now)
    dispatching = not (observed.closing or home["paused"] or rig["paused"])
    own = purses.of_beads(db, (run["bead"] for run in unfinished), observed)
    room, queue = Room(), []
    if dispatching and live < rules.max_polecats:
        left_out = kinds.left_out()
        room = _room(db, rig, settings, now, kinds, left_out)
        queue = beads.startable(db, rig["id"], now, rules.max_polecats - live, left_out)
        dispatching = not queue or not breaker_open(db, home, settings, now)
    return Snapshot(
        rig_id=rig["id"],
        rig_name=rig["name"],
        rules=rules,
        dispatching=dispatching,
        last_run_number=rig["last_run_number"],
        room=room,
        container=container,
        runs=tuple(
            _run(
                run,
                observed,
                settings,
                waiting.get(run["bead_id"], []),
                own.get(run["bead_id"], ()),
                memory_limit(rig, settings, run["agent_kind"]),
            )
            for run in unfinished
        ),
        polecats=tuple(
            PolecatView(row["id"], row["name"], row["bead_id"], row["bead_status"])
            for row in runs.registered(db, rig["id"])
        ),
        queue=tuple(_bead(row) for row in queue),
        merges=tuple(_merge(row) for row in merges.unfinished(db, rig["id"])),
        purses=purses.of_rig(db, rig, settings, observed, now),
        memory=memory.of_home(db, settings, observed, rig["id"], {kinds.choice(row["agents"]) or "" for row in queue})
        if queue or unfinished
        else None,
        busy=busy,
        stopping=stopping,
        told=told,
        next_due=beads.next_due(db, rig["id"], now),
        awake_since=observed.awake_since,
        refused=kinds.refused,
    )


def _room(db: Connection, rig: Row, settings: Settings, now: float, kinds: Kinds, left_out: list[str]) -> Room:
    if settings.max_agents is None:
        return Room(kinds=kinds.places, suspended=kinds.suspended)
    live = runs.live_by_rig(db)
    rivals = [
        live.get(other["id"], 0)
        for other in rigs.all_rigs(db)
        if other["id"] != rig["id"]
        and not other["paused"]
        and live.get(other["id"], 0) < other["max_polecats"]
        and beads.startable(db, other["id"], now, 1, left_out)
    ]
    slots = max(0, settings.max_agents - sum(live.values()))
    fewest = min(rivals, default=None)
    return Room(slots=slots, kinds=kinds.places, suspended=kinds.suspended, fewest_elsewhere=fewest)


def _bead(row: Row, own: tuple[Purse, ...] = ()) -> BeadView:
    question = row["question"]
    return BeadView(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        prefix=row["prefix"],
        kinds=tuple((row["agents"] or "").split(",")),
        branch=row["branch"],
        attempts=row["attempts"],
        delay_step=row["delay_step"],
        no_work_streak=row["no_work_streak"],
        lost_streak=row["lost_streak"],
        own_commits=row["own_commits"],
        timeout_s=row["timeout_s"],
        rework=row["rework"] is not None,
        wants_report=wants_report(row["metadata"]),
        question=question["text"] if question and question["run_id"] is None else None,
        purses=own,
    )


def memory_limit(rig: Row, settings: Settings, kind: str) -> int | None:
    """What a run may have resident, in bytes: the rig's word before the agent's; None: no limit."""
    agent = settings.agents.get(kind)
    return rig["settings"].get("memory_limit") or (agent.memory_limit if agent else None)


def _run(
    row: Row,
    observed: Observed,
    settings: Settings,
    waiting: list[str],
    own: tuple[Purse, ...],
    memory_limit: int | None,
) -> RunView:
    question = row["bead"]["question"]
    return RunView(
        id=row["id"],
        number=row["number"],
        polecat_id=row["polecat_id"],
        bead=_bead(row["bead"], own),
        phase=row["phase"],
        claimed_at=row["claimed_at"],
        deadline_at=row["deadline_at"],
        agent_kind=row["agent_kind"],
        branch=row["branch"],
        worktree=row["worktree"],
        container_id=row["container_id"],
        stop_reason=row["stop_reason"],
        stop_at=row["stop_at"],
        done_at=row["done_at"],
        reported=bool((row["summary"] or "").strip()),
        started_at=row["started_at"],
        last_call_at=observed.calls.get(row["id"]),
        stalled=row["stalled_at"] is not None,
        talks=settings.talks(row["agent_kind"]),
        memory_bytes=state.memory_bytes if (state := observed.states.get(row["id"])) else 0,
        memory_limit=memory_limit,
        shared=settings.shares(row["agent_kind"]),
        asking=question["id"] if question and question["run_id"] == row["id"] else None,
        unheard=frozenset(waiting),
        exit=_exit(row),
        facts=observed.facts.get(row["id"]),
        wip=row["wip"],
    )


def _exit(row: Row) -> Seen | None:
    """What was stored when the process tree was gone and git could not be read."""
    code, signal, error = row["exit_code"], row["signal"], row["error"]
    if row["phase"] != RunPhase.EXITED or (code is None and signal is None and error is None):
        return None
    return Seen(
        "exited",
        exit_code=code,
        signal=signal,
        start_failed=code is None and signal is None,
        setup_failed=row["setup_failed"],
        error=error,
        refusal=_refusal(row["refusal"]),
    )


def _refusal(stored: dict[str, Any] | None) -> Refusal | None:
    return Refusal(Refused(stored["why"]), stored["words"], stored["until"]) if stored else None


def _merge(row: Row) -> MergeView:
    retry_at = row["updated_at"] + BASE_RED_RETRY_S if row["status"] == "base_red" else None
    return MergeView(row["id"], row["bead_id"], row["status"], clear=row["leftover"] == 0, retry_at=retry_at)
