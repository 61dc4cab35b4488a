"""Statements that are compiled once read and write as SQLAlchemy does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, select

from boomtown.home.clock import LoopScheduler
from boomtown.store import prepared, sql, tables
from boomtown.store.database import Database
from boomtown.store.migrate import migrate
from boomtown.store.prepared import Prepared

TOWN = {"id": "town", "name": "another", "created_at": 1.5}
RIG = {
    "id": "rig", "town_id": "town", "name": "Demo", "name_key": "demo", "git_url": "/demo", "default_branch": "main",
    "max_polecats": 5, "agent": None, "merge": "review", "landing": "squash", "gates": ["make test"],
    "settings": {"names": ["Ä"], "none": None}, "created_at": 2.5,
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.open(tmp_path / "town.db", LoopScheduler())
    migrate(made)
    yield made
    made.close()


def test_a_row_comes_back_as_it_was_given_with_its_defaults(database: Database) -> None:
    def store(db: Connection) -> None:
        sql.add(db, tables.towns, **TOWN)
        sql.add(db, tables.rigs, **RIG)
        sql.change(db, tables.rigs, "rig", paused=True, settings={})

    database.write_now(store)
    unset = {"pause_why": None, "pause_why_at": None}
    expected = {**RIG, "paused": True, "last_run_number": 0, "settings": {}, **unset}
    assert database.read_now(lambda db: sql.by_id(db, tables.rigs, "rig")) == expected
    plain = database.read_now(lambda db: sql.first(db, select(tables.rigs))) or {}
    assert plain == expected
    assert list(plain) == list(tables.rigs.c.keys())


def test_what_fails_leaves_nothing(database: Database) -> None:
    def store(db: Connection) -> None:
        sql.add(db, tables.towns, **TOWN)
        raise RuntimeError("after it was added")

    with pytest.raises(RuntimeError):
        database.write_now(store)
    assert database.read_now(lambda db: sql.by_id(db, tables.towns, "town")) is None


def test_a_list_of_any_length_can_not_be_prepared(database: Database) -> None:
    query = Prepared(select(tables.towns).where(tables.towns.c.id.in_(bindparam("ids", expanding=True))))
    with pytest.raises(ValueError, match="list of any length"):
        database.read_now(lambda db: query.run(db, {"ids": ["town"]}))


def test_a_statement_is_compiled_at_its_first_use_only(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    query = Prepared(select(tables.towns))
    database.read_now(lambda db: query.run(db, {}))
    monkeypatch.setattr(prepared, "_plan", None)
    assert database.read_now(lambda db: query.run(db, {}))[1] == []


def test_what_is_no_text_is_stored_as_far_as_it_is(database: Database) -> None:
    """Half a character in an agent's words, or a file's name in another encoding, must not keep a run from its end."""
    database.write_now(lambda db: sql.add(db, tables.towns, **{**TOWN, "name": "caf\udce9 \ud83d"}))
    stored = database.read_now(lambda db: sql.by_id(db, tables.towns, "town")) or {}
    assert stored["name"] == "caf? ?"
