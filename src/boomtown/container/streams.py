"""Streams: one append-only file of JSON lines per run, written by the container and read by the server.

A frame is `{"seq": 1, "at": "2026-01-01T00:00:00.000Z", "kind": "stdout", "data": "text"}`; `seq` grows by one. Kinds:
`stdout`, `stderr`, `system` (ours), and those of `agents.updates` for agents that speak ACP, some with objects as data.
A line longer than `MAX_LINE` is split; each part but the last has `"more": true`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Callable
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, Protocol

import structlog

from boomtown.container.frames import last_seq
from boomtown.home.times import iso

log = structlog.get_logger()

MAX_LINE = 1 << 20
"""Bytes of output in one frame."""
MAX_RUN = 256 * 1000 * 1000
"""Bytes of one run's file; output beyond is read and dropped."""
HIDDEN = "•••"
FLUSH_AFTER_S = 0.02
FLUSH_AT = 1 << 18

LONGEST_REPORT = 1 << 18
"""Characters."""

_KEEP_WHEN_FULL = 4096
_WORDS = 8
_WORD_LENGTH = 300


class StreamWriter:
    """Writes one run's file. Goes on where an earlier writer stopped, even in the middle of a line."""

    def __init__(self, path: Path, max_bytes: int = MAX_RUN, secrets: tuple[str, ...] = ()) -> None:
        """`secrets` are never written: `HIDDEN` stands in their places."""
        self._secrets = secrets
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size
        self._max = max_bytes
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._words: deque[str] = deque(maxlen=_WORDS)
        self.last_seq = 0
        self.last_output_at: float | None = None
        self.full = False
        if self._size:
            self.last_seq = last_seq(path)
            if os.pread(self._fd, 1, self._size - 1) != b"\n":
                self._put(b"\n")

    @property
    def last_words(self) -> str:
        """The last lines of output, for people."""
        return "\n".join(list(self._words)[-3:])

    def lines(self, kind: str, lines: list[str], more: bool = False) -> None:
        """One frame per line, all of this moment. `more`: the last one goes on in the next frame."""
        now = time.time()
        self.last_output_at = now
        lines = [without(self._secrets, line) for line in lines] if self._secrets else lines
        if kind != "prompt":  # those words are ours
            self._words.extend(line[:_WORD_LENGTH] for line in lines[-_WORDS:] if line and not line.isspace())
        if not self.full:
            self._frames(kind, lines, more, iso(now))

    def notice(self, text: str) -> None:
        """A frame of our own, kind `system`."""
        if not self.full:
            self._frames("system", [text], False, iso(time.time()))

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """A frame whose data is an object; no output in the sense of `last_words`."""
        now = time.time()
        self.last_output_at = now
        if not self.full:
            text = without(self._secrets, json.dumps(data, ensure_ascii=False, separators=(",", ":")))
            self._write(kind, [text], False, iso(now))

    def _frames(self, kind: str, lines: list[str], more: bool, at: str | None) -> None:
        self._write(kind, [encode_basestring(line) for line in lines], more, at)

    def _write(self, kind: str, values: list[str], more: bool, at: str | None) -> None:
        """Frames of `values`, which are JSON."""
        seq = self.last_seq
        middle = f',"at":"{at}","kind":"{kind}","data":'
        rows = [f'{{"seq":{seq + n}{middle}{value}}}\n' for n, value in enumerate(values, 1)]
        if more:
            rows[-1] = rows[-1][:-2] + ',"more":true}\n'
        block = "".join(rows).encode("utf-8", "replace")
        if self._size + self._buffered + len(block) > self._max:
            self.full = True
            text = f"Output beyond {self._max // 1_000_000} MB is not kept."
            block = f'{{"seq":{seq + 1},"at":"{at}","kind":"system","data":"{text}"}}\n'.encode()
            self.last_seq = seq + 1
        else:
            self.last_seq = seq + len(values)
        self._put(block)

    def _put(self, block: bytes) -> None:
        self._buffer.append(block)
        self._buffered += len(block)
        if self._buffered >= FLUSH_AT:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rest = memoryview(b"".join(self._buffer))
        self._buffer, self._buffered = [], 0
        try:
            while rest:
                written = os.write(self._fd, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:  # a full disk must not end the run
            log.error("stream.lost", error=str(error), bytes=len(rest))

    def close(self) -> None:
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1


class Words:
    """The last of what was said, at most `LONGEST_REPORT` characters: kept where it is what is wanted."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._size = 0

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            self._lines.append(line)
            self._size += len(line) + 1
        while self._size > LONGEST_REPORT and len(self._lines) > 1:
            self._size -= len(self._lines.popleft()) + 1

    @property
    def text(self) -> str:
        return "\n".join(self._lines).strip()[-LONGEST_REPORT:]


def without(secrets: tuple[str, ...], text: str) -> str:
    """The text with `HIDDEN` in the place of each secret."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


class Sink(Protocol):
    """What takes lines; `full`: it takes no more."""

    @property
    def full(self) -> bool: ...

    def lines(self, kind: str, lines: list[str], more: bool = False) -> None: ...


class LineSplitter:
    """Turns chunks of one pipe into frames of a stream: lines, at most `MAX_LINE` long, bad bytes replaced."""

    def __init__(self, stream: Sink, kind: str, hear: Callable[[list[str]], None] | None = None) -> None:
        """`hear` gets the lines as well, but for those that are too long."""
        self._stream = stream
        self._kind = kind
        self._hear = hear
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> None:
        if self._stream.full:
            chunk = chunk[-_KEEP_WHEN_FULL:]  # for the last words
        end = chunk.rfind(b"\n")
        if end < 0:
            self._rest += chunk
        else:
            whole = bytes(self._rest) + chunk[:end]
            self._rest = bytearray(chunk[end + 1 :])
            self._emit(whole)
        while len(self._rest) > MAX_LINE:
            cut = _cut(self._rest)
            self._stream.lines(self._kind, [_text(self._rest[:cut])], more=True)
            del self._rest[:cut]

    def end(self) -> None:
        """The pipe has ended; what is left is a line too."""
        if self._rest:
            self._emit(bytes(self._rest))
            self._rest.clear()

    def _emit(self, whole: bytes) -> None:
        lines = whole.split(b"\n")
        if len(whole) <= MAX_LINE or all(len(line) <= MAX_LINE for line in lines):
            texts = [_text(line) for line in lines]
            self._stream.lines(self._kind, texts)
            if self._hear is not None:
                self._hear(texts)
            return
        for line in lines:
            while len(line) > MAX_LINE:
                cut = _cut(line)
                self._stream.lines(self._kind, [_text(line[:cut])], more=True)
                line = line[cut:]
            self._stream.lines(self._kind, [_text(line)])


def _cut(line: bytes | bytearray) -> int:
    """Where to split a line that is too long: not inside a character of UTF-8."""
    cut = MAX_LINE
    while cut > MAX_LINE - 4 and line[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


def _text(line: bytes | bytearray) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
