"""Providers that refuse: a limit with and without a time, a wrong key, an expired token. No attempt is lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, settings, work

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


def test_a_limit_without_a_time_is_probed_by_one_run(agent_town: New) -> None:
    town = agent_town("kilo", quota_backoff=[3])
    bead = town.give("kilo", f"STEP write begun.txt begun\nSTEP limit 0 2\n{work()}")
    [found] = town.landed(bead)
    assert (found["attempts"], outcomes(found)) == (0, ["quota", "handed_on"])
    assert resumed(town, bead) == [True]
    assert "exceeded your current quota" in found["attempt_log"][0]["error"]


def test_what_passes_is_tried_again_in_the_run(agent_town: New, models: ModelServer) -> None:
    """Too many requests once, a provider that fails once: Codex gives both up, and is asked to go on."""
    codex = settings("codex", models.url)
    codex["config"]["model_providers"]["fake"] |= {"request_max_retries": 0, "stream_max_retries": 0}
    town = agent_town(agents={"codex": codex})
    [found] = town.landed(town.give("codex", f"STEP busy 0 1\nSTEP shell true\nSTEP fail 500 1\n{work()}"))
    assert outcomes(found) == ["handed_on"]


def test_a_wrong_key_is_one_entry_of_the_inbox_and_a_login_cures_it(agent_town: New) -> None:
    """For all beads of the agent; and the key is nowhere but in its file and in the environment of runs."""
    town = agent_town("claude")
    config = town.home / "config.toml"
    config.write_text(config.read_text().replace('ANTHROPIC_API_KEY = "dummy"\n', ""))
    town.down("--now")
    secret = "sk-ant-api03-" + "s3cr3t" * 8
    town.ok("agent", "login", "claude", stdin="sk-ant-api03-the-first-one-is-wrong\n")
    town.up()
    beads = [town.give("claude", f"STEP write {n}.txt begun\nSTEP login 0 4\nSTEP shell env\n{work(n)}") for n in "ab"]
    for bead in beads:
        found = town.until(bead, "waiting", waiting("auth"))
        assert "boomtown agent login claude" in found["queue_detail"]
        assert found["attempts"] == 0
    [entry] = town.ask("inbox")
    assert (entry["kind"], entry["action"]) == ("auth", "boomtown agent login claude")
    made = town.ok("agent", "login", "claude", "--json", stdin=secret + "\n").json
    assert made["server_told"]
    shown = [town.ok("agent", "list", "--json").out, town.ok("status", "--json").out, str(made)]
    found = town.landed(*beads)
    assert {tuple(outcomes(bead)) for bead in found} == {("auth", "handed_on")}
    assert resumed(town, beads[0]) == [True]
    assert town.ask("inbox") == []
    town.ok("backup")
    assert holders(town, secret) == ["logins/claude.json"]
    assert (town.home / "logins" / "claude.json").stat().st_mode & 0o777 == 0o600
    assert not any(secret in text for text in shown)
    town.ok("agent", "login", "claude", "--remove")
    assert not (town.home / "logins" / "claude.json").exists()


def test_a_wrong_key_of_any_other_program_costs_no_attempt_either(agent_town: New) -> None:
    names = ("kilo", "opencode", "gemini", "qwen")
    town = agent_town(*names)
    beads = {town.give(name, f"STEP login\n{work(name)}"): name for name in names}
    for bead, name in beads.items():
        found = town.until(bead, "waiting", waiting("auth"))
        assert (found["attempts"], outcomes(found)) == (0, ["auth"])
        assert f"boomtown agent login {name}" in found["queue_detail"]
    assert sorted(entry["kind"] for entry in town.ask("inbox")) == ["auth"] * 4


def test_an_expired_token_waits_for_a_login_and_an_agent_that_stands_in_goes_on(agent_town: New) -> None:
    town = agent_town("codex")
    found = town.until(town.give("codex", f"STEP expired 0 6\n{work()}"), "waiting", waiting("auth"))
    assert (found["attempts"], outcomes(found)) == (0, ["auth"])
    assert "token is expired" in found["attempt_log"][0]["error"]
    [other] = town.landed(town.give("codex,works", work("b")))
    assert (other["agent_kind"], outcomes(other)) == ("works", ["handed_on"])
    [entry] = town.ask("inbox")
    assert (entry["kind"], entry["action"]) == ("auth", "boomtown agent login codex")
    assert "keeps no login" in town.ok("agent", "check", "codex").out
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_000_000_000}).encode()).decode().rstrip("=")
    town.ok("agent", "login", "codex", stdin=f"eyJhbGciOiJub25lIn0.{claims}.c2lnbmF0dXJl\n")
    checked = town.ok("agent", "check", "codex").out
    assert "Logged in as eyJhbG…dXJl, expired since 2001-09-09T01:46:40" in checked


def holders(town: AgentTown, secret: str) -> list[str]:
    """All files of the home that hold these bytes, but for what an agent keeps of its own sessions in its own HOME."""
    found = []
    for path in town.home.rglob("*"):
        if path.is_file() and not path.is_symlink() and "/homes/" not in str(path) and "/agents/" not in str(path):
            found += [str(path.relative_to(town.home))] if secret.encode() in path.read_bytes() else []
    return found
