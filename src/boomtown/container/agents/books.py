"""The books that agents keep of their tokens below their HOME, which is a bead's own: exact, whatever ended a run.

Each reader returns all that was ever used there. Blocking: call it from a thread that may wait.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.protocol import Usage

log = structlog.get_logger()

Reader = Callable[[], Usage]


def reader(kind: str, home: Path) -> Reader | None:
    """How to read the books of `kind`; None for agents that keep none: what they say in a turn is added up."""
    name, _, where = kind.partition(":")
    match name:
        case "database":
            return lambda: _database(home / ".local" / "share" / where)
        case "rollouts":
            return lambda: _rollouts(home / where)
        case "transcripts":
            return lambda: _transcripts(home / where)
    return None


def minus(all_of_it: Usage, before: Usage) -> Usage:
    """What was used since."""
    return _each(all_of_it, before, lambda now, then: max(0, now - then))


def plus(one: Usage, other: Usage) -> Usage:
    return _each(one, other, lambda a, b: a + b)


def most(one: Usage, other: Usage) -> Usage:
    """The larger of both, figure by figure."""
    return _each(one, other, max)


def _each(one: Usage, other: Usage, work: Callable[[Any, Any], Any]) -> Usage:
    values: dict[str, Any] = {}
    for field in fields(Usage):
        a, b = getattr(one, field.name), getattr(other, field.name)
        values[field.name] = None if a is None and b is None else work(a or 0, b or 0)
    return Usage(**values)


def _database(path: Path) -> Usage:
    """Kilo and OpenCode: totals of each session, also of those that its sub-agents had."""
    columns = "tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write, cost"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2.0)) as db:
            rows = db.execute(f"SELECT {columns} FROM session").fetchall()  # noqa: S608
    except sqlite3.Error as error:
        if path.exists():
            log.warning("usage.unread", path=str(path), error=str(error))
        return Usage(cost_usd=0.0)
    sums = [sum(row[column] or 0 for row in rows) for column in range(6)]
    new, output, reasoning, read, written, cost = sums
    return Usage(new + read + written, read, output + reasoning, reasoning, round(float(cost), 9))


def _rollouts(folder: Path) -> Usage:
    """Codex: each rollout's last word on its total."""
    total = Usage()
    for path in folder.glob("**/rollout-*.jsonl"):
        last: dict[str, Any] = {}
        for entry in _entries(path, b'"token_count"'):
            info = entry.get("payload", {}).get("info")
            last = info["total_token_usage"] if info else last
        if last:
            found = Usage(
                last.get("input_tokens", 0),
                last.get("cached_input_tokens", 0),
                last.get("output_tokens", 0),
                last.get("reasoning_output_tokens", 0),
            )
            total = plus(total, found)
    return total


def _transcripts(folder: Path) -> Usage:
    """Claude Code: each answer of the model once, however many lines it has."""
    answers: dict[str, dict[str, Any]] = {}
    for path in folder.glob("**/*.jsonl"):
        for entry in _entries(path, b'"usage"'):
            message = entry.get("message")
            if isinstance(message, dict) and isinstance(message.get("usage"), dict):
                answers[message.get("id", "")] = message["usage"]
    total = Usage()
    for usage in answers.values():
        read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
        new = usage.get("input_tokens") or 0
        total = plus(total, Usage(new + read + written, read, usage.get("output_tokens") or 0))
    return total


def _entries(path: Path, mark: bytes) -> Iterator[dict[str, Any]]:
    """The objects on the lines that hold `mark`."""
    try:
        with path.open("rb") as file:
            for line in file:
                if mark in line:
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue  # torn by a crash
                    if isinstance(entry, dict):
                        yield entry
    except OSError as error:
        log.warning("usage.unread", path=str(path), error=str(error))
