"""The OpenAPI 3.1 document of the procedures as plain HTTP."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from boomtown import __version__
from boomtown.api.describe.schemas import REFS, Described, Schema, describe, resolved

_COMPONENTS = "#/components/schemas/"
_ABOUT = (
    "Everything that the command line and the dashboard use. Inputs are camelCase; objects are snake_case with every "
    "field present, null when empty; times are ISO 8601 UTC. The same procedures, and live subscriptions, are at /trpc "
    "for the official tRPC client."
)
_ERROR: Schema = {
    "type": "object",
    "required": ["success", "error", "code"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "string", "description": "What was wrong, with the value, and what to do."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "issues": {"type": "array", "items": {"type": "object"}, "description": "What is wrong with which field."},
    },
}


@cache
def document() -> str:
    """As JSON."""
    procedures, shared = describe()
    paths = {f"/api/{it.procedure.path}": _operation(it) for it in procedures if it.procedure.kind != "subscription"}
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Boomtown", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The home's `token`."}},
            "schemas": {**shared, "Error": _ERROR},
            "responses": {"Error": {"description": "It did not happen.", **_json({"$ref": f"{_COMPONENTS}Error"})}},
        },
    }
    return json.dumps(_moved(whole), indent=1)


def _operation(described: Described) -> Schema:
    procedure = described.procedure
    module = procedure.function.__module__.rpartition(".")[2]
    answer = {
        "type": "object",
        "required": ["success", "data"],
        "properties": {"success": {"const": True}, "data": described.output},
    }
    operation: Schema = {
        "operationId": described.name,
        "summary": procedure.doc,
        "tags": [module],
        "responses": {
            "200": {"description": "Done.", **_json(answer)},
            "default": {"$ref": "#/components/responses/Error"},
        },
    }
    if procedure.kind == "query":
        operation["parameters"] = parameters(described.input)
        return {"get": operation}
    if described.input is not None:
        operation["requestBody"] = {"required": True, **_json(described.input)}
    return {"post": operation}


def parameters(schema: Schema | None) -> list[Schema]:
    """What a query takes, each part as a parameter of the URL."""
    if schema is None:
        return []
    schema = resolved(schema)
    needed = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": _without_null(value)}
        for name, value in schema["properties"].items()
    ]


def _without_null(schema: Schema) -> Schema:
    """A query parameter that is not given is left out; it can't be null."""
    arms = [arm for arm in schema.get("anyOf", ()) if arm.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **arms[0]} if len(arms) == 1 else schema


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _moved(value: Any) -> Any:
    """With references to where OpenAPI keeps its schemas."""
    if isinstance(value, list):
        return [_moved(item) for item in value]
    if isinstance(value, dict):
        return {key: _moved(item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(REFS):
        return _COMPONENTS + value.removeprefix(REFS)
    return value
