"""The few shapes that all queries have. Rows are dicts, one key per column."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Executable, Select, Table, insert, select, update

Row = dict[str, Any]


def first(connection: Connection, query: Select[*tuple[Any, ...]]) -> Row | None:
    """The first row, or None."""
    row = connection.execute(query).mappings().first()
    return dict(row) if row is not None else None


def rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def by_id(connection: Connection, table: Table, row_id: str) -> Row | None:
    return first(connection, select(table).where(table.c.id == row_id))


def add(connection: Connection, table: Table, **values: Any) -> None:
    connection.execute(insert(table), values)


def change(connection: Connection, table: Table, row_id: str, **values: Any) -> None:
    """Set columns of one row, found by its id."""
    connection.execute(update(table).where(table.c.id == row_id), values)


def scalar(connection: Connection, query: Executable) -> Any:
    return connection.execute(query).scalar()
