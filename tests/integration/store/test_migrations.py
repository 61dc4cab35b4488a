"""The database that migrations make is the one that the code speaks of, and it holds the rules by itself."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from boomtown.domain.errors import ConflictError, UnavailableError
from boomtown.home.clock import LoopScheduler
from boomtown.store import sql, tables
from boomtown.store.database import Database
from boomtown.store.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.open(tmp_path / "town.db", LoopScheduler())
    migrate(made)
    yield made
    made.close()


def indexes(connection: Connection) -> dict[str, str]:
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return {name: " ".join(text.split()) for name, text in found}


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        migrated = indexes(connection)
    wanted = create_engine("sqlite://")
    tables.metadata.create_all(wanted)
    with wanted.connect() as connection:
        assert migrated == indexes(connection), "partial indexes, which are not compared otherwise"


def test_two_servers_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        database = Database.open(tmp_path / "town.db", LoopScheduler())
        try:
            migrate(database, tmp_path / "migrate.lock")
            database.check()
        except BaseException as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    database.write_now(lambda db: db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="newer Boomtown"):
        migrate(database)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "town.db").write_bytes(b"not a database, " * 1000)
    database = Database.open(tmp_path / "town.db", LoopScheduler())
    with pytest.raises(UnavailableError, match="boomtown restore"):
        database.check()
    database.close()


def live_run(**changes: object) -> dict[str, object]:
    """A run's row that lives."""
    return {
        "id": "run 1", "rig_id": "rig", "number": 1, "bead_id": "bead 1", "polecat_id": "polecat 1", "phase": "running",
        "branch": "polecat/toast/1", "worktree": "/toast", "agent_kind": "any", "claimed_at": 0.0, "deadline_at": 1.0,
        "port_base": 20_000, **changes,
    }  # fmt: skip


OTHER = {
    "id": "run 2", "number": 2, "bead_id": "bead 2", "polecat_id": "polecat 2", "branch": "polecat/maple/2",
    "worktree": "/maple", "port_base": 20_010,
}  # fmt: skip


@pytest.mark.parametrize("same", ["number", "bead_id", "polecat_id", "branch", "worktree", "port_base"])
def test_never_two_live_runs_of_one_thing(database: Database, same: str) -> None:
    def store(db: Connection) -> None:
        db.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        sql.add(db, tables.runs, **live_run())
        sql.add(db, tables.runs, **live_run(**{key: value for key, value in OTHER.items() if key != same}))

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        database.write_now(store)
