"""What goes to stdout: one JSON document, or calm lines for people. Colour only on a terminal, never with NO_COLOR."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "accent": "36"}


def colourful(stream: TextIO) -> bool:
    """Whether `stream` wants colour."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, style: str) -> str:
    """`text` in a style if stdout wants colour."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text and colourful(sys.stdout) else text


@dataclass(frozen=True)
class Output:
    """Where a command shows its result."""

    as_json: bool = False

    def show(self, data: Any, lines: Callable[[], Iterable[str]]) -> None:
        """`data` as JSON with `--json`, else the lines for people."""
        if self.as_json:
            print(json.dumps(data, ensure_ascii=False, indent=2))
        else:
            for line in lines():
                print(line)

    def say(self, data: Any, sentence: str) -> None:
        """As `show`, for one sentence."""
        self.show(data, lambda: [sentence])

    def stream(self, item: Any, line: str) -> None:
        """One item of something that goes on: a line of JSON, or a line for people, at once."""
        print(json.dumps(item, ensure_ascii=False) if self.as_json else line, flush=True)


@dataclass(frozen=True)
class Column:
    """A column: its head, how to get the cell of a row, and a style for each cell or all of them."""

    head: str
    cell: Callable[[Any], Any]
    style: str | Callable[[Any], str] | None = None
    right: bool = False


def table(rows: Sequence[Any], columns: Sequence[Column], width: int | None = None) -> list[str]:
    """Rows in columns two spaces apart; columns that are empty in all rows are left out.

    On a terminal (`width` columns) the last column is cut to what fits, with an ellipsis; in a pipe nothing is.
    """
    cells = [[printable(column.cell(row)) for column in columns] for row in rows]
    used = [i for i in range(len(columns)) if any(line[i] for line in cells)]
    sizes = {i: max([_width(columns[i].head), *(_width(line[i]) for line in cells)]) for i in used}
    if width and used:
        before = sum(sizes[i] + 2 for i in used[:-1])
        sizes[used[-1]] = max(12, min(sizes[used[-1]], width - before))
    lines = ["  ".join(paint(_fit(columns[i].head, sizes[i], columns[i].right), "dim") for i in used).rstrip()]
    for row, line in zip(rows, cells, strict=True):
        parts = []
        for i in used:
            style = columns[i].style
            name = style(row) if callable(style) else style
            text = _fit(line[i], sizes[i] if i != used[-1] or width else _width(line[i]), columns[i].right)
            parts.append(paint(text, name) if name else text)
        lines.append("  ".join(parts).rstrip())
    return lines


def terminal_width() -> int | None:
    """Columns of the terminal on stdout, at least 60; None where it is none."""
    if not sys.stdout.isatty():
        return None
    return max(60, os.get_terminal_size(sys.stdout.fileno()).columns)


def printable(value: Any) -> str:
    """A value on one line, without control characters that could play with the terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(str(value).replace("\n", " ")).strip()


def clean(text: str) -> str:
    """A line of foreign text with colours, cursor moves and other control characters taken out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in _ESCAPES.sub("", text))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _fit(text: str, size: int, right: bool) -> str:
    width = _width(text)
    if width <= size:
        gap = " " * (size - width)
        return gap + text if right else text + gap
    kept = ""
    for c in text:
        if _width(kept + c) > size - 1:
            break
        kept += c
    return kept + "…" + " " * (size - 1 - _width(kept))
