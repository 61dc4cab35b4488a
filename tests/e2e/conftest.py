"""Towns that are taken down after each test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from towns import Town

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, so that its towns say what they did."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def new_town(request: pytest.FixtureRequest) -> Iterator[Callable[..., Town]]:
    """Makes towns with given settings; each is closed in the end, and must leave nothing running."""
    made: list[Town] = []

    def make(**settings: Any) -> Town:
        made.append(Town(**settings))
        return made[-1]

    yield make
    for town in made:
        if request.node.stash.get(_FAILED, False):
            print(town.last_words())
        town.close()


@pytest.fixture
def town(new_town: Callable[..., Town]) -> Town:
    """A town that is up."""
    town = new_town()
    town.up()
    return town


@pytest.fixture(scope="session")
def quiet_town() -> Iterator[Town]:
    """A town that is up and has the rig `web`, for tests of what changes nothing; they share it."""
    town = Town()
    town.up()
    town.rig()
    yield town
    town.close()


@pytest.fixture
def quiet(quiet_town: Town) -> Iterator[Town]:
    """The shared town; proves that nothing was changed."""

    def state() -> Any:
        return quiet_town.ask("rig", "list"), quiet_town.beads(), quiet_town.server_pid, quiet_town.container_pid

    before = state()
    yield quiet_town
    assert state() == before
