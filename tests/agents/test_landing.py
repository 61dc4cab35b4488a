"""Real agent programs, from a bead to the default branch, with the town's tools in their hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from boomtown.home.presets import PRESETS
from tests.agents.model_server import MODEL, ModelServer
from tests.agents.programs import AgentTown, work
from tests.agents.wires import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS
from tests.e2e.towns import git

New = Callable[..., AgentTown]


def test_kilo_lands_a_bead_and_its_tokens_and_cost_are_counted(agent_town: New) -> None:
    town = agent_town("kilo")
    bead = town.give("kilo", work())
    [found] = town.landed(bead)
    [attempt] = found["attempt_log"]
    assert (attempt["outcome"], attempt["exit_status"]) == ("handed_on", 0)
    assert found["usage"] == {
        "input_tokens": 4 * INPUT_TOKENS,
        "cached_tokens": 4 * CACHED_TOKENS,
        "output_tokens": 4 * OUTPUT_TOKENS,
        "reasoning_tokens": 0,
        "cost_usd": pytest.approx(0.0004, abs=0.0002),
    }
    status = town.ask("status")
    assert status["usage"] == status["rigs"][0]["usage"] == status["usage_by_agent"]["kilo"] == found["usage"]
    assert "A note" in git(town.folder / "web.git", "log", "-1", "--format=%B", "main")

    frames = town.frames(bead)
    kinds = [frame["kind"] for frame in frames]
    assert kinds[0] == "session"
    assert kinds[-1] == "stop"
    assert {"prompt", "tool_call", "tool_update", "message", "usage"} <= set(kinds)
    session = frames[0]["data"]
    assert (session["version"], session["model"], session["resumed"]) == (
        PRESETS["kilo"].version,
        "fake/fake-model",
        False,
    )
    calls = [frame["data"] for frame in frames if frame["kind"] == "tool_call"]
    assert any("gt_done" in str(call["title"]) for call in calls), calls
    assert "GASTOWN_SESSION_TOKEN" not in str(frames)

    [listed] = [agent for agent in town.ask("agent", "list") if agent["name"] == "kilo"]
    assert (listed["usable"], listed["version"], listed["permission"]) == (True, PRESETS["kilo"].version, "allow")
    tried = town.ask("agent", "check", "kilo")
    assert (tried["ok"], tried["version"], tried["model"]) == (True, PRESETS["kilo"].version, "fake/fake-model")
    assert tried["answer"].startswith("Hello."), "the model was called"
    assert tried["usage"]["input_tokens"] == INPUT_TOKENS


def test_four_kilos_at_once_land_four_beads(agent_town: New) -> None:
    town = agent_town("kilo")
    beads = [town.give("kilo", work(name), f"Note {name}") for name in "abcd"]
    town.landed(*beads)
    names = git(town.folder / "web.git", "ls-tree", "-r", "--name-only", "main").split()
    assert {f"notes/{name}.txt" for name in "abcd"} <= set(names)


@pytest.mark.parametrize("name", ["opencode", "claude", "codex", "gemini"])
def test_the_other_presets_land_a_bead_each(agent_town: New, name: str) -> None:
    town = agent_town(name)
    bead = town.give(name, work())
    [found] = town.landed(bead)
    assert [attempt["outcome"] for attempt in found["attempt_log"]] == ["handed_on"]
    assert found["usage"]["input_tokens"] == 4 * INPUT_TOKENS
    assert found["usage"]["output_tokens"] == 4 * OUTPUT_TOKENS
    assert "A note" in git(town.folder / "web.git", "log", "-1", "--format=%B", "main")


def test_the_model_is_the_beads_else_the_rigs_else_the_homes(agent_town: New, models: ModelServer) -> None:
    town = agent_town("codex")

    def model_of(*options: str) -> str:
        bead = town.give("codex", work(f"n{len(town.beads())}"), "Add a note", *options)
        town.landed(bead)
        return models.asked(f"polecat/toast/{bead[:6]}")[0].body["model"]

    assert model_of() == MODEL
    town.ok("rig", "set", "web", "model=the-rigs")
    assert model_of() == "the-rigs"
    assert model_of("--model", "the-beads") == "the-beads"
    assert town.ok("agent", "check", "codex").out.startswith("codex works: ")


def test_work_that_was_committed_is_handed_on_though_the_agent_never_called_done(agent_town: New) -> None:
    town = agent_town("codex")
    bead = town.give("codex", "STEP write a.txt text\nSTEP commit A note\nSTEP say I failed, sorry.")
    [found] = town.landed(bead)
    assert [attempt["outcome"] for attempt in found["attempt_log"]] == ["handed_on"]
    prompts = [frame["data"] for frame in town.frames(bead) if frame["kind"] == "prompt"]
    assert sum("you did not call done" in line for line in prompts) == 1, "it was reminded first"


def test_an_agent_without_the_tools_lands_a_bead_with_the_command(agent_town: New) -> None:
    """Qwen Code does not offer its model the tools of an ACP client."""
    town = agent_town("qwen")
    town.landed(
        town.give("qwen", "STEP shell echo text > q.txt\nSTEP commit A note\nSTEP shell boomtown done\nSTEP say .")
    )
    assert git(town.folder / "web.git", "show", "main:q.txt") == "text\n"


def test_kilo_lands_a_bead_with_a_plugin_that_speaks_the_http_api(agent_town: New) -> None:
    town = agent_town("kilo")
    town.ok("rig", "set", "web", f"plugins={Path(__file__).parent / 'plugin.js'}")
    steps = ("call plug_prime", "write notes/p.txt text", "commit A note by a plugin", "call plug_done", "say Done.")
    town.landed(town.give("kilo", "\n".join(f"STEP {step}" for step in steps)))
    assert "By the plugin" in git(town.folder / "web.git", "log", "-1", "--format=%B", "main")


def test_a_report_is_the_last_message_of_an_agent_or_the_summary_of_its_done(agent_town: New) -> None:
    town = agent_town("claude")
    said = town.give("claude", "STEP shell ls\nSTEP say It is **42**.", "What is it?", "--report")
    summary = 'STEP call gt_done {"branch": "$BRANCH", "summary": "Two\\nlines"}\nSTEP say Done.'
    handed = town.give("claude", summary, "How many?", "--report")
    for bead, report in ((said, "It is **42**."), (handed, "Two\nlines")):
        [found] = town.landed(bead)
        assert (found["report"], found["merge"]) == (report, None)
        assert [attempt["outcome"] for attempt in found["attempt_log"]] == ["reported"]
        prompt = "\n".join(frame["data"] for frame in town.frames(bead) if frame["kind"] == "prompt")
        assert "Wanted is a report" in prompt
        assert "you did not call done" not in prompt
