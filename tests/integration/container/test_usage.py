"""Counting what runs use: from the books that agents keep, and from what they tell."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from acp.schema import Usage as Told

from boomtown.container.agents.meter import Meter
from boomtown.container.protocol import Usage

SPENT = Usage(100, 40, 20)
"""One answer of a model."""
TOLD = Told(input_tokens=60, cached_read_tokens=40, output_tokens=20, total_tokens=120)
TWICE = Usage(200, 80, 40)


def claude(home: Path, number: int) -> None:
    """An answer that the agent has written down."""
    file = home / ".claude/projects/x/session.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    usage = {"input_tokens": 60, "cache_read_input_tokens": 40, "output_tokens": 20}
    with file.open("a") as out:
        for _block in range(2):  # one answer may have several lines
            out.write(json.dumps({"message": {"id": f"msg_{number}", "usage": usage}}) + "\n")


def codex(home: Path, number: int) -> None:
    file = home / ".codex/sessions/2026/rollout-1.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    total = {"input_tokens": 100 * number, "cached_input_tokens": 40 * number, "output_tokens": 20 * number}
    with file.open("a") as out:
        out.write(json.dumps({"payload": {"type": "token_count", "info": {"total_token_usage": total}}}) + "\n")
        out.write('{"payload": {"type": "token_count", "info": null}}\n{"torn "token_count"\n')


def kilo(home: Path, number: int) -> None:
    file = home / ".local/share/kilo/kilo.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    names = ("tokens_input", "tokens_output", "tokens_reasoning", "tokens_cache_read", "tokens_cache_write", "cost")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(f"CREATE TABLE IF NOT EXISTS session (id, {', '.join(names)})")
        db.execute("DELETE FROM session")
        db.execute("INSERT INTO session VALUES ('s', ?, ?, 0, ?, 0, 0)", (60 * number, 20 * number, 40 * number))


BOOKS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "claude": ("transcripts:.claude/projects", claude),
    "codex": ("rollouts:.codex/sessions", codex),
    "kilo": ("database:kilo/kilo.db", kilo),
}


def tokens(meter: Meter) -> Usage:
    assert meter.usage is not None
    found = meter.usage
    return Usage(found.input_tokens, found.cached_tokens, found.output_tokens, found.reasoning_tokens)


@pytest.mark.parametrize("name", BOOKS)
async def test_each_answer_is_counted_once_over_all_runs_of_a_session(tmp_path: Path, name: str) -> None:
    kind, write = BOOKS[name]
    first = Meter(kind, tmp_path)
    await first.begin()
    assert tokens(first) == Usage()
    write(tmp_path, 1)
    await first.settle()
    assert tokens(first) == SPENT

    resumed = Meter(kind, tmp_path)
    await resumed.begin()
    assert tokens(resumed) == Usage(), "what is in the books already was the first run's"
    write(tmp_path, 2)
    await resumed.count()
    await resumed.settle()
    assert tokens(resumed) == SPENT


@pytest.mark.parametrize("name", BOOKS)
async def test_what_a_lost_run_used_is_counted_with_the_next(tmp_path: Path, name: str) -> None:
    kind, write = BOOKS[name]
    write(tmp_path, 1)  # by a run whose container was killed before it had counted
    found = Meter(kind, tmp_path)
    await found.begin()
    assert tokens(found) == SPENT
    write(tmp_path, 2)
    await found.settle()
    assert tokens(found) == TWICE


async def test_an_answer_that_was_told_and_never_written_down_is_counted(tmp_path: Path) -> None:
    """Claude Code writes its transcript a moment later, and may be gone before."""
    claude(tmp_path, 1)
    meter = Meter("transcripts:.claude/projects", tmp_path)
    await meter.begin()
    meter.turn_begins()
    meter.told_turn(TOLD, None)
    await meter.count()
    assert tokens(meter) == TWICE, "the lost run's, and the one that was told"
    claude(tmp_path, 2)
    await meter.count()
    assert tokens(meter) == TWICE, "it was written down after all"
    meter.turn_begins()
    claude(tmp_path, 3)
    await meter.count()  # in the middle of the turn
    assert tokens(meter) == Usage(300, 120, 60)
    meter.told_turn(Told(input_tokens=120, cached_read_tokens=80, output_tokens=40, total_tokens=240), None)
    await meter.settle()
    assert tokens(meter) == Usage(400, 160, 80), "both answers of the turn, though only one was written down"


async def test_turns_and_steps_are_added_up_for_agents_without_books(tmp_path: Path) -> None:
    turns, steps, quota = (Meter(kind, tmp_path) for kind in ("turn", "meta.usage", "meta.quota"))
    for meter in (turns, steps, quota):
        await meter.begin()
        for _ in range(2):
            meter.told_turn(TOLD, {"quota": {"token_count": {"input_tokens": 100, "output_tokens": 20}}})
            meter.told_meta({"usage": {"inputTokens": 100, "cachedReadTokens": 40, "outputTokens": 20}})
        meter.told_cost(0.25, "USD")
        meter.told_cost(0.5, "USD")
        await meter.settle()
        assert meter.usage is not None
        assert meter.usage.cost_usd == 0.5, "a cost is that of the process so far"
    assert tokens(turns) == tokens(steps) == TWICE
    assert tokens(quota) == Usage(200, 0, 40)


async def test_of_books_with_the_sessions_of_many_only_ones_own_count_and_those_of_its_sub_agents(
    tmp_path: Path,
) -> None:
    """A process that serves many polecats keeps one book for all of them."""
    books, home = tmp_path / "shared", tmp_path / "own"
    file = books / ".local/share/kilo/kilo.db"
    file.parent.mkdir(parents=True)
    names = ("tokens_input", "tokens_output", "tokens_reasoning", "tokens_cache_read", "tokens_cache_write", "cost")
    mine: list[str] = []

    def meter() -> Meter:
        return Meter("database:kilo/kilo.db", home, books, lambda: mine)

    with closing(sqlite3.connect(file)) as db, db:
        db.execute(f"CREATE TABLE session (id, parent_id, {', '.join(names)})")
        for name, parent in (("a", None), ("a1", "a"), ("a2", "a1"), ("b", None)):
            db.execute("INSERT INTO session VALUES (?, ?, 60, 20, 0, 40, 0, 0)", (name, parent))
    first = meter()
    await first.begin()
    assert tokens(first) == Usage(), "it has no session yet"
    mine.append("a")
    await first.count()
    assert tokens(first) == Usage(300, 120, 60)
    await first.settle()
    mine.append("b")  # a new session: the old one could not be loaded
    later = meter()
    await later.begin()
    assert tokens(later) == SPENT
