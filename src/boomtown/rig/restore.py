"""Going back to a backup, without a server: an older database meets newer branches, and no work is lost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from boomtown.container.salvage import Salvage, end_processes, salvage
from boomtown.domain.beads import UNFINISHED, BeadStatus, BeadType
from boomtown.domain.errors import UnavailableError
from boomtown.domain.merges import MergeStatus
from boomtown.domain.runs import Outcome, RunPhase
from boomtown.domain.seams import Clock, NewId, Scheduler
from boomtown.home.config import Settings
from boomtown.home.paths import Home
from boomtown.rig.compose import open_database
from boomtown.rig.engine import SYSTEM
from boomtown.rig.slinging import Task, add_bead
from boomtown.rig.transaction import Tx
from boomtown.store import backups, beads, merges, rigs, runs, sql, tables
from boomtown.store.backups import Backup
from boomtown.store.sql import Row

BLIND_STEP = 1000
"""Added to run numbers where the database that is replaced can't be read."""
GIVEN_UP = "Restored: its branch was given up after the backup was made; it is kept as refs/boomtown/beads/"


@dataclass
class Restored:
    """What a restore came to. `set_aside`: where the database went that was replaced; lists are sentences."""

    backup: str
    set_aside: str | None
    processes_ended: int
    adopted: list[str]
    parked: list[str]


def restore(home: Home, backup: Backup, home_id: str, scheduler: Scheduler, clock: Clock, new_id: NewId) -> Restored:
    """Make `backup` the home's database. Blocking; the caller holds the server's lock.

    Every live run is ended first and its work committed to its branch. Run numbers go on above the highest found
    anywhere and the signing key changes, so that no token from before is good for anything. Raises `UnavailableError`
    if the backup is damaged; then nothing has changed but that nothing runs.
    """
    backups.check(backup.path)
    ended = end_processes(home, home_id)
    numbers = _highest_numbers(home)
    aside = _set_aside(home, clock.now())
    _copy(backup.path, home.database)
    home.jwt_key.unlink(missing_ok=True)
    database = open_database(home, scheduler, home_id, clock, new_id)
    try:
        defaults = database.read_now(lambda db: {rig["name"]: rig["default_branch"] for rig in rigs.all_rigs(db)})
        found = salvage(home, home_id, defaults)
        result = Restored(backup.name, str(aside) if aside else None, ended, [], [])

        def work(db: Connection) -> None:
            tx = Tx(db, clock.now(), new_id, SYSTEM)
            for rig in rigs.all_rigs(db):
                _raise_number(tx, rig, numbers)
                _Meeting(tx, rig, found.get(rig["name"], Salvage()), result).meet()
            tx.emit("home.restored", backup=backup.name, adopted=len(result.adopted), parked=len(result.parked))

        database.write_now(work)
    finally:
        database.close()
    return result


def _highest_numbers(home: Home) -> dict[str, int]:
    """The highest run number of each rig in the database and all backups; "" is what to add for what can't be read."""
    present = backups.run_numbers(home.database)
    highest = {"": 0 if present is not None else BLIND_STEP}
    for known in (present, *(backups.run_numbers(backup.path) for backup in backups.listing(home.backups))):
        for rig_id, number in (known or {}).items():
            highest[rig_id] = max(number, highest.get(rig_id, 0))
    return highest


def _raise_number(tx: Tx, rig: Row, highest: Mapping[str, int]) -> None:
    number = max(rig["last_run_number"], highest.get(rig["id"], 0)) + highest[""]
    sql.change(tx.db, tables.rigs, rig["id"], last_run_number=number)


def _set_aside(home: Home, now: float) -> Path | None:
    """Keep the database that is replaced: as a backup, or file by file if it can't be read."""
    files = [home.database, *(Path(f"{home.database}{ending}") for ending in ("-wal", "-shm"))]
    kept: Path | None = None
    with suppress(UnavailableError):
        kept = backups.take(home.database, home.backups, now, "replaced").path
    for path in files:
        if kept is not None:
            path.unlink(missing_ok=True)
        elif path.exists():
            path.replace(home.backups / f"damaged-{int(now)}-{path.name}")
    damaged = home.backups / f"damaged-{int(now)}-{home.database.name}"
    return kept or (damaged if damaged.exists() else None)


