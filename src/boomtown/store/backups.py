"""Copies of the database, taken while it is in use, kept by age. SQLite's own online backup makes them."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from boomtown.domain.errors import NotFoundError, UnavailableError
from boomtown.store.readonly import read_only

_NAME = re.compile(r"town-(\d{8}T\d{6}Z)-([a-z]+)\.db")
_FORM = "%Y%m%dT%H%M%SZ"
_HOUR, _DAY = 3600.0, 86_400.0
_KEPT = ((2 * _HOUR, 0.0), (2 * _DAY, _HOUR), (30 * _DAY, _DAY))
"""Up to which age one of every so many seconds is kept; 0: each."""
STEP_PAGES = 1000


@dataclass(frozen=True)
class Backup:
    """One copy. `at` is epoch seconds, in whole ones; `why`: auto, manual, migration or replaced."""

    path: Path
    at: float
    why: str

    @property
    def name(self) -> str:
        return self.path.name


def listing(folder: Path) -> list[Backup]:
    """Newest first."""
    found = []
    for path in folder.glob("town-*.db"):
        if match := _NAME.fullmatch(path.name):
            at = datetime.strptime(match[1], _FORM).replace(tzinfo=UTC).timestamp()
            found.append(Backup(path, at, match[2]))
    return sorted(found, key=lambda backup: (backup.at, backup.name), reverse=True)


def pick(folder: Path, name: str | None) -> Backup:
    """The backup called `name`, or the newest that was not itself put aside by a restore. Raises `NotFoundError`."""
    found = listing(folder)
    fitting = [b for b in found if b.name.startswith(name) or b.name.startswith(f"town-{name}")] if name else found
    if name is None:
        fitting = [backup for backup in found if backup.why != "replaced"]
    if not fitting:
        known = ", ".join(backup.name for backup in found[:5]) or "none"
        raise NotFoundError(f"There is no backup{f' “{name}”' if name else ''} in {folder}. Backups: {known}.")
    return fitting[0]


def take(database: Path, folder: Path, now: float, why: str) -> Backup:
    """Copy a database that may be in use; readers and the writer go on. Blocking.

    Raises `UnavailableError` if it can't be copied, or the copy is not sound; then there is none.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime(_FORM)
    backup = Backup(folder / f"town-{stamp}-{why}.db", float(int(now)), why)
    draft = folder / f".{backup.name}.new"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(read_only(database)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target, pages=STEP_PAGES)
            target.execute("PRAGMA journal_mode=DELETE")
        check(draft)
        _sync(draft)
        draft.replace(backup.path)
    except (sqlite3.Error, OSError) as error:
        draft.unlink(missing_ok=True)
        raise UnavailableError(f"{database} can't be copied to {folder}: {error}.") from error
    return backup


def check(path: Path) -> None:
    """Raise `UnavailableError` unless SQLite finds the file sound. Blocking."""
    try:
        with closing(read_only(path)) as database:
            said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise UnavailableError(f"{path} is damaged: {said}. Restore another: `boomtown restore --list` names them.")


def is_due(database: Path, folder: Path) -> bool:
    """Whether anything was stored since the newest backup."""
    newest = next(iter(listing(folder)), None)
    changed = max((_changed_at(path) for path in (database, Path(f"{database}-wal"))), default=0.0)
    return newest is None or changed > newest.at


def prune(folder: Path, now: float) -> list[Path]:
    """Remove what is too old or too close to a newer one, never the newest; returns what was removed."""
    found = listing(folder)
    doomed = [backup.path for backup in found if backup not in _kept(found, now)]
    for path in doomed:
        path.unlink(missing_ok=True)
    return doomed


def _kept(found: Iterable[Backup], now: float) -> set[Backup]:
    kept: set[Backup] = set()
    periods: set[tuple[float, int]] = set()
    for backup in found:  # newest first
        every = next((every for age, every in _KEPT if now - backup.at <= age), None)
        if every is None and kept:
            continue
        period = (every or 0.0, int(backup.at // every) if every else int(backup.at))
        if not every or period not in periods:
            kept.add(backup)
            periods.add(period)
    return kept


def run_numbers(path: Path) -> dict[str, int] | None:
    """The highest run number of each rig (by its id) in a database or backup; None if it can't be read. Blocking."""
    query = """SELECT id, max(last_run_number, coalesce((SELECT max(number) FROM runs WHERE rig_id = rigs.id), 0))
               FROM rigs"""
    try:
        with closing(read_only(path)) as database:
            return dict(database.execute(query).fetchall())
    except sqlite3.Error:
        return None


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
