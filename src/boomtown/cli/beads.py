"""`boomtown beads` and `boomtown bead …`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli.client import Client, connect
from boomtown.cli.output import Column, Output, clean, paint, table, terminal_width
from boomtown.cli.parsing import UsageError
from boomtown.cli.sentences import ago, bead_sentence, clock, merge_sentence, short, spent
from boomtown.cli.streams import event_line
from boomtown.domain.beads import wants_report
from boomtown.domain.errors import ConflictError
from boomtown.home.paths import Home

PAGE = 200
EVENTS_SHOWN = 20
STATUS_STYLE = {"in_progress": "green", "in_review": "accent", "failed": "red", "closed": "dim", "cancelled": "dim"}


def all_beads(client: Client, rig: str, status: str | None = None) -> list[dict[str, Any]]:
    """Every bead of a rig, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.query("listBeads", rigId=rig, status=status, limit=PAGE, cursor=cursor)
        items += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return items


def merges_by_bead(client: Client, rig: str) -> dict[str, dict[str, Any]]:
    """The latest merge of each bead, as far as the server still lists it."""
    merges = client.query("getMergeQueue", rigId=rig)
    return {merge["bead_id"]: merge for merge in sorted(merges, key=lambda m: m["created_at"])}


def listing(args: Namespace, out: Output) -> None:
    """The beads of a rig, all of them or those of one status."""
    client = connect()
    beads = all_beads(client, args.RIG, args.status)
    if out.as_json or not beads:
        which = f" that is {args.status}" if args.status else ""
        out.show(beads, lambda: [f"No bead{which}. boomtown sling {args.RIG} “what to do” makes one."])
        return
    merges = merges_by_bead(client, args.RIG)
    out.show(beads, lambda: bead_table(beads, merges))


def bead_table(beads: list[dict[str, Any]], merges: dict[str, dict[str, Any]]) -> list[str]:
    return table(
        beads,
        [
            Column("bead", lambda b: short(b["id"]), "dim"),
            Column("status", lambda b: b["status"], lambda b: STATUS_STYLE.get(b["status"], "")),
            Column("priority", lambda b: "" if b["priority"] == "medium" else b["priority"]),
            Column("polecat", lambda b: b["assignee"], "bold"),
            Column("title", lambda b: _cut(b["title"], 48)),
            Column("what happens", lambda b: bead_sentence(b, merges.get(b["id"]))),
        ],
        terminal_width(),
    )


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1]}…"


def show(args: Namespace, out: Output) -> None:
    """One bead: what happens with it, its attempts, its events, its merge, and how to fetch its branch."""
    client = connect()
    bead = client.query("getBead", beadId=args.BEAD)
    if args.report:
        _show_report(bead, out)
        return
    rig = client.query("getRig", rigId=bead["rig_id"])
    events = client.query("getBeadEvents", beadId=bead["id"], limit=1000)["items"]
    fetch = _fetch_line(bead, rig["name"])
    data = {**bead, "events": events, "git_fetch": fetch}
    out.show(data, lambda: _details(bead, rig["name"], bead["merge"], events, fetch))


def _show_report(bead: dict[str, Any], out: Output) -> None:
    if bead["report"] is None:
        wanted = "It has none yet" if wants_report(bead["metadata"]) else "No report was asked of it"
        raise ConflictError(f"{wanted}: the bead “{clean(bead['title'])}” is {bead['status']}.")
    lines = bead["report"].splitlines()
    out.show({"report": bead["report"]}, lambda: map(clean, lines) if sys.stdout.isatty() else lines)


def _fetch_line(bead: dict[str, Any], rig_name: str) -> str | None:
    """How to get the bead's work into any other clone on this machine."""
    if bead["branch"] is None:
        return None
    repo = Home.from_env().rig(rig_name).repo
    landed = bead["status"] == "closed" and not wants_report(bead["metadata"])
    ref = f"refs/boomtown/beads/{bead['id']}" if landed else bead["branch"]
    return f"git fetch {repo} {ref}"


