"""Copies of a database in use: whole, sound, made when something changed, kept by age."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from boomtown.domain.errors import NotFoundError, UnavailableError
from boomtown.store import backups

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """In WAL mode, with a row that is not in the file itself yet, and a writer at work on another."""
    path = tmp_path / "town.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE rows (text)")
        writer.execute("INSERT INTO rows VALUES ('stored')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO rows VALUES ('not stored')")
        yield path


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as reader:
        return [text for (text,) in reader.execute("SELECT text FROM rows")]


def test_a_backup_has_all_that_is_stored_and_nothing_else(database: Path, tmp_path: Path) -> None:
    made = backups.take(database, tmp_path / "backups", NOW, "manual")
    assert rows(made.path) == ["stored"]
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert backups.listing(tmp_path / "backups") == [made]
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [made.name]


def test_what_is_no_database_is_not_copied_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "town.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(UnavailableError, match="can't be copied"):
        backups.take(tmp_path / "town.db", tmp_path / "backups", NOW, "auto")
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_truncated_backup_is_found_out(database: Path, tmp_path: Path) -> None:
    made = backups.take(database, tmp_path / "backups", NOW, "auto")
    made.path.write_bytes(made.path.read_bytes()[:5000])
    with pytest.raises(UnavailableError, match="is damaged"):
        backups.check(made.path)


def test_one_is_due_only_after_a_change(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    assert backups.is_due(database, folder)
    changed = max(path.stat().st_mtime for path in tmp_path.glob("town.db*"))
    backups.take(database, folder, changed + 10, "auto")
    assert not backups.is_due(database, folder)


def test_old_ones_are_thinned_out_and_the_newest_always_stays(tmp_path: Path) -> None:
    ages = [*(minutes * 60.0 for minutes in range(0, 60 * 24 * 3, 15)), *(days * DAY for days in range(4, 60))]
    for age in ages:
        at = NOW - age
        stamp = backups.datetime.fromtimestamp(at, backups.UTC).strftime("%Y%m%dT%H%M%SZ")
        (tmp_path / f"town-{stamp}-auto.db").touch()
    backups.prune(tmp_path, NOW)
    kept = [NOW - backup.at for backup in backups.listing(tmp_path)]
    assert sum(age <= 2 * HOUR for age in kept) == 9
    assert 45 <= sum(2 * HOUR < age <= 2 * DAY for age in kept) <= 47
    assert 26 <= sum(age > 2 * DAY for age in kept) <= 30
    assert max(kept) <= 30 * DAY
    assert backups.prune(tmp_path, NOW) == []
    backups.prune(tmp_path, NOW + 1000 * DAY)
    assert len(backups.listing(tmp_path)) == 1


def test_one_is_picked_by_its_name_or_the_newest_that_no_restore_put_there(tmp_path: Path) -> None:
    for name in ("town-20260101T000000Z-auto.db", "town-20260102T000000Z-replaced.db", "notes.db"):
        (tmp_path / name).touch()
    assert backups.pick(tmp_path, None).name == "town-20260101T000000Z-auto.db"
    assert backups.pick(tmp_path, "20260102").why == "replaced"
    with pytest.raises(NotFoundError, match="no backup “x”"):
        backups.pick(tmp_path, "x")
