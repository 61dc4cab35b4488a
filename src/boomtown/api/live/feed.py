"""Follows the stream files of all runs while somebody listens, and hands their frames out in one order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import structlog

from boomtown.api.live.positions import Positions, Span
from boomtown.container.frames import FrameReader, last_seq
from boomtown.home.paths import Home

log = structlog.get_logger()

TICK_S = 0.1
"""How often the files of live runs are looked at, and only while somebody listens."""
LINES_AT_FIRST = 200
"""Frames of each live run that somebody gets who comes without a position."""
FARTHEST_BACK = 200_000
"""Frames. Whoever has missed more begins anew."""
PAGE = 500
"""Frames that are read at once."""
IDLE_S = 60.0
ENDED_RUNS_S = 5.0
"""How long the file of a run that has ended is still looked at."""


class Runs(Protocol):
    """What a feed asks of the town."""

    @property
    def ledger_end(self) -> int: ...

    async def wait_events(self, seq: int, timeout_s: float) -> bool: ...

    async def runs_since(self, at: float) -> list[dict[str, Any]]: ...

    async def runs_named(self, run_ids: list[str]) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Owner:
    """Whose run it is."""

    agent_id: str
    rig_id: str
    live: bool = False


@dataclass(frozen=True)
class Batch:
    """Frames of one run in their order, as the contract has them, and the position of each."""

    frames: list[Any]
    positions: list[int]


@dataclass
class _Watched:
    """A run's file, how large it was, and until when (epoch seconds) it is looked at."""

    run_id: str
    path: Path
    size: int = 0
    until: float = 0.0


class Feed:
    """One for a server. It sleeps while nobody listens."""

    def __init__(self, home: Home, runs: Runs) -> None:
        self._home = home
        self._runs = runs
        self._positions: Positions | None = None
        self._owners: dict[str, Owner] = {}
        self._watched: dict[str, _Watched] = {}
        self._ledger = -1
        self._refreshed_at = 0.0
        self._looking = asyncio.Lock()
        self._news = asyncio.Event()
        self._listeners = 0
        self._following: asyncio.Task[None] | None = None

    async def batches(self, position: int | None, wanted: Callable[[Owner], bool]) -> AsyncGenerator[Batch, None]:
        """Frames of wanted runs after `position`, for ever. None: first the last lines of each live run."""
        async with self._listening() as positions:
            readers: dict[str, FrameReader] = {}
            spans, position = self._begin(positions, position, readers)
            while True:
                for span in spans:
                    owner = await self._owner(span.run_id)
                    if owner is not None and wanted(owner):
                        async for batch in self._read(span, owner, readers, positions.begin):
                            yield batch
                news = self._news
                if position < positions.begin:
                    spans, position = self._begin(positions, None, readers)
                else:
                    spans, position = list(positions.after(position)), positions.end
                if not spans:
                    await news.wait()

    def _begin(
        self, positions: Positions, position: int | None, readers: dict[str, FrameReader]
    ) -> tuple[list[Span], int]:
        """What comes first, and the position from where to go on."""
        end = positions.end
        if position is not None and max(positions.begin, end - FARTHEST_BACK) <= position <= end:
            return list(positions.after(position)), end
        live = [run_id for run_id, owner in self._owners.items() if owner.live]
        floors = {run_id: max(0, positions.known(run_id) - LINES_AT_FIRST) for run_id in live}
        floors |= {run_id: reader.seq for run_id, reader in readers.items() if reader.seq > floors.get(run_id, 0)}
        old = [span for run_id in live if (span := positions.before_begin(run_id, floors[run_id]))]
        new = [span for span in positions.after(positions.begin, floors) if span.run_id in floors]
        return old + new, end

    async def _read(
        self, span: Span, owner: Owner, readers: dict[str, FrameReader], begin: int
    ) -> AsyncIterator[Batch]:
        reader = readers.get(span.run_id)
        if reader is None or reader.seq != span.after:
            reader = readers[span.run_id] = FrameReader(self._home.stream(span.run_id), span.after)
        while reader.seq < span.to:
            found = await asyncio.to_thread(reader.read, min(PAGE, span.to - reader.seq))
            found = [frame for frame in found if frame["seq"] <= span.to]
            if not found:
                return
            frames = [{"agentId": owner.agent_id, "runId": span.run_id, **frame} for frame in found]
            yield Batch(frames, [max(span.position(frame["seq"]), begin) for frame in found])

    async def _owner(self, run_id: str) -> Owner | None:
        """Whose run it is; None for a run of a rig that was removed."""
        if run_id not in self._owners:
            self._know(await self._runs.runs_named([run_id]))
        return self._owners.get(run_id)

    def _know(self, found: list[dict[str, Any]]) -> None:
        for run in found:
            self._owners[run["run_id"]] = Owner(run["agent_id"], run["rig_id"], run["live"])

    # following

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Positions]:
        self._listeners += 1
        try:
            await self._look(refresh=True)
            if self._following is None:
                self._following = asyncio.create_task(self._follow(), name="feed")
            assert self._positions is not None
            yield self._positions
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                self._sleep()

    def _sleep(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._positions is not None:
            self._positions.close()
            self._positions = None
        self._owners.clear()
        self._watched.clear()

    async def _follow(self) -> None:
        while True:
            if self._watched:
                await asyncio.sleep(TICK_S)
            else:
                await self._runs.wait_events(self._ledger, IDLE_S)
            try:
                await self._look(refresh=self._runs.ledger_end > self._ledger)
            except Exception:
                log.exception("feed.failed")
                await asyncio.sleep(1)

    async def _look(self, *, refresh: bool) -> None:
        """Note how far each file goes now; `refresh`: also which runs there are."""
        async with self._looking:
            if self._positions is None:
                self._positions = await asyncio.to_thread(self._open)
            if refresh:
                await self._refresh()
            grown = await asyncio.to_thread(_grown, list(self._watched.values()))
            for watched, seq in grown:
                self._positions.add(watched.run_id, seq)
            if grown:
                self._news.set()
                self._news = asyncio.Event()

    def _open(self) -> Positions:
        path = self._home.logs / "positions"
        try:
            self._refreshed_at = path.stat().st_mtime
        except FileNotFoundError:
            self._refreshed_at = time.time()
        return Positions(path, int(time.time() * 1000), lambda run_id: self._home.stream(run_id).exists())

    async def _refresh(self) -> None:
        """Watch what runs, and a little longer what has ended since the last look."""
        self._ledger, now = self._runs.ledger_end, time.time()
        found = await self._runs.runs_since(self._refreshed_at - ENDED_RUNS_S)
        self._refreshed_at = now
        self._owners = {run_id: replace(owner, live=False) for run_id, owner in self._owners.items()}
        self._know(found)
        kept = {run_id: watched for run_id, watched in self._watched.items() if watched.until > now}
        for run in found:
            watched = kept.setdefault(run["run_id"], _Watched(run["run_id"], self._home.stream(run["run_id"])))
            watched.until = float("inf") if run["live"] else now + ENDED_RUNS_S
        self._watched = kept


def _grown(all_watched: Iterable[_Watched]) -> list[tuple[_Watched, int]]:
    """The runs whose file has grown, and their newest frame. Blocking."""
    grown = []
    for watched in all_watched:
        try:
            size = watched.path.stat().st_size
        except FileNotFoundError:
            continue
        if size != watched.size:
            watched.size = size
            grown.append((watched, last_seq(watched.path)))
    return grown
