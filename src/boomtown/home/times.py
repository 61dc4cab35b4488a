"""Times as people and programs read them; the command line needs no more of a clock."""

from __future__ import annotations

import functools
from datetime import UTC, datetime


@functools.lru_cache(maxsize=16_384)
def iso(at: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 UTC with milliseconds; None stays None.

    The same times are read again and again, thousands at once.
    """
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight(at: float) -> float:
    """When the day of `at` began in this machine's time zone; both in seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
