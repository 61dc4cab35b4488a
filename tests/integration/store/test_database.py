"""A database that can't be used for a while: said with the cure, nothing done, and no fault of whoever asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from boomtown.domain.errors import UnavailableError
from boomtown.store import database as module
from boomtown.store.database import Database


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    scheduler: Any = None
    database = Database.open(tmp_path / "town.db", scheduler)
    database.write_now(lambda db: db.exec_driver_sql("CREATE TABLE rows (text)"))
    yield database
    database.close()


def put(db: Connection) -> None:
    db.exec_driver_sql("INSERT INTO rows VALUES (?)", ("x" * 10_000,))


def count(store: Database) -> int:
    return store.read_now(lambda db: db.exec_driver_sql("SELECT count(*) FROM rows").scalar_one())


def test_a_lock_of_somebody_else(store: Database, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "town.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match=r"town\.db can't be used: somebody else has kept it locked"):
            store.write_now(put)
        with pytest.raises(UnavailableError, match="locked"):
            store.check()
    store.write_now(put)
    assert count(store) == 1


@pytest.mark.parametrize(("pragma", "words"), [("max_page_count=2", "the disk is full"), ("query_only=1", "read-only")])
def test_a_full_disk_and_a_read_only_file(store: Database, pragma: str, words: str) -> None:
    def hindered(db: Connection) -> None:
        db.exec_driver_sql(f"PRAGMA {pragma}")
        put(db)

    with pytest.raises(UnavailableError, match=f"{words}.*can't|{words}.*[.]"):
        store.write_now(hindered)
    assert count(store) == 0


def test_a_damaged_file_names_the_cure(store: Database, tmp_path: Path) -> None:
    store.close()
    for path in tmp_path.iterdir():
        path.write_bytes(b"not a database" * 1000)
    with pytest.raises(UnavailableError, match="boomtown restore"):
        store.check()


def test_a_mistake_of_ours_stays_one(store: Database) -> None:
    with pytest.raises(Exception, match="no such table") as raised:
        store.write_now(lambda db: db.exec_driver_sql("SELECT * FROM nowhere"))
    assert not isinstance(raised.value, UnavailableError)
