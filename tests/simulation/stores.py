"""The store of a simulated town: the real one, in memory, on a disk that may fail."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from boomtown.home.paths import Home
from boomtown.store import rigs, tables
from boomtown.store.database import Database
from tests.simulation.faults import Faults
from tests.simulation.seams import EPOCH, SimScheduler, VirtualLoop

T = TypeVar("T")


class InjectedError(OperationalError):
    """A database that fails because the plan says so."""

    def __init__(self, words: str) -> None:
        super().__init__("", {}, sqlite3.OperationalError(words))


class SimDatabase(Database):
    """The real one; its disk may be full at the end of a transaction."""

    faults: Faults

    def write_now(self, work: Callable[[Connection], T]) -> T:
        def and_fail(db: Connection) -> T:
            result = work(db)
            if self.faults.take("store.full"):
                raise InjectedError("database or disk is full")
            return result

        return super().write_now(and_fail)

    def close(self) -> None:
        """It outlives the server."""


@functools.cache
def _template() -> tuple[Database, sqlite3.Connection, sqlite3.Connection, Home]:
    """One database in memory for all seeds of a process, and a copy of how it is when it is new."""
    home = Home(Path(tempfile.mkdtemp(prefix="boomtown-simulation-")))
    database = Database.open(None, SimScheduler(VirtualLoop(), _raise, Random(0), lambda work: work()))
    tables.metadata.create_all(database.engine)
    database.write_now(lambda db: rigs.ensure_home(db, "home", "town", EPOCH))
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    new = sqlite3.connect(":memory:")
    raw.backup(new)
    return database, raw, new, home


def _raise(_name: str, error: BaseException) -> None:
    raise error


def new_store() -> tuple[Database, sqlite3.Connection, Home]:
    """The database, its one connection, and the home, as they are before the first start."""
    database, raw, new, home = _template()
    new.backup(raw)  # `deserialize` leaves SQLite's own `json_each` with what it has freed
    return database, raw, home
