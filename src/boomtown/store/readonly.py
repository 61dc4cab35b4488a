"""Looking into a database file without a server, of whatever version, and without changing anything."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Known:
    """What a database knows of the files around it.

    `worktrees`: paths of runs that are not cleaned up. `branches`: of beads, as (rig's name, branch). `rigs`: default
    branches by name. `large`: names of those with Git LFS. `last_at`: when the newest event happened (epoch seconds).
    """

    worktrees: frozenset[str]
    branches: frozenset[tuple[str, str]]
    rigs: dict[str, str]
    large: frozenset[str]
    last_at: float | None


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that can't write. Raises `sqlite3.Error`."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10.0)


def known(path: Path) -> Known:
    """Raises `sqlite3.Error` for what is no database of a town."""
    branches = """SELECT rigs.name, branch FROM beads JOIN rigs ON rigs.id = rig_id WHERE branch IS NOT NULL
                  UNION SELECT rigs.name, old_branch FROM beads JOIN rigs ON rigs.id = rig_id
                  WHERE old_branch IS NOT NULL"""
    with closing(read_only(path)) as database:
        worktrees = database.execute("SELECT worktree FROM runs WHERE disposed_at IS NULL").fetchall()
        return Known(
            frozenset(path for (path,) in worktrees),
            frozenset((rig, branch) for rig, branch in database.execute(branches)),
            dict(database.execute("SELECT name, default_branch FROM rigs").fetchall()),
            frozenset(
                name for name, own in database.execute("SELECT name, settings FROM rigs") if json.loads(own).get("lfs")
            ),
            database.execute("SELECT max(at) FROM events").fetchone()[0],
        )
