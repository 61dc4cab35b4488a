"""The few shapes that all queries have. Rows are dicts, one key per column.

A statement costs more to build than to run, so what is asked often is built once (`once`), with `bindparam`s for what
differs, which are given as `values`.
"""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Connection, Executable, Insert, Select, Table, Update, bindparam, insert, select, update

Row = dict[str, Any]
Query = Select[*tuple[Any, ...]]

once = functools.cache
"""For a function that builds a statement: it is built at the first call, and again for other arguments only."""


def first(connection: Connection, query: Query, **values: Any) -> Row | None:
    """The first row, or None."""
    result = connection.execute(query, values)
    keys, row = result.keys(), result.first()
    return dict(zip(keys, row, strict=True)) if row is not None else None


def rows(connection: Connection, query: Query, **values: Any) -> list[Row]:
    result = connection.execute(query, values)
    keys = tuple(result.keys())
    return [dict(zip(keys, row, strict=True)) for row in result]


def by_id(connection: Connection, table: Table, row_id: str) -> Row | None:
    return first(connection, _by_id(table), row_id=row_id)


def add(connection: Connection, table: Table, **values: Any) -> None:
    connection.execute(_add(table), values)


def change(connection: Connection, table: Table, row_id: str, **values: Any) -> None:
    """Set columns of one row, found by its id."""
    connection.execute(_change(table), {"row_id": row_id, **values})


def scalar(connection: Connection, query: Executable, **values: Any) -> Any:
    return connection.execute(query, values).scalar()


@once
def _by_id(table: Table) -> Query:
    return select(table).where(table.c.id == bindparam("row_id"))


@once
def _add(table: Table) -> Insert:
    return insert(table)


@once
def _change(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"))
