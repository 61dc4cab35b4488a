"""HOME, session and transcript belong to the bead: they are there for as long as it may go on, and two weeks longer."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from towns import Town, eventually

DAY_S = 86_400.0


def test_what_belongs_to_a_bead_stays_until_two_weeks_after_its_end(town: Town) -> None:
    town.rig()
    ended, fresh = town.sling("quick", "Ended long ago", "Ended today")
    for bead in (ended, fresh):
        town.wait_for(bead, status="closed")
    [held] = town.sling("idles", "Not ended")
    town.wait_for(held, status="open", queue_reason="held")
    eventually(lambda: not town.worktrees(), "no worktree is left")
    [found] = town.ask("log", held, "--search", "could not find anything")[:1]
    assert "could not find" in str(found)
    assert "could not find anything" in town.ok("log", held, "--export", "markdown").out
    streams = {bead: stream(town, bead) for bead in (ended, fresh, held)}
    town.down()

    homes = {bead: town.home / "rigs" / "web" / "homes" / bead for bead in (ended, fresh, held)}
    with sqlite3.connect(town.home / "town.db") as db:
        db.execute("UPDATE beads SET closed_at = ? WHERE id = ?", (time.time() - 15 * DAY_S, ended))
    db.close()
    then = time.time() - 40 * DAY_S
    for path in (*streams.values(), *homes.values()):
        assert path.exists()
        os.utime(path, (then, then))
    town.up()
    eventually(lambda: not homes[ended].exists() and not streams[ended].exists(), "what nobody needs is gone")
    assert all(path.exists() for bead in (fresh, held) for path in (streams[bead], homes[bead]))


def stream(town: Town, bead: str) -> Path:
    """Of the first run of a bead."""
    run = town.bead(bead)["attempt_log"][0]["run_id"]
    return town.home / "logs" / f"{run}.jsonl"
