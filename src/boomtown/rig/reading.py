"""What people read that is more than one object: status, inbox, events, streams."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from typing import Any

import psutil
from sqlalchemy import Connection

from boomtown import __version__
from boomtown.container.client import ContainerClient
from boomtown.container.frames import FrameReader
from boomtown.container.protocol import GateSpec
from boomtown.container.sandbox import in_words
from boomtown.domain.beads import UNFINISHED, BeadStatus, BeadType
from boomtown.domain.budgets import Purse, Scope
from boomtown.domain.errors import BadInputError
from boomtown.domain.kinds import Refused
from boomtown.home.times import iso, midnight
from boomtown.rig import finding, kinds, objects, purses
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.look import breaker_open
from boomtown.rig.objects import Object, Views
from boomtown.rig.queue import provider_words
from boomtown.store import beads, merges, rigs, runs, usage
from boomtown.store import events as ledger
from boomtown.store.sql import Row

LONGEST_WAIT_S = 60.0
MOST_EVENTS = 1000
MOST_FRAMES = 2000
MOST_ERRORS = 5
FOLLOW_TICK_S = 0.1
"""How often a stream file is looked at while somebody follows it, and only then."""


async def status(engine: Engine, container: ContainerClient, dispatch: Dispatch) -> Object:
    """Server and container, rigs with live and cap, queue, merges, the sandbox in force, last errors."""
    hello = container.attached
    sandbox, sandbox_note = in_words(engine.settings.sandbox, hello.sandboxes if hello else ())

    def read(db: Connection) -> Object:
        home, now = rigs.the_home(db), engine.clock.now()
        views = Views(db, engine.settings, engine.observed, now)
        spent = _spent(db, engine)
        all_rigs = [
            {
                **_rig_status(db, views, row, now),
                "usage": spent["rigs"].get(row["id"]),
                "usage_today": spent["today"].get(row["id"]),
            }
            for row in rigs.all_rigs(db)
        ]
        return {
            "live": runs.live_count(db),
            "max_agents": engine.settings.max_agents,
            "agents": sorted(engine.settings.agents),
            "default_agent": engine.settings.default_agent,
            "paused": home["paused"],
            "breaker_open": breaker_open(db, home, engine.settings, now),
            "refused_agents": _refused_agents(db, now),
            "rigs": all_rigs,
            "budgets": _budgets(db, engine, now),
            "usage": spent["home"],
            "usage_today": objects.used(*spent["today"].values()),
            "usage_by_agent": spent["kinds"],
            "usage_by_town": spent["towns"],
            "last_errors": _last_errors(db),
        }

    return {
        "home": str(engine.home.root),
        "last_seq": engine.last_seq,
        "version": __version__,
        "server": {
            "pid": os.getpid(),
            "url": dispatch.url,
            "version": __version__,
            "memory_bytes": psutil.Process().memory_info().rss,
        },
        "container": {
            "pid": hello.pid if hello else None,
            "started_at": iso(hello.started_at) if hello else None,
            "protocol": hello.protocol if hello else None,
            "attached": hello is not None,
        },
        "sandbox": sandbox,
        "sandbox_note": sandbox_note,
        "breaches": [
            {
                "invariant": known.breach.invariant,
                "rule": known.breach.rule,
                "detail": known.breach.detail,
                "count": known.count,
                "at": iso(known.at),
            }
            for known in engine.watch.rows()
        ],
        **await engine.read(read),
    }


def _budgets(db: Connection, engine: Engine, now: float) -> list[Object]:
    """All that is set for the home and its rigs."""
    known = {
        (purse.scope, purse.owner, purse.limit_name): {**purses.warning(purse), "renews_at": iso(purse.renews_at)}
        for rig in rigs.all_rigs(db)
        for purse in purses.of_rig(db, rig, engine.settings, engine.observed, now)
    }
    return list(known.values())


def _refused_agents(db: Connection, now: float) -> list[Object]:
    """Agents that can't be used now, and why."""
    return [
        {
            "agent": state.kind,
            "why": state.why,
            "detail": provider_words(state, now),
            "not_before": iso(state.until),
            "since": iso(state.since),
        }
        for state in kinds.states(db).values()
        if state.blocks(now) or state.probing(now)
    ]


def _spent(db: Connection, engine: Engine) -> dict[str, Any]:
    """Tokens and cost of the home, its towns, its rigs and each kind of agent; what live runs have used included."""
    towns = {row["id"]: row["town_id"] for row in rigs.all_rigs(db)}
    live = [(run, state.usage) for run in runs.live(db) if (state := engine.observed.states.get(run["id"]))]
    ever = usage.of_rigs_and_kinds(db)

    def summed(ended: list[Row], key: Callable[[Row], str]) -> dict[str, Object]:
        parts: dict[str, list[Any]] = {}
        for row, counted in [*((row, row) for row in ended), *live]:
            parts.setdefault(key(row), []).append(counted)
        return {name: total for name, of_it in parts.items() if (total := objects.used(*of_it)) is not None}

    kinds = summed(ever, lambda row: row["agent_kind"])
    return {
        "home": objects.used(*kinds.values()),
        "kinds": kinds,
        "towns": summed(ever, lambda row: towns[row["rig_id"]]),
        "rigs": summed(ever, lambda row: row["rig_id"]),
        "today": summed(usage.of_rigs_and_kinds(db, midnight(engine.clock.now())), lambda row: row["rig_id"]),
    }


