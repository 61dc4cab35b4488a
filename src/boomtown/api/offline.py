"""What is done to a home while no server serves it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from boomtown.api import logs
from boomtown.api.serve import home_id_of, only_server
from boomtown.domain.errors import ConflictError
from boomtown.home.clock import LoopScheduler, SystemClock, new_id
from boomtown.home.paths import Home
from boomtown.rig.doctor import diagnose
from boomtown.rig.people.backups import described
from boomtown.rig.restore import restore as restore_backup
from boomtown.store import backups

LOG = "offline.log"
"""What is done without a server is logged here, in the home."""


def list_backups(home: Home) -> list[dict[str, Any]]:
    """Newest first."""
    return [described(backup) for backup in backups.listing(home.backups)]


def restore(home: Home, name: str | None) -> dict[str, Any]:
    """Go back to a backup (None: the newest); what came of it, as `rig.restore.Restored` has it.

    Raises `ConflictError` while a server runs, `NotFoundError` and `UnavailableError` for a backup that is none.
    """
    home.create()
    logs.configure(home.root / LOG)
    with only_server(home):
        backup = backups.pick(home.backups, name)
        done = restore_backup(home, backup, home_id_of(home), LoopScheduler(), SystemClock(), new_id)
    return asdict(done)


def doctor(home: Home, *, fix: bool) -> list[dict[str, Any]]:
    """What is wrong with a home, one finding an object; see `rig.doctor.Finding`. A server may run."""
    if not home.root.exists():
        return []
    logs.configure(home.root / LOG)
    with ExitStack() as held:
        try:
            held.enter_context(only_server(home, keep_card=True))
            free = True
        except ConflictError:
            free = False
        found = diagnose(home, home_id_of(home), SystemClock(), os.environ, fix=fix, free=free)
    return [asdict(finding) for finding in found]
