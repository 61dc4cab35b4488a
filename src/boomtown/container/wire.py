"""JSON lines over a Unix socket, and errors as data."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from boomtown.domain import errors
from boomtown.domain.errors import BoomtownError, UnavailableError

LIMIT = 1 << 28
"""The longest line that is read: a diff can be long."""

_KINDS = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BoomtownError)
}


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line. Bytes of file names that are no text travel as surrogates."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


async def receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message; None at the end of the connection, also one that breaks off."""
    try:
        line = await reader.readline()
    except (ConnectionError, ValueError):
        return None
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    return message if isinstance(message, dict) else None


def error_to_wire(error: BoomtownError) -> dict[str, Any]:
    kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS)
    return {"kind": kind, "code": error.code, "message": error.message, "data": error.data}


def error_from_wire(data: dict[str, Any]) -> BoomtownError:
    """The error as it was raised in the container; an unknown kind becomes `UnavailableError`."""
    error = _KINDS.get(data.get("kind", ""), UnavailableError)(data["message"], code=data.get("code"))
    error.data = dict(data.get("data") or {})
    if isinstance(error, errors.BadInputError):
        error.field = error.data.get("field")
    return error
