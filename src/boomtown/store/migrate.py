"""Brings a database to this version's tables, once, under a lock."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, inspect

from boomtown.domain.errors import ConflictError
from boomtown.store.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database, lock: Path | None = None, before: Callable[[], object] = lambda: None) -> None:
    """Apply what is missing. `lock` is a file that two starting servers wait for.

    `before` is called before a database of an older version is changed; if it raises, nothing is.

    Raises `ConflictError` if the database was written by a newer Boomtown.
    """
    if lock is None:
        _upgrade(database, before)
        return
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _upgrade(database, before)


def _revisions() -> list[str]:
    """Every revision there is, oldest first; a script's file name begins with its own."""
    return sorted(path.name.split("_", 1)[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _upgrade(database: Database, before: Callable[[], object]) -> None:
    revisions = _revisions()
    with database.engine.connect() as connection, connection.begin():
        current = _current(connection)
        if current == revisions[-1]:
            return
        if current is not None and current not in revisions:
            raise ConflictError(
                f"This database was written by a newer Boomtown (revision {current}). "
                "Upgrade Boomtown, then start again."
            )
        if current is not None:
            before()
        # Imported only where there is something to do: it costs a second and 20 MB.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
