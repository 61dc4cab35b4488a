"""Attempts belong to the bead: how many, and how long between them."""

from __future__ import annotations

from collections.abc import Sequence

LIMIT = 5
DELAYS_S = (5.0, 30.0, 120.0, 300.0)
LOST_IN_A_ROW = 3
"""The third container loss in a row for one bead does cost an attempt."""
NO_WORK_IN_A_ROW = 2
"""The second attempt in a row without work holds the bead for a person."""


def delay_s(step: int, delays_s: Sequence[float] = DELAYS_S) -> float:
    """Seconds to wait after the failure number `step` (from 1) since the last progress."""
    return delays_s[min(max(step, 1), len(delays_s)) - 1]
