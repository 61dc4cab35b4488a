"""What the gates of a merge print and how far they are, while they run and after."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from boomtown.home.paths import steps_file
from boomtown.rig.objects import Object

AT_FIRST = 64 * 1024
"""Bytes from the end, for a reader that comes without a position."""
AT_ONCE = 256 * 1024


def output(log_path: Path, gates: list[str], since: int | None) -> Object:
    """What was printed after byte `since`, None: the end of it; and every command that has begun.

    Blocking. Text is cut between characters, so that pages put together are the whole. `since` in the answer is another
    than was asked for if the log is a new one by now, or was begun in the middle.
    """
    steps = _steps(log_path, gates)
    try:
        fd = os.open(log_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {"steps": steps, "text": "", "since": 0, "nextSince": 0}
    try:
        size = os.fstat(fd).st_size
        start = max(0, size - AT_FIRST) if since is None else since if since <= size else 0
        data = os.pread(fd, AT_ONCE, start)
    finally:
        os.close(fd)
    if since is None and start > 0:
        skipped = data.find(b"\n") + 1
        start, data = start + skipped, data[skipped:]
    data = data[: _whole(data)]
    return {"steps": steps, "text": data.decode("utf-8", "replace"), "since": start, "nextSince": start + len(data)}


def _steps(log_path: Path, gates: list[str]) -> list[dict[str, Any]]:
    """`gate` counts the gates from 1; it is null for what prepares the tree for them."""
    try:
        found = json.loads(steps_file(log_path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    numbered, at = [], 0
    for step in found:
        is_gate = at < len(gates) and step["command"] == gates[at]
        at += is_gate
        numbered.append({**step, "gate": at if is_gate else None})
    return numbered


def _whole(data: bytes) -> int:
    """How much of it ends with a whole character of UTF-8; all of it if it is none."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        wants = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return len(data) if wants <= back else len(data) - back
    return len(data)
