"""TypeScript types for the official tRPC client: `python -m boomtown.api.describe.typescript > router.ts`."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

from boomtown.api.describe.schemas import REFS, Described, Schema, describe

HEAD = """\
// Generated from the server's registry of procedures by `make web-types`. Do not edit.
// Objects are snake_case, every field always there, null when empty; times are ISO 8601 UTC.
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";
import type { TrackedData } from "@trpc/server/unstable-core-do-not-import";

/** Whatever JSON can say. */
export type Anything = string | number | boolean | object | null;
"""
TAIL = """\
type Query<I, O> = TRPCQueryProcedure<{ input: I; output: O; meta: unknown }>;
type Mutation<I, O> = TRPCMutationProcedure<{ input: I; output: O; meta: unknown }>;
type Subscription<I, O> = TRPCSubscriptionProcedure<{
  input: I;
  output: AsyncIterable<TrackedData<O>, void, unknown>;
  meta: unknown;
}>;

export type AppRouter = TRPCBuiltRouter<
  { ctx: object; meta: object; errorShape: TRPCDefaultErrorShape; transformer: false },
  { gastown: Gastown }
>;
"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def router() -> str:
    """The whole file."""
    procedures, shared = describe()
    types = [named(name, schema) for name, schema in shared.items()]
    members = "\n".join(_member(described) for described in procedures)
    return "\n".join([HEAD, *types, f"export type Gastown = {{\n{members}\n}};\n", TAIL])


def type_of(schema: Schema) -> str:
    """A schema as a type expression."""
    if "$ref" in schema:
        return schema["$ref"].removeprefix(REFS)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for arms in ("anyOf", "oneOf"):
        if arms in schema:
            return " | ".join(dict.fromkeys(type_of(arm) for arm in schema[arms]))
    kind = schema.get("type")
    if kind == "array":
        item = type_of(schema.get("items", {}))
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object" and "properties" in schema:
        return "{ " + " ".join(f"{field};" for field in _fields(schema)) + " }"
    if kind == "object":
        values = schema.get("additionalProperties", True)
        return f"Record<string, {type_of(values) if isinstance(values, dict) else 'Anything'}>"
    return _PLAIN.get(str(kind), "Anything")


def named(name: str, schema: Schema) -> str:
    """A shared type's definition, with its comment."""
    comment = _comment(schema, "")
    if schema.get("type") != "object" or "properties" not in schema:
        return f"{comment}export type {name} = {type_of(schema)};\n"
    body = "".join(
        _comment(schema["properties"][_plain_name(field)], "  ") + f"  {field};\n" for field in _fields(schema)
    )
    return f"{comment}export interface {name} {{\n{body}}}\n"


def _fields(schema: Schema) -> list[str]:
    needed = set(schema.get("required", ()))
    return [f"{key}{'' if key in needed else '?'}: {type_of(value)}" for key, value in schema["properties"].items()]


def _plain_name(field: str) -> str:
    return field.partition(":")[0].rstrip("?")


def _member(described: Described) -> str:
    kind = described.procedure.kind.capitalize()
    given = "void" if described.input is None else type_of(described.input)
    if described.input is not None and not _needed(described.input):
        given += " | void"
    doc = _comment({"description": described.procedure.doc}, "  ")
    return f"{doc}  {described.name}: {kind}<{given}, {type_of(described.output)}>;"


def _needed(schema: Schema) -> bool:
    """Whether an input has a field that must be given."""
    if "$ref" in schema:
        schema = describe()[1][schema["$ref"].removeprefix(REFS)]
    return bool(schema.get("required")) or "oneOf" in schema


def _comment(schema: Any, indent: str) -> str:
    text = " ".join(str(schema.get("description", "")).split()).replace("*/", "* /")
    if not text:
        return ""
    lines = textwrap.wrap(text, 110 - len(indent))
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return "".join([f"{indent}/**\n", *(f"{indent} * {line}\n" for line in lines), f"{indent} */\n"])


if __name__ == "__main__":
    sys.stdout.write(router())
