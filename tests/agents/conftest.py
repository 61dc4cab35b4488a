"""One model server for all; a town for each test, which must leave nothing running. Their tests are one group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this very hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Agent programs need a gigabyte each: all their tests are one group, which one worker runs."""
    for item in items:
        if "agent_town" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("agents"))
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def agent_town(models: ModelServer) -> Iterator[Callable[..., AgentTown]]:
    """`agent_town("kilo", codex={…changes}, timeout=…)`: a town that is up, with these agents and the rig `web`."""
    made: list[AgentTown] = []

    def make(*names: str, agents: dict[str, dict[str, Any]] | None = None, **more: Any) -> AgentTown:
        town = AgentTown(models, {name: {} for name in names} | (agents or {}), **more)
        made.append(town)
        town.up()
        town.rig()
        return town

    yield make
    for town in made:
        town.close()
