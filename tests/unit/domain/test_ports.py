"""Each run has ten ports of its own."""

from __future__ import annotations

from boomtown.domain.ports import FIRST, PER_RUN, lowest_free


def test_the_lowest_ten_that_nobody_has() -> None:
    assert lowest_free(()) == FIRST
    assert lowest_free({FIRST, FIRST + 2 * PER_RUN}) == FIRST + PER_RUN
    assert lowest_free({FIRST + PER_RUN * number for number in range(1000)}) < 32_768
