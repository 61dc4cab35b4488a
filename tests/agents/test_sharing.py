"""One process of an agent that serves many worktrees: each polecat has what it would have with one of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, work
from tests.agents.wires import INPUT_TOKENS
from tests.e2e.towns import eventually, git

New = Callable[..., AgentTown]


def pids(town: AgentTown) -> set[int]:
    return {polecat["pid"] for polecat in town.ask("polecats") if polecat["status"] == "working"}


def sleepers(town: AgentTown, word: str) -> list[psutil.Process]:
    """Tools that run `sleep WORD`."""
    found = []
    for process in town.processes():
        try:
            found += [process] if process.cmdline() == ["sleep", word] else []
        except psutil.Error:  # it ended between the two looks
            continue
    return found


def names(processes: list[psutil.Process]) -> set[str]:
    """Whose tools they are, as their environment says."""
    found = set()
    for process in processes:
        try:
            found.add(process.environ().get("BOOMTOWN_AGENT_NAME", "nobody"))
        except psutil.Error:
            continue
    return found


def resumed(town: AgentTown, bead: str) -> list[bool]:
    return [frame["data"]["resumed"] for frame in town.frames(bead) if frame["kind"] == "session"]


@pytest.mark.parametrize(("name", "count"), [("kilo", 8), ("opencode", 3)])
def test_one_process_serves_many_and_each_goes_on_whatever_ends_it(
    agent_town: New, models: ModelServer, name: str, count: int
) -> None:
    town = agent_town(
        agents={name: {"shared": True, "env": {f"{name.upper()}_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": "900000"}}}
    )
    town.ok("rig", "set", "web", f"max_polecats={count}")
    go = town.folder / "go"
    rests = "".join(f"STEP shell until [ -e {go} ]; do sleep {word}; done\n" for word in (301, 302, 303))
    script = f"STEP write begun.txt begun\n{rests}"
    beads = [town.give(name, script + work(str(number)), f"Note {number}") for number in range(count)]

    eventually(lambda: len(sleepers(town, "301")) == count, "all of them work", 300)
    [pid] = pids(town)
    working = {polecat["name"] for polecat in town.ask("polecats")}
    assert names(sleepers(town, "301")) == working, "each tool has the environment of its own polecat"
    streams = [str(town.frames(bead)) for bead in beads]
    for number, bead in enumerate(beads):
        others = [other[:6] for other in beads if other != bead]
        assert f"Note {number}" in streams[number]
        assert not any(f"/{other}" in streams[number] for other in others), "nothing of the others' sessions"
    assert len({polecat["run_id"] for polecat in town.ask("polecats")}) == count

    town.ok("stop", "Toast")
    held = town.until(beads[0], "held", lambda found: found["queue_reason"] == "held")
    assert [attempt["outcome"] for attempt in held["attempt_log"]] == ["stopped"]
    assert names(sleepers(town, "301")) == working - {"Toast"}, "its tools are gone, the others' are not"
    assert pids(town) == {pid}
    town.ok("bead", "start", beads[0])
    eventually(lambda: names(sleepers(town, "302")) == {"Toast"}, "it goes on", 120)
    assert pids(town) == {pid}, "in the same process"
    assert resumed(town, beads[0]) == [True]

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: names(sleepers(town, "302")) == working - {"Toast"}, "they go on", 300)
    eventually(lambda: names(sleepers(town, "303")) == {"Toast"}, "each where it was", 120)
    assert sleepers(town, "301") == []
    [second] = pids(town)
    assert second != pid
    assert [resumed(town, bead) for bead in beads] == [[True]] * count

    go.touch()
    for sleeper in (*sleepers(town, "302"), *sleepers(town, "303")):
        sleeper.kill()
    found = town.landed(*beads)
    outcomes = [[attempt["outcome"] for attempt in bead["attempt_log"]] for bead in found]
    assert outcomes == [["stopped", "crashed", "handed_on"], *[["crashed", "handed_on"]] * (count - 1)]
    landed = git(town.folder / "web.git", "log", "--format=%an %s", "main").splitlines()
    slings = {entry["title"]: entry for entry in found}
    assert {f"{who(slings[title])} {title}" for title in slings} <= set(landed), "each in its own name"
    files = set(git(town.folder / "web.git", "ls-tree", "-r", "--name-only", "main").split())
    assert {f"notes/{number}.txt" for number in range(count)} <= files
    for bead in found:
        last = models.asked(bead["branch"])[-1]
        assert sum("begun.txt" in turn.text for turn in last.turns) >= 1
        assert sum(turn.who == "model" for turn in last.turns) >= 5, "all of its history is there"
        assert bead["usage"]["input_tokens"] % INPUT_TOKENS == 0
        assert bead["usage"]["input_tokens"] <= len(models.asked(bead["branch"])) * INPUT_TOKENS, "only its own"
    a_limit_and_a_message_reach_one_session_only(town, models, name)


def a_limit_and_a_message_reach_one_session_only(town: AgentTown, models: ModelServer, name: str) -> None:
    go = town.folder / "go on"
    other = town.give(name, f"STEP shell until [ -e '{go}' ]; do sleep 304; done\n{work('later')}", "Wait")
    eventually(lambda: sleepers(town, "304"), "it works", 300)
    [polecat] = town.ask("polecats")
    limited = town.give(name, f"STEP limit 3600\n{work('limited')}", "Hit the limit")
    found = town.until(limited, "waiting", lambda bead: bead["queue_reason"] == "quota")
    assert found["attempts"] == 0
    assert sleepers(town, "304"), "the other works on"
    go.touch()
    town.ok("message", polecat["name"], f"Mind the gap of {name}", "--now")
    town.landed(other)
    told = models.asked(f"Mind the gap of {name}")
    assert told
    assert all(seen.says(polecat["branch"]) for seen in told)
    [session] = [frame["data"]["id"] for frame in town.frames(limited) if frame["kind"] == "session"]
    heard = str(town.frames(other))
    assert session not in heard
    assert "boomtown-retry" not in heard, "not its affair"


def who(bead: dict[str, Any]) -> str:
    """The author of a bead's commit, by its branch `polecat/NAME/…`."""
    return f"{bead['branch'].split('/')[1].capitalize()} (polecat)"
