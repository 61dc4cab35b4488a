"""Procedures: typed functions under dotted names, with the models of what goes in and what comes out."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from boomtown.api.trpc.errors import TrpcError
from boomtown.api.trpc.validation import invalid_input

C = TypeVar("C")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["query", "mutation", "subscription"]


class Input(BaseModel):
    """What a procedure takes: snake_case in Python, camelCase on the wire, nothing unknown, no silent conversion."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, defer_build=True, validate_by_name=False
    )

    def given(self) -> dict[str, Any]:
        """The fields that the caller sent, by their Python names."""
        return self.model_dump(exclude_unset=True)


@dataclass(frozen=True)
class Tracked(Generic[T]):
    """An event of a subscription with the id from which a client resumes after it."""

    id: str
    value: T


@dataclass(frozen=True)
class Burst:
    """Events of a subscription, already as bytes of the wire; `last_id` is the id of the last of them.

    For what many clients get: it is encoded once. `sse.event` makes the bytes of one.
    """

    data: bytes
    last_id: str


def tracked(event_id: str, value: T) -> Tracked[T]:
    """Give `value` the id `event_id`. Raises `ValueError` for an id that server-sent events can't carry."""
    if not event_id or any(mark in event_id for mark in "\0\r\n"):
        raise ValueError(f"{event_id!r} can't be an event id: it is empty or has a line break or NUL in it.")
    return Tracked(event_id, value)


@dataclass(frozen=True)
class Procedure(Generic[C]):
    """One procedure. `input` and `output` are types for Pydantic; `input` None: it takes nothing.

    `guard(context, path)` raises what a caller is told who may not call it.
    """

    path: str
    kind: Kind
    function: Callable[..., Any]
    input: Any
    output: Any
    doc: str
    guard: Callable[[C, str], None]

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.input)

    @cached_property
    def fields(self) -> set[str]:
        """All names in the input, at any depth, as the wire has them."""
        return _properties(self._adapter.json_schema()) if self.input is not None else set()

    def parse(self, raw: Any) -> tuple[Any, ...]:
        """The arguments after the context. Raises `TrpcError` BAD_REQUEST naming every field that is wrong."""
        return self._parsed(raw, lambda: self._adapter.validate_python({} if raw is None else raw))

    def parse_texts(self, raw: dict[str, str]) -> tuple[Any, ...]:
        """As `parse`, of the fields of a URL's query, where numbers and booleans are texts."""
        return self._parsed(raw, lambda: self._adapter.validate_strings(raw, strict=False))

    def _parsed(self, raw: Any, parse: Callable[[], Any]) -> tuple[Any, ...]:
        if self.input is None:
            if raw not in (None, {}):
                raise TrpcError("BAD_REQUEST", f"{self.path} takes no input; leave it out.")
            return ()
        try:
            return (parse(),)
        except ValidationError as error:
            raise invalid_input(error, self.fields) from None

    def admit(self, context: C) -> None:
        """To be asked before anything else. Raises what the router's guard does."""
        self.guard(context, self.path)

    def call(self, context: C, arguments: tuple[Any, ...]) -> Awaitable[Any]:
        """Run a query or a mutation."""
        return self.function(context, *arguments)

    def subscribe(self, context: C, arguments: tuple[Any, ...]) -> AsyncIterator[Any]:
        """Open a subscription."""
        return self.function(context, *arguments)


class Router(Generic[C]):
    """The procedures below one dotted prefix. `C` is the context that each of them gets first.

    `admit(context, path)` is asked before each call; it raises what those are told who may not make it.
    """

    def __init__(self, prefix: str, admit: Callable[[C, str], None] = lambda _context, _path: None) -> None:
        self._prefix = prefix
        self._admit = admit
        self._procedures: dict[str, Procedure[C]] = {}

    def query(self, function: F) -> F:
        """Reads, over GET. `list_things` becomes `prefix.listThings`."""
        return self._add("query", function)

    def mutation(self, function: F) -> F:
        """Changes something, over POST."""
        return self._add("mutation", function)

    def subscription(self, function: F) -> F:
        """An async generator of events, over server-sent events."""
        return self._add("subscription", function)

    def get(self, path: str) -> Procedure[C] | None:
        return self._procedures.get(path)

    def __iter__(self) -> Iterator[Procedure[C]]:
        return iter(self._procedures.values())

    def _add(self, kind: Kind, function: F) -> F:
        path = f"{self._prefix}.{to_camel(function.__name__)}"
        if path in self._procedures:
            raise ValueError(f"There are two procedures {path}.")
        hints = typing.get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)
        taken = hints[names[1]] if len(names) > 1 else None
        doc = re.sub(r"\s+", " ", function.__doc__ or "").strip()
        self._procedures[path] = Procedure(path, kind, function, taken, hints["return"], doc, self._admit)
        return function


def _properties(schema: Any) -> set[str]:
    """All property names anywhere in a JSON schema."""
    if isinstance(schema, list):
        return {name for item in schema for name in _properties(item)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties", {})
    return set(own) | {name for item in schema.values() for name in _properties(item)}
