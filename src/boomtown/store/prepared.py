"""Statements that SQLAlchemy compiles once: from then on they cost what the database takes for them and little more.

Compiled for a dialect, a statement is a text, an order of values, and a way to write and read the types that the
database does not have itself (JSON, booleans). That is kept, and run on the driver's cursor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Select, Table, Update, bindparam, insert, update

Statement = Select[*tuple[Any, ...]] | Insert | Update
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Plan:
    """A statement for one dialect. `writers` by value, `readers` by place; `positions` where values go by place."""

    text: str
    fixed: Mapping[str, Any]
    writers: Mapping[str, Convert]
    readers: tuple[tuple[int, Convert], ...]
    columns: tuple[str, ...]
    positions: tuple[str, ...] | None

    def arrange(self, values: dict[str, Any]) -> dict[str, Any] | list[Any]:
        return values if self.positions is None else [values[name] for name in self.positions]


def _as_text(value: Any) -> Any:
    """Half a character, or a byte of a file's name that is none, is no text: no database takes it."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class Prepared:
    """A statement in which all that differs is a `bindparam` by name; for a list of any length see `sql.among`."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._plans: dict[tuple[str, str], _Plan] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Any]]:
        """The names of the columns, and all rows, each a sequence. What the driver raises goes through as it is."""
        dialect = connection.dialect
        plan = self._plans.get((dialect.name, dialect.driver))
        if plan is None:
            plan = self._plans[dialect.name, dialect.driver] = _plan(self._statement, dialect)
        if not connection.in_transaction():
            connection.begin()  # as SQLAlchemy does before a statement of its own
        given = {**plan.fixed, **values}
        for name, write in plan.writers.items():
            given[name] = write(given[name])
        cursor = connection.connection.cursor()
        try:
            try:
                cursor.execute(plan.text, plan.arrange(given))
            except UnicodeEncodeError:
                cursor.execute(plan.text, plan.arrange({name: _as_text(value) for name, value in given.items()}))
            found: Any = cursor.fetchall() if plan.columns else []
        finally:
            cursor.close()
        if plan.readers and found:
            found = [_read(row, plan.readers) for row in found]
        return plan.columns, found


def _read(row: Sequence[Any], readers: tuple[tuple[int, Convert], ...]) -> list[Any]:
    values = list(row)
    for place, read in readers:
        values[place] = read(values[place])
    return values


def _plan(statement: Statement, dialect: Dialect) -> _Plan:
    compiled: Any = statement.compile(dialect=dialect)
    if "POSTCOMPILE" in compiled.string:
        raise ValueError(f"a list of any length can't be prepared: {compiled.string}")
    columns = statement.selected_columns if isinstance(statement, Select) else {}
    writers = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns.values()]
    return _Plan(
        text=compiled.string,
        fixed={name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        writers={name: write for name, write in writers.items() if write is not None},
        readers=tuple((place, read) for place, read in enumerate(readers) if read is not None),
        columns=tuple(columns.keys()),
        positions=tuple(compiled.positiontup) if compiled.positional else None,
    )


@functools.cache
def adding(table: Table, columns: frozenset[str]) -> Prepared:
    """Insert one row with these columns; others get their defaults."""
    values = {}
    for column in table.c:
        default: Any = column.default
        if column.name in columns:
            values[column.name] = bindparam(column.name, type_=column.type)
        elif default is not None:
            values[column.name] = bindparam(column.name, default.arg, column.type)
    if unknown := columns - values.keys():
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    return Prepared(insert(table).inline().values(values))


@functools.cache
def changing(table: Table, columns: frozenset[str]) -> Prepared:
    """Set these columns of the row whose id is `row_id`."""
    values = {name: bindparam(name, type_=table.c[name].type) for name in sorted(columns)}
    return Prepared(update(table).where(table.c.id == bindparam("row_id")).values(values))
