"""The books that agents keep of their tokens below their HOME, which is a bead's own: exact, whatever ended a run.

Each reader returns all that was ever used there. Blocking: call it from a thread that may wait.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.protocol import Usage

log = structlog.get_logger()

Reader = Callable[[], Usage]

MOST = 10**12
"""Beyond what anything costs: an agent that says more has it wrong."""
LONGEST_LINE = 1 << 26


def figure(value: Any) -> int:
    """A count that an agent wrote down, whatever it is; what makes no sense counts nothing."""
    return int(amount(value))


def amount(value: Any) -> float:
    sound = isinstance(value, (int, float)) and 0 < value < MOST  # neither is so of NaN
    return value if sound else 0


def reader(kind: str, home: Path, sessions: Callable[[], Collection[str]] | None = None) -> Reader | None:
    """How to read the books of `kind`; None for agents that keep none: what they say in a turn is added up.

    `sessions`: ids of those that count, where the books have others' too.
    """
    name, _, where = kind.partition(":")
    match name:
        case "database":
            return lambda: _database(home / ".local" / "share" / where, sessions() if sessions else None)
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


_COLUMNS = "tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write, cost"
_ALL = f"SELECT {_COLUMNS} FROM session"  # noqa: S608
_SOME = f"""
WITH RECURSIVE mine(id) AS (
  SELECT value FROM json_each(?) UNION SELECT session.id FROM session JOIN mine ON session.parent_id = mine.id
)
SELECT {_COLUMNS} FROM session WHERE id IN (SELECT id FROM mine)
"""  # noqa: S608


def _database(path: Path, sessions: Collection[str] | None = None) -> Usage:
    """Kilo and OpenCode: totals of each session, also of those that its sub-agents had. `sessions` None: of all."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2.0)) as db:
            asked = (_ALL, ()) if sessions is None else (_SOME, (json.dumps([*sessions]),))
            rows = db.execute(*asked).fetchall()
    except sqlite3.Error as error:
        if path.exists():
            log.warning("usage.unread", path=str(path), error=str(error))
        return Usage(cost_usd=0.0)
    new, output, reasoning, read, written = (sum(figure(row[column]) for row in rows) for column in range(5))
    cost = sum(amount(row[5]) for row in rows)
    return Usage(new + read + written, read, output + reasoning, reasoning, round(cost, 9))


def _rollouts(folder: Path) -> Usage:
    """Codex: each rollout's last word on its total."""
    total = Usage()
    for path in folder.glob("**/rollout-*.jsonl"):
        last: dict[str, Any] = {}
        for entry in _entries(path, b'"token_count"'):
            last = _below(entry, "payload", "info", "total_token_usage") or last
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        total = plus(total, Usage(*(figure(last.get(name)) for name in names)))
    return total


def _below(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object at the end of a path of keys; an empty one where there is none."""
    found: Any = entry
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _transcripts(folder: Path) -> Usage:
    """Claude Code: each answer of the model once, however many lines it has."""
    answers: dict[str, dict[str, Any]] = {}
    for path in folder.glob("**/*.jsonl"):
        for entry in _entries(path, b'"usage"'):
            if used := _below(entry, "message", "usage"):
                answers[str(_below(entry, "message").get("id", ""))] = used
    total = Usage()
    for usage in answers.values():
        names = ("cache_read_input_tokens", "cache_creation_input_tokens", "input_tokens", "output_tokens")
        read, written, new, output = (figure(usage.get(name)) for name in names)
        total = plus(total, Usage(new + read + written, read, output))
    return total


def _entries(path: Path, mark: bytes) -> Iterator[dict[str, Any]]:
    """The objects on the lines that hold `mark`."""
    try:
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(LONGEST_LINE), b""):
                if mark in line:
                    try:
                        entry = json.loads(line)
                    except (ValueError, RecursionError):
                        continue  # torn by a crash, cut by us, or no book at all
                    if isinstance(entry, dict):
                        yield entry
    except OSError as error:
        log.warning("usage.unread", path=str(path), error=str(error))
