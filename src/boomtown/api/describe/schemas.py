"""The JSON schemas of all inputs and outputs, with one name for each shared type."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from boomtown.api.procedures import gastown
from boomtown.api.trpc import Procedure, Tracked

Schema = dict[str, Any]
REFS = "#/$defs/"


@dataclass(frozen=True)
class Described:
    """A procedure with the schemas of its input (None: it takes nothing) and output (of one item, for a subscription).

    References in them begin with `#/$defs/`.
    """

    procedure: Procedure[Any]
    input: Schema | None
    output: Schema

    @property
    def name(self) -> str:
        return self.procedure.path.rpartition(".")[2]


@cache
def describe() -> tuple[list[Described], dict[str, Schema]]:
    """Every procedure in its order, and the types that their schemas refer to, by name."""
    wanted = [(procedure, _item(procedure.output)) for procedure in gastown]
    adapters = [(f"{p.path} in", "validation", TypeAdapter(p.input)) for p, _ in wanted if p.input is not None]
    adapters += [(f"{p.path} out", "validation", TypeAdapter(output)) for p, output in wanted]
    found, whole = TypeAdapter.json_schemas(adapters)  # type: ignore[arg-type]
    schemas = {str(key[0]): _tidy(schema) for key, schema in found.items()}
    listed = [Described(p, schemas.get(f"{p.path} in"), schemas[f"{p.path} out"]) for p, _ in wanted]
    return listed, {name: _tidy(schema) for name, schema in sorted(whole.get("$defs", {}).items())}


def resolved(schema: Schema) -> Schema:
    """What the schema refers to, if it is no more than a reference."""
    return describe()[1][schema["$ref"].removeprefix(REFS)] if "$ref" in schema else schema


def _item(output: Any) -> Any:
    """What a caller gets: for a subscription one event, without its id."""
    if typing.get_origin(output) is None or not typing.get_args(output):
        return output
    (inner, *_) = typing.get_args(output)
    return typing.get_args(inner)[0] if typing.get_origin(inner) is Tracked else output


def _tidy(schema: Any) -> Any:
    """Without the titles that only repeat names, and without defaults that mean "not given"."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"title"} | ({"default"} if schema.get("default", 0) is None else set())
    return {
        key: {name: _tidy(item) for name, item in value.items()} if key == "properties" else _tidy(value)
        for key, value in schema.items()
        if key == "properties" or key not in dropped
    }
