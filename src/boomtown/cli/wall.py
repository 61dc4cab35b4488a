"""`boomtown watch` on a terminal: who works, what they print, what waits; keys to stop one or tell it something."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widgets import DataTable, Footer, Input, RichLog

from boomtown.cli.client import Client
from boomtown.cli.output import clean
from boomtown.cli.sentences import age_s, bead_sentence, duration
from boomtown.cli.streams import SHOWN_BEFORE, Watcher, follow_events, frame_text, newest
from boomtown.domain.errors import BoomtownError

LINES_KEPT = 5000
SHOWN_S = 10.0
"""How long whoever has something to show waits until it is."""


class Wall(App[None]):
    """Agents and queue on the left, all their streams on the right. `rig`: only this one."""

    CSS = """
    #left { width: 46; }
    #agents { height: 1fr; }
    #queue { height: 1fr; }
    #message { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("m", "message", "Message"),
        ("s", "stop", "Stop"),
        ("o", "only", "Only this one / all"),
        ("q", "quit", "Quit"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, client: Client, rig: str | None) -> None:
        super().__init__()
        self._client, self._rig = client, rig
        self._calls = client.twin()
        self._watcher = Watcher(client, self._heard)
        self._only: str | None = None
        self._lines: list[tuple[str, Text]] = []
        self._screen_loop: asyncio.AbstractEventLoop | None = None
        self._screen_context = contextvars.copy_context()

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="left"):
                yield DataTable(id="agents", cursor_type="row")
                yield DataTable(id="queue", cursor_type="none")
            yield RichLog(id="stream", max_lines=LINES_KEPT, wrap=False)
        yield Input(id="message", placeholder="What to tell it; Enter sends, empty sends nothing")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#agents", DataTable).add_columns("agent", "status", "since")
        self.query_one("#queue", DataTable).add_columns("bead", "why it waits")
        self.query_one("#agents").focus()
        self._screen_loop, self._screen_context = asyncio.get_running_loop(), contextvars.copy_context()
        threading.Thread(target=self._follow, daemon=True).start()

    def _on_screen(self, call: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Have the screen's thread do something, and wait for it. Raises RuntimeError when the screen is gone.

        Unlike `call_from_thread` it leaves no coroutine behind that nobody runs any more.
        """
        if self._screen_loop is None:
            raise RuntimeError("There is no screen yet.")
        done: Future[None] = Future()

        def work() -> None:
            try:
                call(*args, **options)
                done.set_result(None)
            except NoMatches:  # the screen is just being taken down
                done.set_exception(RuntimeError("The screen is gone."))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
                done.set_exception(error)

        self._screen_loop.call_soon_threadsafe(work, context=self._screen_context)
        done.result(SHOWN_S)

    # what comes in, on threads of its own

    def _follow(self) -> None:
        """The ledger, for ever: whatever happens is a reason to look again."""
        client = self._client.twin()
        with contextlib.suppress(RuntimeError):  # the screen is gone
            try:
                since = newest(client)
                self._look(client)
                for event in follow_events(client, self._rig, since):
                    if event["kind"] == "run.claimed":
                        self._watcher.follow(event["data"]["name"], event["run_id"])
                    self._look(client)
            except BoomtownError as error:
                self._on_screen(self.notify, error.message, severity="error", markup=False)

    def _look(self, client: Client) -> None:
        agents = client.query("listAgents", rigId=self._rig)
        rigs = [self._rig] if self._rig else [rig["id"] for rig in client.query("listRigs")]
        waiting = [
            bead for rig in rigs for bead in client.query("listBeads", rigId=rig, status="open", limit=100)["items"]
        ]
        self._on_screen(self._show, agents, waiting)
        for agent in agents:
            if agent["run_id"] is not None:
                self._watcher.follow(agent["name"], agent["run_id"], tail=SHOWN_BEFORE)

    def _heard(self, name: str, frame: dict[str, Any]) -> None:
        line = Text(f"{name:<10} ", "bold") + Text(frame_text(frame), "" if frame["kind"] == "stdout" else "dim")
        with contextlib.suppress(RuntimeError):
            self._on_screen(self._add, name, line)

    # what is shown

    def _show(self, agents: list[dict[str, Any]], waiting: list[dict[str, Any]]) -> None:
        table = self.query_one("#agents", DataTable)
        chosen = table.cursor_row
        table.clear()
        for agent in agents:
            since = duration(age_s(agent["started_at"])) if agent["started_at"] else ""
            table.add_row(Text(agent["name"]), agent["status"], since, key=agent["id"])
        table.move_cursor(row=min(chosen, max(0, len(agents) - 1)))
        queue = self.query_one("#queue", DataTable)
        queue.clear()
        for bead in waiting:
            queue.add_row(Text(clean(bead["title"])[:20]), Text(bead_sentence(bead)))

    def _add(self, name: str, line: Text) -> None:
        self._lines.append((name, line))
        del self._lines[:-LINES_KEPT]
        if self._only in (None, name):
            self.query_one("#stream", RichLog).write(line)

    # keys

    def _chosen(self) -> tuple[str, str] | None:
        """Id and name of the agent under the cursor."""
        table = self.query_one("#agents", DataTable)
        if not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key
        return str(key.value), str(table.get_row(key)[0])

    def action_only(self) -> None:
        chosen = self._chosen()
        self._only = chosen[1] if chosen and self._only is None else None
        stream = self.query_one("#stream", RichLog)
        stream.clear()
        for name, line in self._lines:
            if self._only in (None, name):
                stream.write(line)

    def action_stop(self) -> None:
        if (chosen := self._chosen()) is not None:
            self._ask("stopAgent", f"{chosen[1]} is being stopped; its work is kept.", agentId=chosen[0])

    def action_message(self) -> None:
        if self._chosen() is not None:
            field = self.query_one("#message", Input)
            field.display = True
            field.focus()

    def on_input_submitted(self, entered: Input.Submitted) -> None:
        chosen, text = self._chosen(), entered.value.strip()
        entered.input.value = ""
        entered.input.display = False
        self.query_one("#agents").focus()
        if chosen and text:
            self._ask("sendMessage", f"{chosen[1]} will get it.", agentId=chosen[0], message=text)

    def _ask(self, procedure: str, done: str, **values: Any) -> None:
        """A change, off the screen's own thread; what comes of it is shown."""

        def ask() -> None:
            try:
                self._calls.mutate(procedure, **values)
                self._on_screen(self.notify, done, markup=False)
            except BoomtownError as error:
                self._on_screen(self.notify, error.message, severity="error", markup=False)

        self.run_worker(ask, thread=True)
