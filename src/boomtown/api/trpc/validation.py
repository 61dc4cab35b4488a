"""Pydantic's complaints as sentences that name the field, the value and what would do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from boomtown.api.trpc.errors import TrpcError

_SHOWN = 80
"""Characters of an offending value that a message repeats."""

_SENTENCES = {
    "missing": "{name} is missing.",
    "enum": "{name} is {value}; use one of {expected}.",
    "literal_error": "{name} is {value}; use {expected}.",
    "string_too_short": "{name} is {value}; at least {min_length} characters are needed.",
    "string_too_long": "{name} is {length} characters long; at most {max_length} fit.",
    "string_unicode": "{name} is not valid Unicode text.",
    "too_short": "{name} has {actual_length} entries; at least {min_length} are needed.",
    "too_long": "{name} has {actual_length} entries; at most {max_length} fit.",
    "greater_than_equal": "{name} is {value}; it must be at least {ge}.",
    "greater_than": "{name} is {value}; it must be more than {gt}.",
    "less_than_equal": "{name} is {value}; it must be at most {le}.",
    "less_than": "{name} is {value}; it must be less than {lt}.",
}
_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}
OWN = "own"
"""The type of a `PydanticCustomError` whose message is a sentence after the field's name."""


def invalid_input(error: ValidationError, fields: Collection[str]) -> TrpcError:
    """`BAD_REQUEST` with one sentence per issue, and the issues as `data.issues` ({path, message, code}).

    `fields`: all names that the input takes, at any depth, for the cure of a misspelt one.
    """
    issues = [_issue(detail, fields) for detail in error.errors(include_url=False)]
    return TrpcError("BAD_REQUEST", " ".join(issue["message"] for issue in issues), data={"issues": issues})


def _issue(detail: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    # Pydantic puts the tag of a union's chosen arm into the path; ours begin with a bar
    path = [part for part in detail["loc"] if not (isinstance(part, str) and part.startswith("|"))]
    return {"path": path, "message": _sentence(detail, _name(path), fields), "code": detail["type"]}


def _name(path: list[str | int]) -> str:
    """`tasks[2].dependsOn[0]`, as a person would write it."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return f"`{name}`" if name else "The input"


def _sentence(detail: Mapping[str, Any], name: str, fields: Collection[str]) -> str:
    kind, given, message = detail["type"], detail["input"], detail["msg"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), fields, n=1)
        return f"{name} is not known here. " + (f"Did you mean `{near[0]}`?" if near else "Leave it out.")
    if kind in _SENTENCES:
        bounds = {key: str(bound).replace("'", "") for key, bound in detail.get("ctx", {}).items()}
        length = len(given) if isinstance(given, str) else 0
        return _SENTENCES[kind].format(name=name, value=show(given), length=length, **bounds)
    if kind in _TYPES:
        return f"{name} is {show(given)}; it must be {_TYPES[kind]}."
    return f"{name} {message}" if kind == OWN else f"{name} is {show(given)}: {message}."


def show(value: Any) -> str:
    """A value as JSON, short enough for a message."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