def _rig_status(db: Connection, views: Views, row: Row, now: float) -> Object:
    counts, waiting = beads.counts(db, row["id"]), merges.unfinished(db, row["id"])
    return {
        **views.rig(row),
        "queue": counts.get(BeadStatus.OPEN, 0),
        "waiting_for_a_slot": beads.count_in_line(db, row["id"], now),
        "in_review": counts.get(BeadStatus.IN_REVIEW, 0),
        "failed": counts.get(BeadStatus.FAILED, 0),
        "merges": [objects.merge(merge) for merge in waiting],
    }


def _last_errors(db: Connection) -> list[Object]:
    """The beads with the latest errors, newest first."""
    return [
        {"bead_id": row["id"], "title": row["title"], "error": row["last_error"], "at": iso(row["updated_at"])}
        for row in beads.last_errors(db, MOST_ERRORS)
    ]


def inbox(db: Connection, engine: Engine) -> list[Object]:
    """What waits for a person, oldest first, each with what can be done."""
    items = [{**_merge_item(row), "merge_id": row["id"]} for row in merges.waiting_for_people(db)]
    items += [_bead_item(row) for row in beads.need_people(db)]
    for rig in rigs.all_rigs(db):
        if rig["pause_why"]:
            cure = f"boomtown resume {rig['name']}"
            since = rig["pause_why_at"]
            items.append(_item("paused", None, rig["id"], f"{rig['name']} is paused", rig["pause_why"], cure, since))
    items += _budget_items(db, engine)
    home = rigs.the_home(db)
    if breaker_open(db, home, engine.settings, engine.clock.now()):
        minutes = engine.settings.breaker_window_s / 60
        text = f"{engine.settings.breaker_failures} beads failed within {minutes:g} minutes; nothing is dispatched."
        items.append(_item("breaker", None, None, "Dispatch is paused", text, "boomtown resume", engine.clock.now()))
    for state in kinds.states(db).values():
        if state.why == Refused.AUTH and state.until is None:
            action = f"boomtown agent login {state.kind}"
            items.append(
                _item("auth", None, None, f"{state.kind} has no usable login", state.words, action, state.since)
            )
    return [{**item, "since": iso(item["since"])} for item in sorted(items, key=lambda item: item["since"])]


def _item(
    kind: str, bead_id: str | None, rig_id: str | None, title: str, text: str, action: str, since: float
) -> dict[str, Any]:
    return {
        "kind": kind,
        "bead_id": bead_id,
        "merge_id": None,
        "rig_id": rig_id,
        "title": title,
        "text": text,
        "action": action,
        "since": since,
    }


def _budget_items(db: Connection, engine: Engine) -> list[Object]:
    """Budgets that are used up: of the home, of rigs, and of beads that wait for it."""
    now, settings, observed = engine.clock.now(), engine.settings, engine.observed
    found: dict[tuple[str, ...], Object] = {}
    for rig in rigs.all_rigs(db):
        for purse in purses.of_rig(db, rig, settings, observed, now):
            if purse.exhausted:
                rig_id = None if purse.scope == Scope.HOME else rig["id"]
                since = purse.since or rig["created_at"]
                found[purse.scope, purse.owner, purse.limit_name] = _budget_item(purse, None, rig_id, since)
    broke = beads.out_of_budget(db)
    own = purses.of_beads(db, broke, observed)
    for row in broke:
        for purse in own.get(row["id"], ())[:1]:
            found[(row["id"],)] = _budget_item(purse, row["id"], row["rig_id"], row["updated_at"])
    return list(found.values())


def _budget_item(purse: Purse, bead_id: str | None, rig_id: str | None, since: float) -> Object:
    whose = {Scope.BEAD: f"“{purse.owner}”", Scope.RIG: purse.owner, Scope.HOME: "the whole home"}[purse.scope]
    return _item("budget", bead_id, rig_id, f"The budget of {whose} is used up", f"{purse.words}.", purse.cure, since)


def _merge_item(row: Row) -> Object:
    short = row["bead_id"][:8]
    if row["status"] == "approval":
        text, action = "Finished; needs your review.", f"boomtown diff {short}, then boomtown approve {short}"
    else:
        text, action = row["error"] or row["status"], f"boomtown merge retry {row['id'][:8]}"
    return _item(row["status"], row["bead_id"], row["rig_id"], row["title"], text, action, row["updated_at"])


