"""What a home needs at each start: the commands for agents, and room."""

from __future__ import annotations

import shlex
import shutil
import sys

from boomtown.home.paths import Home

STREAMS_KEPT_S = 30 * 86_400.0
AGENT_HOMES_KEPT_S = 14 * 86_400.0
"""After the end of their beads; for so long all streams of those are kept, too."""


def write_commands(home: Home) -> None:
    """Put `boomtown` and `bt` of this very installation into the home, first on an agent's PATH."""
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m boomtown "$@"\n'
    for name in ("boomtown", "bt"):
        path = home.bin / name
        if not path.exists() or path.read_text(encoding="utf-8") != script:
            path.write_text(script, encoding="utf-8")
            path.chmod(0o700)


def drop_old_streams(home: Home, now: float, kept: set[str]) -> int:
    """Remove streams that nobody wrote to for 30 days, but for those of the runs `kept`; returns how many.

    `now` is epoch seconds.
    """
    old = [
        path
        for path in home.logs.glob("*.jsonl")
        if path.stem not in kept and path.stat().st_mtime < now - STREAMS_KEPT_S
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def drop_old_agent_homes(home: Home, now: float, kept: set[str]) -> int:
    """Remove HOMEs that were left alone for 14 days, but for those of the beads `kept`; returns how many.

    One of agents that serve many has the sessions of all beads of its rig.
    """
    dropped = 0
    needed = [folder for folder in home.rigs.glob("*/homes/*") if folder.name in kept]
    needed += [shared for folder in needed for shared in folder.parent.parent.glob("shared/*")]
    for folder in {*home.rigs.glob("*/homes/*"), *home.rigs.glob("*/shared/*")}.difference(needed):
        if folder.stat().st_mtime < now - AGENT_HOMES_KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
            dropped += 1
    return dropped
