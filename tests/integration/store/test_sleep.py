"""A machine that was suspended: what is due moves by as much, once, whoever asks how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from boomtown.home.clock import new_id
from boomtown.rig import sleep
from boomtown.rig.transaction import Tx
from boomtown.store import rigs, tables
from boomtown.store.database import Database

NOW, HOUR = 1_800_000_000.0, 3600.0


@pytest.fixture
def store() -> Iterator[Database]:
    nobody: Any = None
    database = Database.open(None, nobody)
    tables.metadata.create_all(database.engine)
    with database.engine.connect() as raw:  # beads and runs without all that belongs to them
        raw.connection.execute("PRAGMA foreign_keys=OFF")
    database.write_now(lambda db: rigs.ensure_home(db, "home", "town", NOW))
    yield database
    database.close()


def put(db: Connection) -> None:
    """A bead whose back-off is over, one that waits, a run that lives and is asked to end, and one that has ended."""
    for table, rows in (
        (tables.beads, [{"id": "due", "not_before": NOW - 1}, {"id": "waits", "not_before": NOW + 30}]),
        (
            tables.runs,
            [
                {"id": "live", "deadline_at": NOW + 60, "stop_at": NOW, "ended_at": None},
                {"id": "over", "deadline_at": NOW + 60, "stop_at": NOW, "ended_at": NOW},
            ],
        ),
    ):
        for number, row in enumerate(rows):
            needed = {
                column.name: f"{column.name} {number}" if column.type.python_type is str else number
                for column in table.columns
                if not column.nullable and column.default is None and column.server_default is None
            }
            db.execute(table.insert().values(**needed | row))


def dues(db: Connection) -> list[float]:
    found = db.exec_driver_sql("SELECT not_before FROM beads UNION ALL SELECT deadline_at FROM runs").scalars()
    return [at - NOW for at in (*found, *db.exec_driver_sql("SELECT stop_at FROM runs").scalars())]


def look(store: Database, asleep_s: float, now: float) -> list[str]:
    """Look at how long the machine has slept since it was started; returns what was said."""

    def work(db: Connection) -> list[str]:
        tx = Tx(db, now, new_id, "system")
        sleep.put_off(tx, asleep_s)
        return tx.emitted

    return store.write_now(work)


def test_what_is_due_while_the_machine_sleeps_is_due_later(store: Database) -> None:
    store.write_now(put)
    as_it_was = [-1, 30, 60, 60, 0, 0]
    assert look(store, 0.0, NOW) == []
    assert look(store, 0.5, NOW) == []
    assert store.read_now(dues) == as_it_was
    assert look(store, HOUR, NOW + HOUR) == ["home.woke"]
    later = [-1, 30 + HOUR, 60 + HOUR, 60, HOUR, 0]
    assert store.read_now(dues) == later
    assert look(store, HOUR, NOW + HOUR) == []
    assert store.read_now(dues) == later


def test_a_machine_that_was_started_anew_has_not_slept(store: Database) -> None:
    store.write_now(put)
    look(store, HOUR, NOW + HOUR)
    before = store.read_now(dues)
    assert look(store, 0.0, NOW + 2 * HOUR) == []
    assert store.read_now(dues) == before
    assert look(store, 60.0, NOW + 2 * HOUR) == ["home.woke"]