def _details(
    bead: dict[str, Any],
    rig_name: str,
    merge: dict[str, Any] | None,
    events: list[dict[str, Any]],
    fetch: str | None,
) -> Iterator[str]:
    yield paint(clean(bead["title"]), "bold")
    yield f"{bead['status']}: {bead_sentence(bead, merge)}"
    yield ""
    facts = {
        "bead": bead["id"],
        "rig": rig_name,
        "type": bead["type"] if bead["type"] != "issue" else None,
        "priority": bead["priority"],
        "agent": " ".join(filter(None, (bead["agent_kind"], bead["model"]))),
        "polecat": bead["assignee"],
        "branch": bead["branch"],
        "get it": fetch,
        "waits for": ", ".join(short(other) for other in bead["blocked_by"]),
        "attempts": bead["attempts"] or None,
        "used": spent(bead["usage"]),
        "asks": bead["question"] and " / ".join([bead["question"]["text"], *bead["question"]["options"]]),
        "last error": bead["last_error"] if bead["status"] != "closed" else None,
        "merge": f"{merge['status']}: {merge_sentence(merge)}" if merge else None,
        "made": f"{ago(bead['created_at'])} ago by {bead['created_by']}",
    }
    for key, value in facts.items():
        if value:
            first, *more = str(value).splitlines() or [""]
            yield f"{key:<11}{clean(first)}"
            yield from (f"{'':<11}{clean(line)}" for line in more)
    if bead["body"]:
        yield ""
        yield from (f"  {clean(line)}" for line in bead["body"].splitlines())
    if bead["report"] is not None:
        yield ""
        yield paint("report", "dim")
        yield from (f"  {clean(line)}" for line in bead["report"].splitlines())
    if bead["messages"]:
        yield ""
        yield from _messages(bead["messages"])
    if bead["attempt_log"]:
        yield ""
        yield from _attempts(bead["attempt_log"])
    if events:
        yield ""
        yield paint("events" if len(events) <= EVENTS_SHOWN else f"last {EVENTS_SHOWN} of {len(events)} events", "dim")
        yield from (event_line(event) for event in events[-EVENTS_SHOWN:])


def _messages(said: list[dict[str, Any]]) -> list[str]:
    return table(
        said,
        [
            Column("message", lambda m: short(m["id"]), "dim"),
            Column("state", lambda m: m["state"], lambda m: {"failed": "red", "queued": "yellow"}.get(m["state"], "")),
            Column("said", lambda m: clock(m["created_at"])),
            Column("by", lambda m: m["sender"] or "you"),
            Column("text", lambda m: clean(m["text"]).replace("\n", " ")),
        ],
        terminal_width(),
    )


def _attempts(log: list[dict[str, Any]]) -> list[str]:
    return table(
        log,
        [
            Column("attempt", lambda a: a["number"], right=True),
            Column("began", lambda a: clock(a["started_at"]) if a["started_at"] else ""),
            Column("ended", lambda a: clock(a["ended_at"])),
            Column("outcome", lambda a: a["outcome"]),
            Column("counts", lambda a: "yes" if a["costs"] else "no"),
            Column("exit", lambda a: a["exit_status"], right=True),
            Column("run", lambda a: short(a["run_id"]), "dim"),
            Column("error", lambda a: a["error"]),
        ],
        terminal_width(),
    )


def edit(args: Namespace, out: Output) -> None:
    """Change what was given, nothing else."""
    if args.after and args.no_after:
        raise UsageError("--after and --no-after exclude each other. Give one.")
    changes = {
        "title": args.title,
        "body": args.body,
        "agent": args.agent,
        "model": args.model,
        "priority": args.priority,
        "dependsOn": [] if args.no_after else args.after,
        "timeoutS": args.timeout,
        "budgetUsd": args.budget,
        "budgetTokens": args.budget_tokens,
    }
    if all(value is None for value in changes.values()):
        raise UsageError("Nothing to change was given. Give --title, --body, --priority or another option.")
    bead = connect().mutate("updateBead", beadId=args.BEAD, **changes)
    out.say(bead, f"Changed {short(bead['id'])} “{clean(bead['title'])}”.")


def start(args: Namespace, out: Output) -> int:
    """Start held beads."""
    return _each("startBead", "is released and starts when it is its turn", args, out)


def cancel(args: Namespace, out: Output) -> int:
    """Cancel beads; what runs is stopped, and its work kept."""
    return _each("cancelBead", "is cancelled; its work is kept", args, out)


def retry(args: Namespace, out: Output) -> int:
    """Give failed or cancelled beads a new set of attempts."""
    return _each("retryBead", "is open again, with a new set of attempts", args, out)


def close(args: Namespace, out: Output) -> int:
    """Close escalations."""
    return _each("closeBead", "is closed", args, out)


def _each(procedure: str, done: str, args: Namespace, out: Output) -> int:
    return for_each_bead(procedure, done, args.BEAD, out)


def for_each_bead(procedure: str, done: str, refs: list[str], out: Output) -> int:
    """Call a mutation for one bead after another; the first failure ends it, said by which bead it was.

    The data is one bead for one argument, a list for more.
    """
    client = connect()
    beads = []
    for ref in refs:
        bead = client.mutate(procedure, beadId=ref)
        beads.append(bead)
        if not out.as_json:
            print(f"{short(bead['id'])} “{clean(bead['title'])}” {done}.")
    if out.as_json:
        out.show(beads[0] if len(refs) == 1 else beads, list)
    return 0
