"""Follows the stream files of all runs while somebody listens, and hands their frames out in one order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import structlog

from boomtown.api.live.positions import Positions, Span
from boomtown.api.trpc.sse import event
from boomtown.container.frames import FrameReader, last_seq
from boomtown.home.paths import Home

log = structlog.get_logger()

TICK_S = 0.02
"""How often the files of live runs are looked at, and only while somebody listens."""
TICK_PER_LISTENER_S = 0.0005
"""The more there are, the more frames each gets at once."""
RECENT = 20_000
"""Frames that are kept for those who listen, so that each is read and encoded once."""
MOST_OPEN = 200
"""Files that are kept open; more are opened at every look."""
JUMP = 1 << 20
"""Bytes. A file that grew by more at once is not read through for it."""
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
    """Frames of one run in their order, as the contract has them in JSON, and the position of each."""

    frames: list[bytes]
    positions: list[int]

    @cached_property
    def text(self) -> bytes:
        """The frames as one list in JSON."""
        return b"[" + b",".join(self.frames) + b"]"

    @cached_property
    def events(self) -> bytes:
        """The frames as events of a subscription, each with its position as its id."""
        return b"".join(
            [event(None, frame, str(place)) for frame, place in zip(self.frames, self.positions, strict=True)]
        )


def _frames(owner: Owner, run_id: str, lines: list[tuple[int, bytes]]) -> list[bytes]:
    """Lines of a stream's file as frames: whose they are is put in front, the rest is passed on as it is."""
    whose = f'{{"agentId":"{owner.agent_id}","runId":"{run_id}",'.encode()
    return [whose + line[1:] for _, line in lines]


@dataclass
class _Watched:
    """A run's file, how large it was, and until when (epoch seconds) it is looked at."""

    run_id: str
    path: Path
    reader: FrameReader
    size: int = 0
    until: float = 0.0

    def read_from(self, seq: int) -> FrameReader:
        """Read on after this frame."""
        self.reader.close()
        self.reader = FrameReader(self.path, seq)
        return self.reader


@dataclass(frozen=True)
class _Fresh:
    """Frames that came after the position `after`; the last one has the position `end`."""

    after: int
    end: int
    owner: Owner
    batch: Batch


