"""Model servers that fail, and agents that are set up wrongly: clear reasons, and nothing hangs."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, settings, work
from tests.e2e.towns import git

New = Callable[..., AgentTown]


def test_errors_and_cut_connections_are_tried_again_by_the_agent(agent_town: New) -> None:
    town = agent_town("codex")
    [found] = town.landed(town.give("codex", f"STEP fail 500 2\nSTEP drop 1\nSTEP shell true\n{work()}"))
    assert found["attempts"] == 0


def test_the_turn_of_a_kilo_that_would_wait_for_the_internet_is_begun_again(agent_town: New) -> None:
    """Kilo tries errors again by itself, but after a cut connection it waits until some sites of the world answer."""
    town = agent_town("kilo")
    bead = town.give("kilo", f"STEP fail 500 2\nSTEP drop 2\nSTEP shell true\n{work()}")
    cut = "The connection to the agent's model broke: "
    town.until(bead, "in trouble, visibly", lambda found: (found["last_error"] or "").startswith(cut))
    [found] = town.landed(bead)
    assert found["last_error"] is None
    told = [hit["data"] for hit in town.ask("log", bead, "--search", cut) if hit["kind"] == "error"]
    assert told, "how often it is begun again is held to account in tests/integration/container/test_patience.py"
    assert all(line.startswith(cut) and line.endswith("Its turn was begun again.") for line in told)


def test_a_model_that_never_answers_is_a_failed_attempt_that_says_so(agent_town: New) -> None:
    town = agent_town("claude", answer_within=3, backoff=[60])
    found = town.until(
        town.give("claude", "STEP write a.txt a\nSTEP hang"), "tried", lambda found: found["attempts"] == 1
    )
    assert "silent for 3 s: its model does not answer" in found["last_error"]
    assert found["attempt_log"][0]["outcome"] == "crashed"
    assert "silent for 3 s" in town.ok("bead", "show", found["id"]).out


def test_nothing_that_a_model_server_does_keeps_a_kilo_for_ever(agent_town: New) -> None:
    """It would wait in silence for an answer, or for a network; after failures it gives up by itself."""
    town = agent_town("kilo", answer_within=6, backoff=[600])
    troubles = {"hang": "does not answer", "fail 500": "the scripted model failed", "drop": "onnection"}
    beads = {town.give("kilo", f"STEP {trouble}"): reason for trouble, reason in troubles.items()}
    for bead, reason in beads.items():
        found = town.until(bead, "tried", lambda found: found["attempts"] == 1)
        assert [attempt["outcome"] for attempt in found["attempt_log"]] == ["crashed"]
        error = found["last_error"]
        assert reason in error or "silent for 6 s" in error, "a slow machine may well be silent for so long"
        assert error == found["attempt_log"][0]["error"]


def test_a_model_server_that_only_fails_is_a_failed_attempt_that_says_so(agent_town: New, models: ModelServer) -> None:
    codex = settings("codex", models.url)
    codex["config"]["model_providers"]["fake"] |= {"request_max_retries": 1, "stream_max_retries": 1}
    town = agent_town(agents={"codex": codex}, backoff=[60])
    for trouble, words in (("fail 500", "Internal error"), ("drop", "stream")):
        found = town.until(town.give("codex", f"STEP {trouble}"), "tried", lambda found: found["attempts"] == 1)
        assert found["attempt_log"][0]["outcome"] == "crashed"
        assert words in found["last_error"], "the agent's own words"


def test_a_set_up_that_an_agent_does_not_take_is_refused_at_once(agent_town: New, models: ModelServer) -> None:
    wrong = settings("kilo", models.url) | {"model": "fake/other"}
    town = agent_town(agents={"kilo": wrong}, backoff=[60])
    found = town.until(town.give("kilo", work()), "tried", lambda found: found["attempts"] == 1)
    assert "fake/other" in found["last_error"]
    assert "[agents.kilo] in config.toml" in found["last_error"]


def test_programs_that_are_missing_or_speak_no_acp_say_what_is_wrong(agent_town: New) -> None:
    broken = {"kind": "acp", "command": ["sh", "-c", "echo I am no agent >&2"]}
    gone = {"kind": "acp", "command": ["/nowhere/agent"]}
    town = agent_town(agents={"broken": broken, "gone": gone}, backoff=[60])
    assert "not found" in town.fails("agent", "check", "gone")
    assert "I am no agent" in town.fails("agent", "check", "broken")
    first, second = town.give("broken", work()), town.give("gone", work())
    found = town.until(first, "tried", lambda found: found["attempts"] == 1)
    assert "I am no agent" in found["last_error"]
    found = town.until(second, "tried", lambda found: found["attempts"] == 1)
    assert "'/nowhere/agent' is not there" in found["last_error"]


def test_a_prompt_of_a_megabyte_arrives_as_it_is(agent_town: New, models: ModelServer) -> None:
    town = agent_town("codex")
    body = work() + "\"'`$(rm -rf x)\\\n{}%\t" * 50_000
    assert len(body) > 1_000_000
    task = json.dumps({"title": "Add a note", "body": body, "agent": "codex"})
    answer = town.ok("sling", "web", "--file", "-", "--json", stdin=task + "\n").json
    town.landed(answer["results"][0]["bead"]["id"])
    assert models.asked("\"'`$(rm -rf x)\\\n{}%\t\"'`")
    assert "A note" in git(town.folder / "web.git", "log", "-1", "--format=%B", "main")