def _bead_item(row: Row) -> Object:
    short = row["id"][:8]
    if row["type"] == BeadType.ESCALATION:
        kind, text, action = "escalation", row["body"], f"boomtown bead close {short}"
    elif row["question"] is not None and row["status"] in UNFINISHED:
        offered = "".join(f"\n  {option}" for option in row["question"]["options"])
        kind, text, action = "question", row["question"]["text"] + offered, f"boomtown answer {short} TEXT"
    elif row["status"] == BeadStatus.FAILED:
        text = f"{row['attempts']} attempts: {row['last_error'] or 'failed'}"
        kind, action = "failed", f"boomtown bead retry {short}"
    else:
        why = " ".join(part for part in (row["held_why"], row["last_error"]) if part)
        kind, text, action = "held", why or "Held.", f"boomtown bead start {short}"
    return _item(kind, row["id"], row["rig_id"], row["title"], text, action, row["updated_at"])


async def events(
    engine: Engine,
    rig_ref: str | None,
    bead_ref: str | None,
    since: int | None,
    limit: int | None,
    wait_s: float | None,
) -> Object:
    """`{items, nextSince}`: events past `since`; with `wait_s`, waits so long for the first."""
    count = max(1, min(limit or MOST_EVENTS, MOST_EVENTS))
    after = since or 0

    def read(db: Connection) -> list[Row]:
        rig = finding.rig(db, rig_ref)["id"] if rig_ref else None
        bead = finding.bead(db, bead_ref)["id"] if bead_ref else None
        return ledger.after(db, after, count, rig_id=rig, bead_id=bead)

    stood = engine.last_seq
    found = await engine.read(read)
    until = engine.clock.monotonic() + min(wait_s or 0.0, LONGEST_WAIT_S)
    while not found and (left := until - engine.clock.monotonic()) > 0:
        if not await engine.wait_for_news(max(stood, after), left):
            break
        stood = engine.last_seq
        found = await engine.read(read)
    next_since = found[-1]["seq"] if found else max(after, 0)
    return {"items": [objects.event(row) for row in found], "nextSince": next_since}


async def events_before(
    engine: Engine, rig_ref: str | None, bead_ref: str | None, before: int, limit: int | None
) -> Object:
    """As `events`: the last ones before `before`, for whoever reads the ledger backwards."""

    def read(db: Connection) -> list[Row]:
        rig = finding.rig(db, rig_ref)["id"] if rig_ref else None
        bead = finding.bead(db, bead_ref)["id"] if bead_ref else None
        return ledger.before(db, before, max(1, min(limit or MOST_EVENTS, MOST_EVENTS)), rig_id=rig, bead_id=bead)

    found = await engine.read(read)
    return {"items": [objects.event(row) for row in found], "nextSince": found[-1]["seq"] if found else 0}


async def stream(engine: Engine, ref: str, since: int, limit: int | None, wait_s: float) -> Object:
    """Frames past `since` of the run, or of the latest run of a polecat or bead; waits for the first if asked."""
    count = max(1, min(limit or MOST_FRAMES, MOST_FRAMES))
    until = engine.clock.monotonic() + min(wait_s, LONGEST_WAIT_S)
    if since < 0:
        raise BadInputError(f"since is {since}; it must be 0 or a frame's seq.", field="since")
    run = await engine.read(lambda db: finding.run(db, ref))
    run_id = run["id"]
    reader = FrameReader(engine.home.stream(run_id), since)
    while True:
        ended = run["ended_at"] is not None
        frames = await engine.scheduler.read(lambda: reader.read(count))
        left = until - engine.clock.monotonic()
        if frames or ended or left <= 0:
            break
        await asyncio.sleep(min(left, FOLLOW_TICK_S))
        run = await engine.read(lambda db: finding.run(db, run_id))
    return {
        "runId": run_id,
        "agentId": run["polecat_id"],
        "frames": [{"agentId": run["polecat_id"], "runId": run_id, **frame} for frame in frames],
        "nextSince": frames[-1]["seq"] if frames else since,
        "ended": ended,
    }


async def check_gates(engine: Engine, container: ContainerClient, dispatch: Dispatch, rig: Row) -> Object:
    """Prove a rig's setup and gates on the tip of its default branch."""
    head = await container.head(rig["name"], rig["default_branch"])
    if head is None:
        return {
            "green": True,
            "failed": None,
            "tail": "The repository is empty; there is nothing to check.",
            "seconds": 0,
        }
    around = dispatch.around(rig)
    if not rig["gates"] and around.plain:
        return {"green": True, "failed": None, "tail": "The rig has neither setup nor gates.", "seconds": 0}
    digest = hashlib.sha256(objects.digest_text(rig["gates"]).encode()).hexdigest()[:12]
    key = f"check-{head[0][:12]}-{digest}"
    result = await container.gates(
        GateSpec(
            rig=rig["name"],
            key=f"{key}-{engine.clock.now()}",
            commit=head[0],
            gates=tuple(rig["gates"]),
            timeout_s=float(rig["settings"].get("gate_timeout") or engine.settings.gate_timeout_s),
            env=dispatch.base_environment(rig),
            log_path=str(engine.home.rig(rig["name"]).gate_log(key)),
            around=around,
        )
    )
    return {"green": result.green, "failed": result.failed, "tail": result.tail, "seconds": result.seconds}
