"""`boomtown sling`: give work to a rig, and stay until it has landed if asked to."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boomtown.cli.client import Client, connect
from boomtown.cli.commands import PRIORITIES
from boomtown.cli.output import Output, clean, paint
from boomtown.cli.parsing import UsageError
from boomtown.cli.sentences import bead_sentence, short
from boomtown.domain.errors import BadInputError

if TYPE_CHECKING:
    from boomtown.cli.waiting import Board

MOST_SHOWN = 200
_KEYS = (
    "title",
    "body",
    "priority",
    "agent",
    "model",
    "timeout",
    "budget_usd",
    "budget_tokens",
    "report",
    "depends_on",
)


def sling(args: Namespace, out: Output) -> int:
    """Make the beads, all or none; exit status 0, or what `--wait` comes to."""
    tasks = _tasks(args)
    client = connect()
    if args.key is not None and not args.key.strip():
        raise UsageError("--key is empty. Give a text that is the same for the same work.")
    answer = client.mutate("sling", rigId=args.RIG, tasks=tasks, idempotencyKey=args.key, hold=args.hold or None)
    results = [_result(item) for item in answer["results"]]
    if not args.wait and not args.watch:
        out.show({"results": results}, lambda: _slung(results))
        return 0
    return _wait(client, args, results, out)


def _tasks(args: Namespace) -> list[dict[str, Any]]:
    """What the titles and the file ask for; options hold for every title, and for lines that don't say otherwise."""
    if not args.TITLE and args.file is None:
        raise UsageError("Nothing to do was given. Write a TITLE, or --file F with one JSON object a line.")
    after = list(args.after or ())
    common = {
        "body": args.body,
        "priority": args.priority,
        "agent": args.agent,
        "model": args.model,
        "timeoutS": args.timeout,
        "budgetUsd": args.budget,
        "budgetTokens": args.budget_tokens,
        "report": args.report or None,
    }
    slung = [{"title": title, **common, "dependsOn": after} for title in args.TITLE]
    if args.file is not None:
        lines = _read(args.file)
        for task in read_tasks(lines, args.file, first=len(slung)):
            merged = common | {key: value for key, value in task.items() if value is not None}
            slung.append(merged | {"dependsOn": [*after, *task["dependsOn"]]})
    return [{key: value for key, value in task.items() if value is not None} for task in slung]


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInputError(f"{name} can't be read: {reason}. Name a file of JSON Lines, or - for input.") from error


def read_tasks(text: str, name: str, first: int = 0) -> list[dict[str, Any]]:
    """The tasks of JSON Lines; indexes in `depends_on` count from this file's first task, whose index is `first`.

    Raises `BadInputError` naming the line that is wrong, and why.
    """
    numbered = [
        (number, line) for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1) if line.strip()
    ]
    if not numbered:
        raise BadInputError(f'{name} has no task. Write one JSON object a line, such as {{"title": "what to do"}}.')
    return [_task(line, f"{name}, line {number}", len(numbered), first) for number, line in numbered]


