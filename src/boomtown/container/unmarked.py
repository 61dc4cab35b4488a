"""Processes of agents that emptied their environment: kept on disk, since a successor can't know them by their mark."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from boomtown.home.paths import Home

Key = tuple[int, float]


def remember(home: Home, processes: list[Key]) -> None:
    """Replace the list; pid and start time name a process until the machine starts anew."""
    path = _path(home)
    if not processes:
        path.unlink(missing_ok=True)
        return
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps({"boot": _boot(), "processes": processes}))
    aside.replace(path)


def recall(home: Home) -> list[Key]:
    """What was remembered since the machine was started."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        kept = json.loads(_path(home).read_text())
        if kept["boot"] == _boot():
            return [(int(pid), float(start)) for pid, start in kept["processes"]]
    return []


def _path(home: Home) -> Path:
    return home.root / "unmarked.json"


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
