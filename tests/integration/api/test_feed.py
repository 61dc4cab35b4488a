"""Following stream files that are being written: order, resuming, and what newcomers get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from boomtown.api.live import feed as feeds
from boomtown.api.live.feed import Batch, Feed, Owner
from boomtown.home.paths import Home


class Town:
    """Runs that a test starts and ends, and the files that their agents would fill."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.create()
        self.runs: dict[str, dict[str, Any]] = {}
        self.ledger_end = 0
        self._news = asyncio.Event()

    def start(self, run_id: str, agent: str = "", rig: str = "web") -> None:
        self.runs[run_id] = {"run_id": run_id, "agent_id": agent or f"agent-{run_id}", "rig_id": rig, "live": True}
        self._tell()

    def end(self, run_id: str) -> None:
        self.runs[run_id]["live"] = False
        self._tell()

    def say(self, run_id: str, *lines: str) -> None:
        path = self.home.stream(run_id)
        seq = len(path.read_text().splitlines()) if path.exists() else 0
        with path.open("a") as file:
            for number, line in enumerate(lines, seq + 1):
                file.write(json.dumps({"seq": number, "at": "", "kind": "stdout", "data": line}) + "\n")

    def _tell(self) -> None:
        self.ledger_end += 1
        self._news.set()
        self._news = asyncio.Event()

    async def wait_events(self, seq: int, timeout_s: float) -> bool:
        if self.ledger_end <= seq:
            await self._news.wait()
        return True

    async def runs_since(self, at: float) -> list[dict[str, Any]]:
        return list(self.runs.values())

    async def runs_named(self, run_ids: list[str]) -> list[dict[str, Any]]:
        return [self.runs[run_id] for run_id in run_ids if run_id in self.runs]


def everybody(_owner: Owner) -> bool:
    return True


class Reader:
    """Somebody who listens, frame by frame."""

    def __init__(self, source: AsyncGenerator[list[Batch], None]) -> None:
        self._source = source
        self._ready: list[tuple[int, str]] = []
        self.position = 0

    async def read(self, count: int) -> list[str]:
        """The next frames as `run:line`."""
        async with asyncio.timeout(10):
            while len(self._ready) < count:
                self._ready += [
                    (place, f"{frame['runId']}:{frame['data']}")
                    for batch in await anext(self._source)
                    for place, frame in zip(batch.positions, map(json.loads, batch.frames), strict=True)
                ]
        taken, self._ready = self._ready[:count], self._ready[count:]
        places = [place for place, _ in taken]
        assert places == sorted(places)
        assert places[0] >= self.position
        self.position = places[-1]
        return [line for _, line in taken]


def with_town(test: Callable[[Town, Feed], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        async def inside() -> None:
            town = Town(tmp_path)
            await test(town, Feed(town.home, town))

        asyncio.run(inside())

    run.__name__ = run.__qualname__ = getattr(test, "__name__", "test")
    return run


@with_town
async def test_a_newcomer_gets_the_last_lines_of_each_live_run_and_then_all_that_comes(town: Town, feed: Feed) -> None:
    town.start("a")
    town.start("old")
    town.say("a", *(f"{n}" for n in range(250)))
    town.say("old", "x")
    town.end("old")
    async with aclosing(feed.batches(None, everybody)) as batches:
        reader = Reader(batches)
        assert await reader.read(200) == [f"a:{n}" for n in range(50, 250)]
        town.start("b")
        town.say("b", "hello")
        assert await reader.read(1) == ["b:hello"]
        town.say("a", "more")
        assert await reader.read(1) == ["a:more"]


@with_town
async def test_whoever_comes_back_gets_what_was_said_meanwhile_even_by_runs_that_came_and_went(
    town: Town, feed: Feed
) -> None:
    town.start("a")
    town.say("a", "1", "2", "3")
    async with aclosing(feed.batches(None, everybody)) as batches:
        reader = Reader(batches)
        assert await reader.read(2) == ["a:1", "a:2"]
    town.say("a", "4")
    town.start("b")
    town.say("b", "1")
    town.end("b")
    another = Feed(town.home, town)
    async with aclosing(another.batches(reader.position, everybody)) as batches:
        assert await Reader(batches).read(3) == ["a:3", "a:4", "b:1"]


@with_town
async def test_the_last_words_of_a_run_are_not_lost(town: Town, feed: Feed) -> None:
    town.start("a")
    async with aclosing(feed.batches(None, everybody)) as batches:
        reader = Reader(batches)
        town.say("a", "1")
        assert await reader.read(1) == ["a:1"]
        town.say("a", "last words")
        town.end("a")
        assert await reader.read(1) == ["a:last words"]


@with_town
async def test_two_listeners_get_the_same_order_and_the_same_positions(town: Town, feed: Feed) -> None:
    for run in "abc":
        town.start(run)
    async with aclosing(feed.batches(None, everybody)) as one, aclosing(feed.batches(None, everybody)) as other:
        first, second = Reader(one), Reader(other)
        for n in range(20):
            for run in "abc":
                town.say(run, f"{n}")
            if n % 5 == 0:
                await asyncio.sleep(0)
        lines = await first.read(60)
        assert await second.read(60) == lines
        assert first.position == second.position
        for run in "abc":
            assert [line for line in lines if line.startswith(run)] == [f"{run}:{n}" for n in range(20)]


@with_town
async def test_only_what_is_wanted_comes(town: Town, feed: Feed) -> None:
    town.start("a", rig="web")
    town.start("b", rig="api")
    town.say("a", "1")
    town.say("b", "1")
    async with aclosing(feed.batches(None, lambda owner: owner.rig_id == "api")) as batches:
        assert await Reader(batches).read(1) == ["b:1"]


@with_town
async def test_a_position_that_is_not_known_any_more_begins_anew(town: Town, feed: Feed) -> None:
    town.start("a")
    town.say("a", "1")
    for position in (5, 10**16):
        async with aclosing(feed.batches(position, everybody)) as batches:
            assert await Reader(batches).read(1) == ["a:1"]


@with_town
async def test_nobody_listening_means_nothing_is_done(town: Town, feed: Feed) -> None:
    town.start("a")
    town.say("a", "1")
    async with aclosing(feed.batches(None, everybody)) as batches:
        await Reader(batches).read(1)
        assert [task for task in asyncio.all_tasks() if task.get_name() == "feed"]
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "feed"]


def test_a_listener_that_is_too_slow_for_the_journal_gets_no_line_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boomtown.api.live.positions.MOST_SPANS", 10)
    monkeypatch.setattr(feeds, "TICK_S", 0.001)

    async def inside() -> None:
        town = Town(tmp_path)
        feed = Feed(town.home, town)
        town.start("a")
        town.start("b")
        town.say("a", "first")
        slow, fast = feed.batches(None, everybody), feed.batches(None, everybody)
        async with aclosing(slow), aclosing(fast):
            reader, other = Reader(slow), Reader(fast)
            assert await reader.read(1) == await other.read(1) == ["a:first"]
            for n in range(40):
                town.say("a", f"{n}")
                await other.read(1)
                town.say("b", f"{n}")
                await other.read(1)
            lines = await reader.read(80)
            assert sorted(lines) == sorted(f"{run}:{n}" for run in "ab" for n in range(40))

    asyncio.run(inside())