def _task(line: str, where: str, count: int, first: int) -> dict[str, Any]:
    try:
        task = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{where}: not JSON ({error}). Write one object on one line.") from None
    if not isinstance(task, dict):
        raise BadInputError(f'{where}: not an object. Write {{"title": "what to do"}}.')
    if unknown := [key for key in task if key not in _KEYS]:
        raise BadInputError(f"{where}: “{unknown[0][:MOST_SHOWN]}” is not a key. Known: {', '.join(_KEYS)}.")
    for key in ("title", "body", "priority", "agent", "model"):
        if not isinstance(task.get(key), (str, type(None))):
            raise BadInputError(f"{where}: {key} must be a text, not {_shown(task[key])}.")
        if not (task.get(key) or "").isascii() and any(0xD800 <= ord(sign) < 0xE000 for sign in task[key]):
            raise BadInputError(f"{where}: {key} has half a character, {_shown(task[key])}. Write it as UTF-8.")
    if not (task.get("title") or "").strip():
        raise BadInputError(f"{where}: title is missing or empty. Say in a line what to do.")
    if task.get("priority") not in (*PRIORITIES, None):
        raise BadInputError(f"{where}: priority “{task['priority'][:MOST_SHOWN]}” is none of {', '.join(PRIORITIES)}.")
    timeout = task.get("timeout")
    if not _is_number(timeout):
        raise BadInputError(f"{where}: timeout must be a number of seconds, not {_shown(timeout)}.")
    for key in ("budget_usd", "budget_tokens"):
        if not _is_number(task.get(key)):
            raise BadInputError(f"{where}: {key} must be a number, not {_shown(task[key])}.")
    if not isinstance(task.get("report"), (bool, type(None))):
        raise BadInputError(f"{where}: report must be true or false, not {_shown(task['report'])}.")
    return {
        **{key: task.get(key) for key in ("title", "body", "priority", "agent", "model")},
        "timeoutS": timeout,
        "budgetUsd": task.get("budget_usd"),
        "budgetTokens": task.get("budget_tokens"),
        "report": task.get("report"),
        "dependsOn": _depends_on(task.get("depends_on"), where, count, first),
    }


def _is_number(value: Any) -> bool:
    """Or nothing."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300)


def _shown(value: Any) -> str:
    """As it was written; not more of it than a message can bear."""
    text = json.dumps(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _depends_on(given: Any, where: str, count: int, first: int) -> list[int | str]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise BadInputError(f"{where}: depends_on must be a list of indexes and bead ids, not {_shown(given)}.")
    found: list[int | str] = []
    for item in given:
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            raise BadInputError(f"{where}: depends_on has {_shown(item)}, which is no index and no bead id.")
        if isinstance(item, int) and not 0 <= item < count:
            raise BadInputError(
                f"{where}: depends_on has index {_shown(item)}, but the tasks go from 0 to {count - 1}. Count from 0."
            )
        found.append(item + first if isinstance(item, int) else item)
    return found


def _result(item: dict[str, Any]) -> dict[str, Any]:
    """One result with the names that the command line's JSON uses."""
    return {
        "bead": item["bead"],
        "agent": item["agent"],
        "state": item["state"],
        "queue_reason": item.get("queueReason", item.get("queue_reason")),
        "queue_position": item.get("queuePosition", item.get("queue_position")),
    }


def _slung(results: list[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        bead, agent = result["bead"], result["agent"]
        what = f"{agent['name']} starts" if agent else bead_sentence(bead)
        yield f"{paint(short(bead['id']), 'dim')}  {clean(bead['title'])}  {paint(what, 'green' if agent else 'dim')}"


def _ended(board: Board) -> Iterator[str]:
    """What it came to, and the reports."""
    yield from board.verdict()
    for bead in board.beads:
        if text := bead.get("report"):
            yield ""
            if len(board.beads) > 1:
                yield paint(clean(bead["title"]), "bold")
            yield from (clean(line) for line in text.splitlines())


def _wait(client: Client, args: Namespace, results: list[dict[str, Any]], out: Output) -> int:
    from boomtown.cli.progress import shown
    from boomtown.cli.waiting import Wait

    wait = Wait(client, [result["bead"] for result in results])
    with shown(out, watch=args.watch, client=client) as view:
        for board in wait.boards():
            view.update(board)
    beads = {bead["id"]: bead for bead in wait.board.beads}
    data = {
        "results": [
            {
                **result,
                "bead": beads[result["bead"]["id"]],
                "queue_reason": beads[result["bead"]["id"]]["queue_reason"],
                "queue_position": beads[result["bead"]["id"]]["queue_position"],
            }
            for result in results
        ]
    }
    out.show(data, lambda: _ended(wait.board))
    return 0 if wait.board.landed else 1