def _copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.new")
    draft.write_bytes(source.read_bytes())
    draft.chmod(0o600)
    draft.replace(target)


class _Meeting:
    """One rig's older beads meet what its clone holds by now."""

    def __init__(self, tx: Tx, rig: Row, found: Salvage, result: Restored) -> None:
        self._tx, self._rig, self._found, self._result = tx, rig, found, result

    def meet(self) -> None:
        known = beads.of_rig(self._tx.db, self._rig["id"], bead_type=BeadType.ISSUE)
        for bead in known:
            if bead["status"] in UNFINISHED:
                self._unfinished(bead)
        branches = {bead["branch"] for bead in beads.of_rig(self._tx.db, self._rig["id"]) if bead["branch"]}
        for branch, tip in self._found.branches.items():
            if branch not in branches:
                self._park_branch(branch, tip)

    def _unfinished(self, bead: Row) -> None:
        """Close what has landed, hold what was given up, follow a branch that came later."""
        bead_id, tip = bead["id"], self._found.beads.get(bead["id"])
        if (commit := self._found.landed.get(bead_id)) is not None:
            self._close(bead, commit)
            return
        if tip is not None and bead["branch"] not in self._found.branches:
            held = {"held": True, "held_why": f"{GIVEN_UP}{bead_id}."}
            sql.change(self._tx.db, tables.beads, bead_id, **held, updated_at=self._tx.now)
            self._tell(self._result.parked, "bead.held", bead_id, f"“{bead['title']}”: held, its branch was given up")
            return
        later = [branch for branch in self._found.branches if branch.rpartition("/")[2] == bead["prefix"]]
        if later and bead["branch"] not in self._found.branches:
            sql.change(self._tx.db, tables.beads, bead_id, branch=later[0], updated_at=self._tx.now)
            self._tell(self._result.adopted, "bead.adopted", bead_id, f"“{bead['title']}” goes on from {later[0]}")

    def _close(self, bead: Row, commit: str) -> None:
        db, now = self._tx.db, self._tx.now
        for run in runs.unfinished(db, self._rig["id"]):
            if run["bead_id"] == bead["id"]:
                over = {"ended_at": run["ended_at"] or now, "outcome": run["outcome"] or Outcome.CONTAINER_LOST}
                sql.change(db, tables.runs, run["id"], **over, phase=RunPhase.ENDED, disposed_at=now)
        merge = merges.unfinished_of_bead(db, bead["id"])
        if merge is not None:
            sql.change(db, tables.merges, merge["id"], status=MergeStatus.MERGED, merge_commit=commit, updated_at=now)
        over = {"status": BeadStatus.CLOSED, "closed_at": now, "updated_at": now, "held": False}
        sql.change(db, tables.beads, bead["id"], **over)
        sentence = f"“{bead['title']}” had landed as {commit[:12]}: closed"
        self._tell(self._result.adopted, "bead.adopted", bead["id"], sentence)

    def _park_branch(self, branch: str, tip: str) -> None:
        """Work of a bead that the backup does not know waits for a person, where it is."""
        title = f"Found by a restore: the branch {branch}"
        body = (
            f"It belongs to a bead that was made after the backup. Its work ends at {tip} and stays there.\n"
            f"Look: git -C REPO log {branch}\nwith REPO = the rig's clone, rigs/{self._rig['name']}/repo.git of the "
            "home. To go on, sling a bead that names the branch; to be done with it, delete the branch there. Then "
            "close this."
        )
        bead_id = self._tx.new_id()
        details = {"branch": branch, "tip": tip}
        task = Task(title, body)
        add_bead(
            self._tx, self._rig, bead_id, task, Settings(), bead_type=BeadType.ESCALATION, metadata=details,
            labels=["restore"],
        )  # fmt: skip
        self._result.parked.append(f"{self._rig['name']}: the branch {branch}, see `boomtown inbox`")

    def _tell(self, told: list[str], kind: str, bead_id: str, sentence: str) -> None:
        self._tx.emit(kind, rig=self._rig, bead_id=bead_id, why=sentence)
        told.append(f"{self._rig['name']}: {sentence}")
