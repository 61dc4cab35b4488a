"""Providers that refuse: a limit with and without a time, a wrong key, an expired token. No attempt is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.programs import AgentTown, work

New = Callable[..., AgentTown]


def waiting(why: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["queue_reason"] == why


def resumed(town: AgentTown, bead: str) -> list[bool]:
    return [frame["data"]["resumed"] for frame in town.frames(bead) if frame["kind"] == "session"]


def outcomes(found: dict[str, Any]) -> list[str]:
    return [attempt["outcome"] for attempt in found["attempt_log"]]


@pytest.mark.parametrize("name", ["codex", "kilo", "opencode"])
def test_a_limit_with_a_time_is_waited_for_and_the_session_goes_on(agent_town: New, name: str) -> None:
    town = agent_town(name)
    script = f"STEP write begun.txt begun\nSTEP limit 3600 1\n{work()}"
    bead = town.give(name, script)
    found = town.until(bead, "waiting", waiting("quota"))
    assert found["not_before"] is not None
    assert f"{name} has reached a limit of its provider until" in found["queue_detail"]
    other = town.until(town.give(name, work("b")), "waiting too", waiting("quota"))
    assert other["attempt_log"] == [], "nothing of this agent starts"
    assert [agent["why"] for agent in town.ask("status")["refused_agents"]] == ["quota"]
    assert town.ask("inbox") == []
    town.ok("agent", "check", name)  # it is answered again: what waits goes on before its time
    found = town.landed(bead, other["id"])[0]
    assert (found["attempts"], outcomes(found)) == (0, ["quota", "handed_on"])
    assert resumed(town, bead) == [True]
    assert town.ask("status")["refused_agents"] == []
