"""TCP ports for agents' servers and tests: ten for each run."""

from __future__ import annotations

from collections.abc import Collection

FIRST, PER_RUN = 20_000, 10


def lowest_free(taken: Collection[int]) -> int:
    """The first of ten ports that no run of `taken` (their first ports) has.

    A thousand runs stay below the range that Linux hands out by itself, 32,768 and up.
    """
    base = FIRST
    while base in taken:
        base += PER_RUN
    return base
