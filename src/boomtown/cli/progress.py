"""How waiting looks: a display that redraws itself on a terminal, plain lines anywhere else, nothing with `--json`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from boomtown.cli.client import Client
from boomtown.cli.output import Output, clean, paint, printable
from boomtown.cli.sentences import duration, parse_time, short
from boomtown.cli.streams import Watcher, watch_line
from boomtown.cli.waiting import Board

if TYPE_CHECKING:
    from rich.console import Group

Bead = dict[str, Any]
DRAWN_PER_S = 4


class View(Protocol):
    """Shows boards."""

    def update(self, board: Board) -> None: ...


@contextmanager
def shown(out: Output, *, watch: bool, client: Client) -> Iterator[View]:
    """The view that fits: none for JSON, streams for `--watch`, live on a terminal, else lines."""
    if out.as_json:
        yield Nothing()
    elif watch:
        view = Streams(client)
        yield view
        view.finish()
    elif sys.stdout.isatty():
        with live() as view:
            yield view
    else:
        yield Lines()


class Nothing:
    """For `--json`: only the result is printed."""

    def update(self, board: Board) -> None:
        """Show nothing."""


class Lines:
    """One line for each change of a bead: what a log wants."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Any, ...]] = {}

    def update(self, board: Board) -> None:
        for bead in board.beads:
            merge = board.merges.get(bead["id"])
            state = (bead["status"], bead["queue_reason"], bead["assignee"], merge and merge["status"])
            if self._said.get(bead["id"]) != state:
                self._said[bead["id"]] = state
                who = f"{printable(bead['assignee']):<10}" if bead["assignee"] else " " * 10
                title = clean(bead["title"])[:60]
                print(
                    f"{short(bead['id'])}  {who}  {bead['status']:<11}  “{title}”  {board.sentence(bead)}", flush=True
                )


class Streams:
    """The lines of changes, and between them what the agents print."""

    def __init__(self, client: Client) -> None:
        self._lines = Lines()
        self._client = client
        self._runs: set[str] = set()
        self._watcher = Watcher(client, lambda name, frame: print(watch_line(name, frame), flush=True))

    def update(self, board: Board) -> None:
        self._lines.update(board)
        for bead in board.beads:
            if bead["status"] == "in_progress" and bead["assignee_agent_bead_id"]:
                self._follow(bead)

    def _follow(self, bead: Bead) -> None:
        agent = self._client.query("getAgent", agentId=bead["assignee_agent_bead_id"])
        if agent["run_id"] and agent["run_id"] not in self._runs:
            self._runs.add(agent["run_id"])
            self._watcher.follow(agent["name"], agent["run_id"])

    def finish(self) -> None:
        """Let the last lines arrive."""
        self._watcher.join(timeout_s=5.0)


@contextmanager
def live() -> Iterator[Live]:
    """A live view on the terminal; what it showed last stays there."""
    from rich.console import Console
    from rich.live import Live as Screen

    view = Live()
    console = Console(highlight=False)
    with Screen(
        get_renderable=view.render, console=console, refresh_per_second=DRAWN_PER_S, vertical_overflow="ellipsis"
    ):
        yield view


_DOTS = {
    "in_progress": ("●", "green"),
    "in_review": ("◐", "cyan"),
    "closed": ("●", "dim"),
    "failed": ("●", "red"),
    "cancelled": ("○", "dim"),
}


class Live:
    """A line a bead; times tick from one clock, rows never change their place."""

    def __init__(self) -> None:
        self._board: Board | None = None
        self._names: dict[str, str] = {}
        self._began = time.monotonic()

    def update(self, board: Board) -> None:
        self._board = board
        self._names |= {bead["id"]: bead["assignee"] for bead in board.beads if bead["assignee"]}

    def render(self) -> Group:
        """What is on the screen now."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        board = self._board
        if board is None:
            return Group(Text("…"))
        table = Table.grid(padding=(0, 2))
        for ratio in (None, None, 1, 1):
            table.add_column(ratio=ratio, no_wrap=True, overflow="ellipsis")
        for bead in board.beads:
            dot, style = _DOTS.get(bead["status"], ("○", "dim"))
            sentence = board.sentence(bead)
            if bead["status"] == "in_progress":
                sentence = f"{sentence}, {duration(time.time() - parse_time(bead['updated_at']))}"
            accent = "" if board.moves(bead) or bead["status"] == "closed" else "yellow"
            table.add_row(
                Text(dot, style=style),
                Text(self._names.get(bead["id"], ""), style="dim" if bead["assignee"] is None else "bold"),
                Text(clean(bead["title"]), style="dim" if bead["status"] == "closed" else ""),
                Text(sentence, style=accent or ("dim" if bead["status"] in ("closed", "open") else "")),
            )
        return Group(table, Text(self._summary(board), style="dim"))

    def _summary(self, board: Board) -> str:
        counts: dict[str, int] = {}
        for bead in board.beads:
            counts[bead["status"]] = counts.get(bead["status"], 0) + 1
        words = {"in_progress": "at work", "open": "waiting", "in_review": "landing", "closed": "landed"}
        parts = [f"{count} {words.get(status, status)}" for status, count in sorted(counts.items())]
        return f"{', '.join(parts)}, {duration(time.monotonic() - self._began)}"


def heading(text: str) -> str:
    """A line that begins a part of a longer story."""
    return paint(f"▸ {text}", "bold")
