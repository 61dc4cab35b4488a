"""The few shapes that all queries have. Rows are dicts, one key per column.

A statement costs more to build and to compile than to run, so what is asked often is `prepared`, with `bindparam`s for
what differs, which are given as `values`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, cast

from sqlalchemy import JSON, ColumnElement, Connection, Executable, Select, Table, bindparam, func, select

from boomtown.store.prepared import Prepared, Statement, adding, changing

Row = dict[str, Any]
Query = Select[*tuple[Any, ...]]
P = ParamSpec("P")

once = functools.cache
"""For a function that builds a part of statements: it is built at the first call, and again for other arguments."""


def prepared(build: Callable[P, Statement]) -> Callable[P, Prepared]:
    """For a function that builds a statement: it is built and compiled at the first call with the same arguments."""

    @functools.cache
    @functools.wraps(build)
    def once(*args: Any, **kwargs: Any) -> Prepared:
        return Prepared(build(*args, **kwargs))

    return cast("Callable[P, Prepared]", once)


def first(connection: Connection, query: Query | Prepared, **values: Any) -> Row | None:
    """The first row, or None."""
    if isinstance(query, Prepared):
        columns, found = query.run(connection, values)
        return dict(zip(columns, found[0], strict=True)) if found else None
    result = connection.execute(query, values)
    keys, row = result.keys(), result.first()
    return dict(zip(keys, row, strict=True)) if row is not None else None


def rows(connection: Connection, query: Query | Prepared, **values: Any) -> list[Row]:
    if isinstance(query, Prepared):
        columns, found = query.run(connection, values)
        return [dict(zip(columns, row, strict=True)) for row in found]
    result = connection.execute(query, values)
    keys = tuple(result.keys())
    return [dict(zip(keys, row, strict=True)) for row in result.all()]


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is in the list given as `name`: one value for the database, so that the statement can be prepared."""
    listed = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
    return column.in_(select(listed.c.value))


def by_id(connection: Connection, table: Table, row_id: str) -> Row | None:
    return first(connection, _by_id(table), row_id=row_id)


def add(connection: Connection, table: Table, **values: Any) -> None:
    adding(table, frozenset(values)).run(connection, values)


def change(connection: Connection, table: Table, row_id: str, **values: Any) -> None:
    """Set columns of one row, found by its id."""
    changing(table, frozenset(values)).run(connection, {"row_id": row_id, **values})


def scalar(connection: Connection, query: Executable | Prepared, **values: Any) -> Any:
    """The first column of the first row, or None."""
    if isinstance(query, Prepared):
        return next(iter(column(connection, query, **values)), None)
    return connection.execute(query, values).scalar()


def column(connection: Connection, query: Prepared, **values: Any) -> list[Any]:
    """The first column of all rows."""
    return [row[0] for row in query.run(connection, values)[1]]


@prepared
def _by_id(table: Table) -> Query:
    return select(table).where(table.c.id == bindparam("row_id"))
