"""Tables are calm, fit the terminal, and let no foreign text play with it."""

from __future__ import annotations

import io
import json

import pytest

from boomtown.cli.output import Column, Output, clean, colourful, table

COLUMNS = [
    Column("name", lambda row: row[0]),
    Column("n", lambda row: row[1], right=True),
    Column("text", lambda row: row[2]),
]


def test_columns_line_up() -> None:
    assert table([("Toast", 1, "a"), ("Maple tree", 12, "b")], COLUMNS) == [
        "name         n  text",
        "Toast        1  a",
        "Maple tree  12  b",
    ]


def test_a_column_that_is_empty_everywhere_is_left_out() -> None:
    assert table([("Toast", None, "a")], COLUMNS)[0] == "name   text"


def test_the_last_column_is_cut_to_the_terminal_and_whole_in_a_pipe() -> None:
    rows = [("Toast", 1, "x" * 100)]
    assert len(table(rows, COLUMNS, width=40)[1]) == 40
    assert table(rows, COLUMNS, width=40)[1].endswith("…")
    assert table(rows, COLUMNS)[1].endswith("x" * 100)


def test_wide_characters_take_two_places() -> None:
    lines = table([("日本", 1, "a"), ("Toast", 1, "a")], COLUMNS)
    assert lines[1] == "日本   1  a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\x00b\x9bc", "abc"),
        ("tab\there", "tab here"),
        ("\u202eright to left", "right to left"),
    ],
)
def test_foreign_text_can_not_play_with_the_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_there_is_no_colour_outside_a_terminal() -> None:
    assert not colourful(io.StringIO())


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colourful(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colourful(Terminal())


def test_json_is_one_document_and_lines_are_not_even_made(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> list[str]:
        raise AssertionError

    Output(as_json=True).show({"title": "Grüße"}, fail)
    assert json.loads(capsys.readouterr().out) == {"title": "Grüße"}
