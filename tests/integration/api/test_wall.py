"""`boomtown watch` full screen, against a real town: what it shows, and that its keys do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_town import Town, start_town
from textual.widgets import DataTable, RichLog

from boomtown.cli.client import Client, Server
from boomtown.cli.wall import Wall


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with start_town(tmp_path) as town:
        yield town


def test_it_shows_agents_streams_and_queue_tells_one_something_and_stops_it(town: Town) -> None:
    live = town.mutate("sling", {"rigId": "web", "title": "wait"}).json()["result"]["data"]
    town.mutate("sling", {"rigId": "web", "tasks": [{"title": "Held [b]back[/b]"}], "hold": True}).raise_for_status()

    async def drive() -> None:
        wall = Wall(Client(Server(town.url, town.home.token.read_text().strip())), "web")
        async with wall.run_test(size=(140, 40)) as pilot:

            async def until(holds: Callable[[], Any]) -> None:
                async with asyncio.timeout(60):
                    while not holds():
                        await pilot.pause(0.05)

            agents, queue = wall.query_one("#agents", DataTable), wall.query_one("#queue", DataTable)
            stream = wall.query_one("#stream", RichLog)
            await until(lambda: agents.row_count == 1 and queue.row_count == 1)
            await until(lambda: any("Toast" in line.text and "line " in line.text for line in stream.lines))
            assert str(agents.get_row_at(0)[0]) == "Toast"
            assert str(queue.get_row_at(0)[0]) == "Held [b]back[/b]"
            await pilot.press("m", *"Hurry", "enter")
            await until(lambda: town.query("getBead", beadId=live["bead"]["id"])["messages"])
            await pilot.press("s")
            await until(lambda: queue.row_count == 2)

    asyncio.run(drive())
    assert town.wait_for(live["bead"]["id"], "open")["queue_reason"] == "held"
