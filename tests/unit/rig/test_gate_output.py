"""What gates print, read while they print it."""

from __future__ import annotations

import json
from pathlib import Path

from boomtown.home.paths import steps_file
from boomtown.rig.gates import AT_FIRST, AT_ONCE, output

OVER = {"began_at": "2026-01-01T00:00:00.000Z", "ended_at": "2026-01-01T00:00:01.000Z", "result": "exit status 0"}
NOW = {"began_at": "2026-01-01T00:00:01.000Z", "ended_at": None, "result": None}


def test_without_a_log_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    assert output(tmp_path / "m.log", ["true"], None) == {"steps": [], "text": "", "since": 0, "nextSince": 0}


def test_pages_put_together_are_the_whole_and_no_character_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "m.log"
    text = "gate: ünïcödé 🐈 " * 40_000
    log.write_text(text, encoding="utf-8")
    assert log.stat().st_size > 2 * AT_ONCE
    pages, since = [], 0
    while page := output(log, [], since)["text"]:
        pages.append(page)
        since += len(page.encode())
    assert "".join(pages) == text
    assert len(pages) > 2


def test_a_reader_without_a_position_gets_the_end_from_the_beginning_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "m.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    found = output(log, [], None)
    assert found["text"].startswith("line ")
    assert found["text"].endswith("line 19999\n")
    assert found["since"] >= log.stat().st_size - AT_FIRST
    assert found["nextSince"] == log.stat().st_size


def test_a_log_that_was_begun_anew_is_read_from_its_begin(tmp_path: Path) -> None:
    log = tmp_path / "m.log"
    log.write_text("$ true\n")
    assert output(log, [], 5_000)["since"] == 0


def test_the_gates_are_counted_and_what_comes_before_them_is_not(tmp_path: Path) -> None:
    log = tmp_path / "m.log"
    steps = [{"command": name, **OVER} for name in ("npm ci", "make lint")] + [{"command": "make test", **NOW}]
    steps_file(log).write_text(json.dumps(steps))
    found = output(log, ["make lint", "make test", "make docs"], None)["steps"]
    assert [(step["command"], step["gate"]) for step in found] == [("npm ci", None), ("make lint", 1), ("make test", 2)]
    assert found[-1]["ended_at"] is None
