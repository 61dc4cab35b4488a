"""JSON as it goes over the wire."""

from __future__ import annotations

import json
from typing import Any

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def to_json(value: Any) -> str:
    """Compact, on one line, safe for any text: what is not ASCII is escaped, lone surrogates too."""
    return _ENCODER.encode(value)
