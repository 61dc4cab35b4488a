"""What is done to a home while no server serves it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from boomtown.api.serve import home_id_of, only_server
from boomtown.home.clock import LoopScheduler, SystemClock, new_id
from boomtown.home.paths import Home
from boomtown.rig.people.backups import described
from boomtown.rig.restore import restore as restore_backup
from boomtown.store import backups


def list_backups(home: Home) -> list[dict[str, Any]]:
    """Newest first."""
    return [described(backup) for backup in backups.listing(home.backups)]


def restore(home: Home, name: str | None) -> dict[str, Any]:
    """Go back to a backup (None: the newest); what came of it, as `rig.restore.Restored` has it.

    Raises `ConflictError` while a server runs, `NotFoundError` and `UnavailableError` for a backup that is none.
    """
    home.create()
    with only_server(home):
        backup = backups.pick(home.backups, name)
        done = restore_backup(home, backup, home_id_of(home), LoopScheduler(), SystemClock(), new_id)
    return asdict(done)
