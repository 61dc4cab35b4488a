"""The HTTP server: what a client may hold open, and for how long, so that no client keeps others waiting."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from boomtown.api.app import App

LARGEST_HEAD = 256 * 1024
"""Bytes of a request line and its headers; batches of queries are long."""
REQUESTS_END_S = 5
"""Seconds that requests get to end when the server does."""
REQUEST_S = 60.0
"""Within so many seconds a request must be whole, head and body, or its connection is closed."""
UNREAD_S = 60.0
"""So many seconds an answer may wait for a client that does not read it."""
_OTHER_FILES = 256
"""Descriptors that are kept for the database, streams and the container."""
_TOO_LATE = b"The request was not whole in time."


class Connection(H11Protocol):
    """One client's connection. `most`: above so many, the one that has kept us waiting longest makes room."""

    def __init__(self, *args: Any, most: int, request_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most, self._request_s = most, request_s
        self._unread: asyncio.TimerHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None
        """Runs while a request is awaited that is not whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._look()
        if len(self.connections) > self._most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop("_waiting")
        self._stop("_unread")
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop("_waiting")
        elif self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(self._request_s, self._too_late)

    def _make_room(self) -> None:
        """Whoever has not sent a request yet gives way, the longest first; if nobody waits, the newcomer does."""
        waiting = [other for other in self.connections if isinstance(other, Connection) and other._waiting]
        slowest = min(waiting, key=lambda other: other._waiting.when() if other._waiting else 0.0, default=self)
        slowest.transport.abort()

    def _too_late(self) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            for event in (h11.Response(status_code=408, headers=head), h11.Data(_TOO_LATE), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("_unread")

    def _stop(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def most_connections() -> int:
    """How many this process may hold, by its limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65_536 if files == resource.RLIM_INFINITY else max(files // 2, files - _OTHER_FILES)


class Http(uvicorn.Server):
    """Uvicorn without its own signals and ticking: an idle server sleeps."""

    def __init__(self, app: App, *, most: int | None = None, request_s: float = REQUEST_S) -> None:
        """`most` connections at a time; `request_s`: seconds in which a request must be whole."""
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Connection, most=most or most_connections(), request_s=request_s),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_graceful_shutdown=REQUESTS_END_S,
            )
        )
        self._app = app
        self.up = asyncio.Event()
        self._end = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self.up.set()
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close()
        await super().shutdown(sockets)

    def end(self) -> None:
        self._end.set()
