"""Kill -9 of an agent, its container, its server: nothing is left behind, and the same session goes on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from boomtown.container.agents.session import STOP_S
from boomtown.container.runs import LEAVES_S
from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, work
from tests.agents.wires import INPUT_TOKENS
from tests.e2e.towns import eventually

New = Callable[..., AgentTown]


def asleep(town: AgentTown) -> None:
    eventually(lambda: town.sleepers(), "a tool sleeps", 120)


def awake(town: AgentTown) -> None:
    """Nothing of the old run is left."""
    eventually(lambda: not town.sleepers(), "no tool sleeps any more")


def test_kilo_goes_on_in_its_session_whatever_is_killed(agent_town: New, models: ModelServer) -> None:
    town = agent_town("kilo")
    bead = town.give("kilo", f"STEP write begun.txt begun\nSTEP shell sleep 301\nSTEP shell sleep 302\n{work()}")
    asleep(town)
    pid = town.ask("polecats")[0]["pid"]

    os.kill(town.server_pid, signal.SIGKILL)
    town.up()
    assert town.ask("polecats")[0]["pid"] == pid, "the same process works on"

    os.kill(pid, signal.SIGKILL)
    awake(town)
    asleep(town)
    [second] = {frame["data"]["resumed"] for frame in town.frames(bead) if frame["kind"] == "session"}
    assert second, "the second run goes on in the session of the first"

    os.kill(town.container_pid, signal.SIGKILL)
    [found] = town.landed(bead)
    outcomes = [attempt["outcome"] for attempt in found["attempt_log"]]
    assert outcomes == ["crashed", "container_lost", "handed_on"]
    last = models.asked(f"polecat/toast/{bead[:6]}")[-1]
    assert sum(turn.who == "model" for turn in last.turns) >= 5, "all of its history is there"
    assert sum("begun.txt" in turn.text for turn in last.turns if turn.who == "user") >= 1
    answers = len(models.asked(f"polecat/toast/{bead[:6]}")) - 2  # Kilo notes those of a step when its tools are done
    assert found["usage"]["input_tokens"] == answers * INPUT_TOKENS, "each once, whoever was killed"


@pytest.mark.parametrize("name", ["kilo", "codex"])
def test_a_stop_leaves_no_tool_running(agent_town: New, name: str) -> None:
    town = agent_town(name)
    bead = town.give(name, "STEP shell sleep 303")
    asleep(town)
    town.ok("stop", "Toast")
    awake(town)
    held = town.until(bead, "held", lambda found: found["queue_reason"] == "held")
    assert [attempt["outcome"] for attempt in held["attempt_log"]] == ["stopped"]
    assert town.sleepers() == []


def test_an_agent_that_hears_nothing_is_gone_with_its_tool_long_before_the_grace(agent_town: New) -> None:
    deaf = {"kind": "acp", "command": [sys.executable, str(Path(__file__).parent / "deaf.py")]}
    town = agent_town(agents={"deaf": deaf}, stop_grace=600.0)
    bead = town.give("deaf", "Sleep")
    asleep(town)
    town.ok("stop", "Toast")
    awake(town)
    held = town.until(bead, "held", lambda found: found["queue_reason"] == "held")
    assert [attempt["outcome"] for attempt in held["attempt_log"]] == ["stopped"]

    town.ok("bead", "start", bead)
    asleep(town)
    town.ok("bead", "cancel", bead)
    awake(town)
    assert STOP_S + 2 * LEAVES_S < 5, "seconds to cancel, to end at the end of its input, to end at a signal"


def test_an_agent_that_can_not_load_its_session_is_told_what_was_done(agent_town: New, models: ModelServer) -> None:
    town = agent_town("gemini")
    bead = town.give("gemini", "STEP write one.txt one\nSTEP commit The first half\nSTEP shell sleep 304")
    asleep(town)
    town.ok("stop", "Toast")
    town.until(bead, "held", lambda found: found["queue_reason"] == "held")
    town.ok("bead", "edit", bead, "--body", work())
    town.ok("bead", "start", bead)
    town.landed(bead)
    [asked, *_] = models.asked("it can't be opened again")
    assert asked.says("The first half")
