"""Towns that are taken down after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from towns import Town


@pytest.fixture
def new_town() -> Iterator[Callable[..., Town]]:
    """Makes towns with given settings; each is closed in the end, and must leave nothing running."""
    made: list[Town] = []

    def make(**settings: Any) -> Town:
        made.append(Town(**settings))
        return made[-1]

    yield make
    for town in made:
        town.close()


@pytest.fixture
def town(new_town: Callable[..., Town]) -> Town:
    """A town that is up."""
    town = new_town()
    town.up()
    return town
