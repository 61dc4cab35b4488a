"""The database: one writer, readers on connections of their own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

from boomtown.domain.errors import UnavailableError
from boomtown.domain.seams import Scheduler

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000


class Database:
    """Runs work in transactions, off the event loop.

    `write(work)` runs `work(connection)` alone, in one `BEGIN IMMEDIATE` transaction on the writer's thread: all of it
    is stored (`synchronous=FULL`) when the call returns, or nothing of it. `read(work)` sees the last stored state.
    """

    def __init__(self, engine: Engine, scheduler: Scheduler) -> None:
        self.engine = engine
        self._scheduler = scheduler

    @classmethod
    def open(cls, path: Path | None, scheduler: Scheduler) -> Database:
        """The SQLite file at `path`, made where it is missing; None: in memory, for simulation."""
        if path is None:
            engine = create_engine(
                "sqlite://",
                poolclass=StaticPool,
                connect_args={"check_same_thread": False},
                json_deserializer=_from_json,
            )
        else:
            engine = create_engine(
                f"sqlite:///{path}",
                poolclass=QueuePool,
                pool_size=6,
                connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
                json_deserializer=_from_json,
            )
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin_immediate)
        return cls(engine, scheduler)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._scheduler.write(lambda: self.write_now(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._scheduler.read(lambda: self.read_now(work))

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write`, on the calling thread. For the writer's thread, and before there is one."""
        with _told(self.engine), self.engine.connect() as connection, connection.begin():
            return work(connection)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        with _told(self.engine), self.engine.connect() as raw:
            connection = raw.execution_options(boomtown_read=True)
            with connection.begin():
                return work(connection)

    def check(self) -> None:
        """Raise `UnavailableError` unless SQLite finds its file sound and may write to it."""
        try:
            answer = self.read_now(lambda c: c.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        except UnavailableError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"The database can't be read: {error}. Restore it with `boomtown restore`."
            ) from error
        if answer != "ok":
            raise UnavailableError(f"The database is damaged: {answer}. Restore it with `boomtown restore`.")
        self.write_now(_touch)

    def close(self) -> None:
        self.engine.dispose()


_TROUBLE = {
    sqlite3.SQLITE_BUSY: "somebody else has kept it locked. Look for a program that has it open",
    sqlite3.SQLITE_LOCKED: "somebody else has kept it locked. Look for a program that has it open",
    sqlite3.SQLITE_NOMEM: "there is too little memory. Free some",
    sqlite3.SQLITE_READONLY: "it is read-only. Make it and its folder writable for you",
    sqlite3.SQLITE_IOERR: "the disk failed. Free space, and look into the system's log",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Restore it with `boomtown restore`",
    sqlite3.SQLITE_FULL: "the disk is full. Free some space",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened. Make it and its folder readable and writable for you",
    sqlite3.SQLITE_PERM: "it may not be opened. Make it and its folder readable and writable for you",
    sqlite3.SQLITE_NOTADB: "it is no database. Restore it with `boomtown restore`",
}
"""What keeps SQLite from its file, and the cure. Everything else is a mistake of ours."""


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """Nothing was done, and it can be tried again: say so instead of failing as nobody expects."""
    try:
        yield
    except (sqlite3.DatabaseError, DatabaseError) as error:
        raw = error.orig if isinstance(error, DatabaseError) else error
        trouble = _TROUBLE.get((getattr(raw, "sqlite_errorcode", None) or 0) & 0xFF)
        if trouble is None:
            raise
        raise UnavailableError(f"The database {engine.url.database} can't be used: {trouble}. ({raw})") from error


def _touch(connection: Connection) -> None:
    """A write that changes nothing."""
    version = connection.exec_driver_sql("PRAGMA user_version").scalar()
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def _from_json(text: str) -> Any:
    """Nearly all that is stored as JSON is empty: a third of the time of reading a bead went into parsing that."""
    return [] if text == "[]" else {} if text == "{}" else None if text == "null" else json.loads(text)


def _configure(raw: Any, _record: Any) -> None:
    if not isinstance(raw, sqlite3.Connection):
        return
    raw.isolation_level = None  # transactions are begun by hand, so that a writer takes its lock at once
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        reading = connection.get_execution_options().get("boomtown_read")
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
        cursor.close()
