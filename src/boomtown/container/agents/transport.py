"""JSON messages, a line each, over the pipes of a program."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from boomtown.container.pipes import CHUNK, PipeReader

LONGEST_LINE = 1 << 26
"""Bytes of one message. Whole files come in one."""


class PipeTransport:
    """Both directions. `noise` gets lines that are no message. Owns the descriptors."""

    def __init__(self, stdin: int, stdout: int, noise: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._noise = noise
        self._rest = bytearray()
        self._reader = PipeReader(stdout, self._feed)
        self._reader.ended.add_done_callback(lambda _: self._inbox.put_nowait(None))
        self._stdin = stdin
        self._outbox = bytearray()
        self._drained: asyncio.Future[None] | None = None
        os.set_blocking(stdin, False)

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the program has closed its end."""
        return self._reader.ended

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when there will be no more."""
        return await self._inbox.get()

    async def send(self, message: dict[str, Any]) -> None:
        """Return once the message is in the pipe. Raises `ConnectionError` if nobody reads there."""
        if self._stdin < 0:
            raise ConnectionError("The agent's standard input is closed.")
        self._outbox += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._write()
        if self._drained is not None:
            await asyncio.shield(self._drained)

    def _write(self) -> None:
        try:
            while self._outbox:
                written = os.write(self._stdin, self._outbox[:CHUNK])
                del self._outbox[:written]
        except BlockingIOError:
            if self._drained is None:
                self._drained = self._loop.create_future()
                self._loop.add_writer(self._stdin, self._write)
            return
        except OSError as error:
            self._outbox.clear()
            self._settle(ConnectionError(f"The agent does not read any more: {error}."))
            return
        self._settle(None)

    def _settle(self, error: ConnectionError | None) -> None:
        if self._drained is None:
            if error is not None:
                raise error
            return
        self._loop.remove_writer(self._stdin)
        drained, self._drained = self._drained, None
        if error is None:
            drained.set_result(None)
        else:
            drained.set_exception(error)
            drained.exception()  # whoever waits gets it; that nobody does is no fault

    def end_input(self) -> None:
        """Close the program's standard input."""
        if self._stdin >= 0:
            if self._drained is not None:
                self._settle(ConnectionError("The agent's standard input is closed."))
            os.close(self._stdin)
            self._stdin = -1

    async def close(self) -> None:
        """Close both pipes."""
        self.end_input()
        self._reader.close()

    def _feed(self, chunk: bytes) -> None:
        self._rest += chunk
        if b"\n" not in chunk:
            if len(self._rest) > LONGEST_LINE:
                self._noise(f"A message of more than {LONGEST_LINE >> 20} MiB was dropped.")
                self._rest.clear()
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            self._inbox.put_nowait(message)
        else:
            self._noise(line.decode("utf-8", "replace")[:1000])
