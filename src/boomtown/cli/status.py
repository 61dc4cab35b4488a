"""`boomtown status` and `boomtown inbox`: how things stand, and what waits for a person."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli.client import connect
from boomtown.cli.output import Column, Output, clean, paint, table, terminal_width
from boomtown.cli.sentences import ago, megabytes, merge_sentence, short, spent


def status(_args: Namespace, out: Output) -> None:
    """The whole home on one screen."""
    found = connect().query("getStatus")
    out.show(found, lambda: _status(found))


def _status(found: dict[str, Any]) -> Iterator[str]:
    server, container = found["server"], found["container"]
    yield f"server     {server['url']}  pid {server['pid']}, {found['version']}, {megabytes(server['memory_bytes'])}"
    if container["attached"]:
        yield f"container  pid {container['pid']}, up {ago(container['started_at'])}, protocol {container['protocol']}"
    else:
        yield paint("container  not attached; a new one is started", "yellow")
    yield f"home       {found['home']}"
    cap = f" of {found['max_agents']}" if found["max_agents"] else ""
    yield f"agents     {found['live']}{cap} at work"
    yield f"sandbox    {found['sandbox']}. {found['sandbox_note']}"
    for kind, usage in found["usage_by_agent"].items():
        yield f"used       {kind}: {spent(usage)}"
    for budget in found["budgets"]:
        tight = budget["spent"] >= 0.8 * budget["limit"]
        yield paint(f"budget     {clean(budget['words'])}", "yellow" if tight else "")
    for breach in found["breaches"]:
        yield paint(f"breach     {breach['rule']} {clean(breach['detail'])}. A defect: please report it.", "red")
    for refused in found["refused_agents"]:
        yield paint(f"{refused['why']:<10} {clean(refused['detail'])}", "yellow")
    if found["paused"]:
        yield paint("paused     the whole home; `boomtown resume` goes on", "yellow")
    if found["breaker_open"]:
        yield paint("breaker    too many beads failed; look why, then `boomtown resume`", "yellow")
    yield ""
    if not found["rigs"]:
        yield "No rig yet. Add one: boomtown rig add NAME GIT_URL"
    else:
        yield from _rigs(found["rigs"])
    if waiting := [(rig, merge) for rig in found["rigs"] for merge in rig["merges"]]:
        yield ""
        yield from _merges(waiting)
    if found["last_errors"]:
        yield ""
        yield paint("last errors", "dim")
        for error in found["last_errors"]:
            first = (error["error"] or "").strip().split("\n")[0]
            yield f"{short(error['bead_id'])}  {ago(error['at'])} ago  “{clean(error['title'])[:48]}”  {clean(first)}"


def _rigs(rigs: list[dict[str, Any]]) -> list[str]:
    return table(
        rigs,
        [
            Column("rig", lambda r: r["name"], "bold"),
            Column("status", lambda r: r["status"], lambda r: "yellow" if r["status"] == "paused" else ""),
            Column("live", lambda r: f"{r['live']} of {r['max_polecats']}", right=True),
            Column("queue", lambda r: r["queue"], right=True),
            Column("in review", lambda r: r["in_review"], right=True),
            Column("failed", lambda r: r["failed"], lambda r: "red" if r["failed"] else "", right=True),
            Column("merge", lambda r: r["merge"]),
            Column("used", lambda r: spent(r["usage"])),
            Column("branch", lambda r: r["default_branch"]),
        ],
        terminal_width(),
    )


def _merges(waiting: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    return table(
        waiting,
        [
            Column("merge", lambda pair: short(pair[1]["id"]), "dim"),
            Column("rig", lambda pair: pair[0]["name"]),
            Column("status", lambda pair: pair[1]["status"]),
            Column("branch", lambda pair: pair[1]["branch"]),
            Column("what happens", lambda pair: merge_sentence(pair[1])),
        ],
        terminal_width(),
    )


def inbox(_args: Namespace, out: Output) -> None:
    """What a person must do, oldest first."""
    items = connect().query("getInbox")
    out.show(items, lambda: _inbox(items) if items else ["Nothing waits for you."])


def _inbox(items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        yield f"{paint(item['kind'], 'accent')}  {paint(clean(item['title']), 'bold')}  {ago(item['since'])} ago"
        for line in (item["text"] or "").strip().splitlines()[:5]:
            yield f"  {clean(line)}"
        yield f"  → {item['action']}"