class Feed:
    """One for a server. It sleeps while nobody listens."""

    def __init__(self, home: Home, runs: Runs) -> None:
        self._home = home
        self._runs = runs
        self._positions: Positions | None = None
        self._owners: dict[str, Owner] = {}
        self._watched: dict[str, _Watched] = {}
        self._recent: deque[_Fresh] = deque()
        self._recent_frames = 0
        self._ledger = -1
        self._refreshed_at = 0.0
        self._looking = asyncio.Lock()
        self._news = asyncio.Event()
        self._buffer = bytearray(1 << 16)
        self._listeners = 0
        self._following: asyncio.Task[None] | None = None

    async def batches(self, position: int | None, wanted: Callable[[Owner], bool]) -> AsyncGenerator[list[Batch], None]:
        """Frames of wanted runs after `position`, for ever; what is there at once comes together.

        `position` None: first the last lines of each live run.
        """
        async with self._listening() as positions:
            readers: dict[str, FrameReader] = {}
            spans, position = self._begin(positions, position, readers)
            while True:
                for span in spans:
                    owner = await self._owner(span.run_id)
                    if owner is not None and wanted(owner):
                        async for batch in self._read(span, owner, readers, positions.begin):
                            yield [batch]
                news = self._news
                while (fresh := self._fresh(position)) is not None:
                    position = positions.end
                    if found := [item.batch for item in fresh if wanted(item.owner)]:
                        yield found
                    if news is self._news:
                        await news.wait()
                    news = self._news
                if position < positions.begin:
                    spans, position = self._begin(positions, None, readers)
                else:
                    spans, position = list(positions.after(position)), positions.end
                if not spans:
                    await news.wait()

    def _fresh(self, position: int) -> list[_Fresh] | None:
        """What came after `position`, if all of that is kept; None if it has to be read from the files."""
        assert self._positions is not None
        if position == self._positions.end:
            return []
        found = []
        for item in reversed(self._recent):
            found.append(item)
            if item.after <= position:
                break
        if not found or found[-1].after != position:
            return None
        return found[::-1]

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
            found = await asyncio.to_thread(reader.read_lines, min(PAGE, span.to - reader.seq))
            found = [(seq, line) for seq, line in found if seq <= span.to]
            if not found:
                return
            places = [max(span.position(seq), begin) for seq, _ in found]
            yield Batch(_frames(owner, span.run_id, found), places)

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
        self._watch({})
        self._forget_recent()

    def _watch(self, wanted: dict[str, _Watched]) -> None:
        """Look at these files from now on, and let go of the others."""
        for run_id, watched in self._watched.items():
            if run_id not in wanted:
                watched.reader.close()
        self._watched = wanted

    async def _follow(self) -> None:
        while True:
            if self._watched:
                await asyncio.sleep(TICK_S + TICK_PER_LISTENER_S * self._listeners)
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
            grown, left = self._grown_in_memory(self._positions)
            if left:
                order = list(self._watched)
                grown += await asyncio.to_thread(_grown, left)
                grown.sort(key=lambda item: order.index(item[0].run_id))
            for watched, seq, lines in grown:
                self._note(self._positions, watched.run_id, seq, lines)
            if grown:
                self._positions.flush()
                self._news.set()
                self._news = asyncio.Event()

    def _grown_in_memory(self, positions: Positions) -> tuple[list[_Grown], list[tuple[_Watched, int]]]:
        """What was written since the last look, and what a thread has to look at.

        A frame that an agent has just written is in memory: to read it here takes less than to ask a thread for it.
        """
        grown: list[_Grown] = []
        left: list[tuple[_Watched, int]] = []
        for number, watched in enumerate(self._watched.values()):
            known, reader = positions.known(watched.run_id), watched.reader
            if reader.seq != known or number >= MOST_OPEN:
                left.append((watched, known))
                continue
            try:
                lines = reader.lines_in_memory(self._buffer)
            except FileNotFoundError:
                continue  # nothing was written yet
            except OSError:
                left.append((watched, known))
                continue
            if lines:
                grown.append((watched, reader.seq, lines))
        return grown, left

    def _note(self, positions: Positions, run_id: str, seq: int, lines: list[tuple[int, bytes]]) -> None:
        """Give new frames their positions, and keep them for those who listen."""
        after, owner = positions.end, self._owners.get(run_id)
        positions.add(run_id, seq)
        end = positions.end
        if end == after:
            return
        if owner is None or len(lines) != end - after:
            self._forget_recent()  # they have to be read from the file
            return
        places = [end - (seq - number) for number, _ in lines]
        self._recent.append(_Fresh(after, end, owner, Batch(_frames(owner, run_id, lines), places)))
        self._recent_frames += len(lines)
        while self._recent_frames > RECENT:
            self._recent_frames -= len(self._recent.popleft().batch.frames)

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_frames = 0

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
            watched = kept.get(run["run_id"]) or self._watched_run(run["run_id"])
            kept[run["run_id"]] = watched
            watched.until = float("inf") if run["live"] else now + ENDED_RUNS_S
        self._watch(kept)

    def _watched_run(self, run_id: str) -> _Watched:
        assert self._positions is not None
        path = self._home.stream(run_id)
        return _Watched(run_id, path, FrameReader(path, self._positions.known(run_id)))


_Grown = tuple[_Watched, int, list[tuple[int, bytes]]]


def _grown(all_watched: Iterable[tuple[_Watched, int]]) -> list[_Grown]:
    """The runs whose file has frames past the known one: the newest, and all if they are few. Blocking."""
    grown: list[_Grown] = []
    for watched, known in all_watched:
        try:
            size = watched.path.stat().st_size
        except FileNotFoundError:
            continue
        if size == watched.size:
            continue
        lines: list[tuple[int, bytes]] = []
        if size - watched.size <= JUMP:
            reader = watched.reader
            if reader.seq != known:
                reader = watched.read_from(known)
            lines = reader.read_lines(RECENT, 2 * JUMP)
            seq = reader.seq
        else:
            seq = last_seq(watched.path)
            watched.read_from(seq)
        watched.size = size if len(lines) < RECENT else size - 1  # there may be more: look again
        if seq > known:
            grown.append((watched, seq, lines))
    return grown
