"""The container's socket: who may come in, and what is said to all who are there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from boomtown.container import wire
from boomtown.container.protocol import to_wire
from boomtown.container.requests import Requests
from boomtown.container.service import Container
from boomtown.home.paths import Home

log = structlog.get_logger()

LONGEST_PATH = 100
"""Bytes of a Unix socket's path that every system takes."""
_GOODBYE_S = 1.0
"""How long who is let go may take to notice."""
_UNREAD = 64 << 20
"""What a server may leave unread before its connection is cut."""


class Door:
    """Listens in a private folder. `on_change` is called when the first server comes and when the last one has gone."""

    def __init__(self, container: Container, requests: Requests) -> None:
        self._container = container
        self._requests = requests
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._visits: set[asyncio.Task[None]] = set()
        self.on_change: Callable[[bool], None] = _ignore
        self.path: Path | None = None
        container.send = self._tell_all
        container.has_listener = lambda: bool(self._writers)

    async def open(self) -> Path:
        """Listen; returns the socket's path."""
        folder = socket_folder(self._container.home)
        self.path = folder / f"container-{os.getpid()}.sock"
        self._server = await asyncio.start_unix_server(self._come_in, self.path, limit=wire.LIMIT)
        self.path.chmod(0o600)
        return self.path

    def close(self) -> None:
        """Nobody comes in any more; who is in stays until the process ends."""
        if self._server is not None:
            self._server.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            if self.path.parent.parent == Path(tempfile.gettempdir()):
                shutil.rmtree(self.path.parent, ignore_errors=True)

    async def end(self) -> None:
        """Let everybody go."""
        for writer in list(self._writers):
            writer.close()
        if self._visits:
            await asyncio.wait(self._visits, timeout=_GOODBYE_S)

    async def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (visit := asyncio.current_task()) is not None:
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)
        try:
            if not await self._greet(reader, writer):
                return
            self._writers.add(writer)
            self.on_change(True)
            while (message := await wire.receive(reader)) is not None:
                task = asyncio.get_running_loop().create_task(self._answer(message, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self.on_change(False)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """The first message must be `hello` with this home's id; a stranger is only told whom it met."""
        message = await wire.receive(reader)
        if message is None or message.get("op") != "hello":
            return False
        writer.write(wire.encode({"id": message["id"], "result": to_wire(self._container.hello())}))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return message.get("args", {}).get("home_id") == self._container.home_id

    async def _answer(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        answer = await self._requests.answer(message)
        if not writer.is_closing():
            writer.write(wire.encode(answer))

    def _tell_all(self, event: str, data: Any) -> None:
        line = wire.encode({"event": event, "data": to_wire(data)})
        for writer in list(self._writers):
            if writer.transport.get_write_buffer_size() > _UNREAD:
                log.warning("door.unread", bytes=writer.transport.get_write_buffer_size())
                writer.transport.abort()
            else:
                writer.write(line)


def _ignore(_: bool) -> None:
    pass


def socket_folder(home: Home) -> Path:
    """A folder that only this user may enter, with a path short enough for a socket."""
    folder = home.root / "run"
    if len(os.fsencode(folder)) + 30 <= LONGEST_PATH:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        return folder
    return Path(tempfile.mkdtemp(prefix="boomtown-"))
