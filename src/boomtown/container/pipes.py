"""Reading and writing pipes from the event loop, with bounded memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

CHUNK = 1 << 18
"""Bytes taken per turn: large enough to be fast, small enough that nobody else waits."""


class PipeReader:
    """Gives what comes out of a pipe to `sink`, chunk by chunk, until its end. Owns the descriptor."""

    def __init__(self, fd: int, sink: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._ready)

    def _ready(self) -> None:
        try:
            chunk = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if chunk:
            self._sink(chunk)
        else:
            self.close()

    def close(self) -> None:
        """Stop reading, whether or not the other end still writes."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self.ended.set_result(None)


class PipeWriter:
    """Writes `data` into a pipe and closes it. A reader that goes away is no error. Owns the descriptor."""

    def __init__(self, fd: int, data: bytes) -> None:
        self._fd = fd
        self._rest = memoryview(data)
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_writer(fd, self._ready)
        self._ready()

    def _ready(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:  # EPIPE: nobody reads any more
            pass
        self.close()

    def close(self) -> None:
        """Give up what is not written yet."""
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1
