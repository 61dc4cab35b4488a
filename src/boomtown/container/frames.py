"""Reading a run's stream file: any position of 256 MB in a few steps, while it is being written."""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

_STEP = 1 << 16
LONGEST_LINE = 1 << 26
"""Bytes; no frame is as long."""
MAX_READ = 1 << 20
"""Bytes that one `read` takes from the file; a single longer frame is still read whole."""


_NOWAIT = getattr(os, "RWF_NOWAIT", None)  # Linux


class FrameReader:
    """Reads the frames after `after`, page by page, as they come. The file may not exist yet.

    Blocking: call it from a thread that may wait. A last line that is not finished is left for the next read; a line
    that is no frame (torn by a crash) is skipped.
    """

    def __init__(self, path: Path, after: int = 0) -> None:
        self._path = path
        self._offset = None if after > 0 else 0
        self._fd: int | None = None
        self.seq = after
        """The last frame that was given out; begin there to go on."""

    def read(self, limit: int = 1000, max_bytes: int = MAX_READ) -> list[dict[str, Any]]:
        """The next frames, at most `limit`; empty when there are none yet."""
        return [frame for frame, _ in self._next(limit, max_bytes)]

    def read_lines(self, limit: int = 1000, max_bytes: int = MAX_READ) -> list[tuple[int, bytes]]:
        """As `read`: the number of each frame, and its JSON as it stands in the file."""
        return [(frame["seq"], line) for frame, line in self._next(limit, max_bytes)]

    def _next(self, limit: int, max_bytes: int) -> list[tuple[dict[str, Any], bytes]]:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            if self._offset is None:
                self._offset = _offset_after(fd, self.seq)
            frames: list[tuple[dict[str, Any], bytes]] = []
            taken, more = 0, True
            while more and len(frames) < limit and taken < max_bytes:
                block, more = _whole_lines(fd, self._offset)
                for line in block.splitlines(keepends=True):
                    if len(frames) == limit:
                        break
                    self._offset += len(line)
                    taken += len(line)
                    if (frame := self._take(line)) is not None:
                        frames.append((frame, line.strip()))
            return frames
        finally:
            os.close(fd)

    def lines_in_memory(self, buffer: bytearray) -> list[tuple[int, bytes]]:
        """As `read_lines`, but without ever waiting for a disk, and with the file kept open until `close`.

        Raises `OSError` where that can't be, and a thread has to read: for what is not in memory, and for more
        than `buffer` holds.
        """
        if self._offset is None or _NOWAIT is None:
            raise BlockingIOError
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        count = os.preadv(self._fd, [buffer], self._offset, _NOWAIT)
        if count == len(buffer):
            raise BlockingIOError
        whole = bytes(memoryview(buffer)[: buffer.rfind(b"\n", 0, count) + 1])
        self._offset += len(whole)
        taken = [(self._take(line), line) for line in whole.splitlines(keepends=True)]
        return [(frame["seq"], line.strip()) for frame, line in taken if frame is not None]

    def close(self) -> None:
        """Let go of the file that `lines_in_memory` has opened."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """The frame in the line, unless there is none or it was given out already."""
        frame = parse(line)
        if frame is None or frame["seq"] <= self.seq:
            return None
        self.seq = frame["seq"]
        return frame


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def parse(line: bytes) -> dict[str, Any] | None:
    """The frame in a line; None if it is none."""
    try:
        frame = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) and type(frame.get("seq")) is int else None


def last_seq(path: Path) -> int:
    """The number of the last whole frame in the file; 0 if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        end, parts = os.fstat(fd).st_size, deque[bytes]()
        while end > 0:
            start = max(0, end - _STEP)
            parts.appendleft(os.pread(fd, end - start, start))
            end = start
            if b"\n" not in parts[0] and start > 0:
                if len(parts) * _STEP > LONGEST_LINE:
                    parts = deque([b"\n"])  # no frame is as long: what follows is none
                continue
            pieces = b"".join(parts).split(b"\n")
            for line in reversed(pieces[1 if start > 0 else 0 : -1]):
                if (frame := parse(line)) is not None:
                    return frame["seq"]
            parts = deque([pieces[0], b"\n"])
        return 0
    finally:
        os.close(fd)


def tail_position(path: Path, lines: int) -> int:
    """The `seq` after which the last `lines` frames come."""
    return max(0, last_seq(path) - lines)


def _whole_lines(fd: int, offset: int) -> tuple[bytes, bool]:
    """Whole lines from `offset` on, about `_STEP` bytes, or one line if that is longer; and whether there may be more.

    Empty if there is none. Of what has no end for longer than any frame a part is given out as a line, which is none.
    """
    want = _STEP
    while True:
        block = os.pread(fd, want, offset)
        end = block.rfind(b"\n")
        if end >= 0:
            return block[: end + 1], len(block) == want
        if len(block) < want:
            return b"", False
        if len(block) >= LONGEST_LINE:
            return block, True
        want *= 4


def _offset_after(fd: int, after: int) -> int:
    """The offset of a line at or before the first frame after `after`, found by bisection."""
    if after <= 0:
        return 0
    low, high = 0, os.fstat(fd).st_size
    while high - low > _STEP:
        middle = (low + high) // 2
        found = _frame_after(fd, middle, high)
        if found is None or found[1] > after:
            high = middle
        else:
            low = found[0]
    return low


def _frame_after(fd: int, offset: int, end: int) -> tuple[int, int] | None:
    """Offset and number of the first frame whose line begins after `offset` and before `end`."""
    start = _next_line(fd, offset)
    while start < end and (block := _whole_lines(fd, start)[0]):
        for line in block.splitlines(keepends=True):
            if start < end and (frame := parse(line)) is not None:
                return start, frame["seq"]
            start += len(line)
    return None


def _next_line(fd: int, offset: int) -> int:
    while block := os.pread(fd, _STEP, offset):
        if (found := block.find(b"\n")) >= 0:
            return offset + found + 1
        offset += len(block)
    return offset
