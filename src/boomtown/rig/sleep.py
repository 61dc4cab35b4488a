"""A machine that was suspended: what was due meanwhile is due later, since nobody could do anything for it."""

from __future__ import annotations

import structlog
from sqlalchemy import update

from boomtown.rig.transaction import Tx
from boomtown.store import rigs
from boomtown.store.tables import beads, runs

log = structlog.get_logger()

NOTICED_S = 1.0
"""A shorter sleep is none: the two clocks that tell of it are not read at the same moment."""


def put_off(tx: Tx, asleep_s: float) -> None:
    """Move the time limits and graces of live runs and the back-off of beads by what was slept since the last time.

    `asleep_s`: seconds asleep since the machine was started. Less than the last time: it was started anew, and what
    ran before is gone.
    """
    slept_s = asleep_s - rigs.the_home(tx.db)["asleep_s"]
    if abs(slept_s) < NOTICED_S:
        return
    rigs.change_home(tx.db, asleep_s=asleep_s)
    if slept_s < 0:
        return
    live = runs.c.ended_at.is_(None)
    tx.db.execute(update(runs).where(live).values(deadline_at=runs.c.deadline_at + slept_s))
    tx.db.execute(update(runs).where(live, runs.c.stop_at.is_not(None)).values(stop_at=runs.c.stop_at + slept_s))
    waiting = beads.c.not_before > tx.now - slept_s
    tx.db.execute(update(beads).where(waiting).values(not_before=beads.c.not_before + slept_s))
    tx.emit("home.woke", seconds=round(slept_s, 3))
    log.info("home.woke", seconds=round(slept_s))
