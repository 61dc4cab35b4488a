"""Who may call what: 401, 403, 409, and nothing changes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from towns import Town, eventually, git

ROUTES = (
    ("GET", "/agents/{agent}/prime", None),
    ("POST", "/agents/{agent}/done", {"branch": "x"}),
    ("POST", "/agents/{agent}/heartbeat", {"status": "working", "timestamp": "2026-01-01T00:00:00Z"}),
    ("POST", "/agents/{agent}/checkpoint", {"data": 1}),
    ("GET", "/agents/{agent}/checkpoint", None),
    ("GET", "/agents/{agent}/mail", None),
    ("POST", "/agents/{agent}/completed", {"status": "failed"}),
    ("GET", "/agents/{agent}/molecule/current", None),
    ("GET", "/beads", None),
    ("GET", "/beads/{bead}", None),
    ("POST", "/beads", {"title": "more work"}),
    ("POST", "/beads/{bead}/close", {}),
    ("PATCH", "/beads/{bead}/status", {"status": "closed"}),
    ("GET", "/agents", None),
    ("GET", "/agents/{agent}", None),
    ("POST", "/agents/{agent}/hook", {"bead_id": "x"}),
    ("DELETE", "/agents/{agent}/hook", None),
    ("POST", "/mail", {"from_agent_id": "{agent}", "to_agent_id": "{agent}", "subject": "s", "body": "b"}),
    ("POST", "/nudge", {"target_agent_id": "{agent}", "message": "m", "mode": "queue"}),
    ("POST", "/escalations", {"title": "help"}),
    ("GET", "/events?since=0", None),
)


def call(env: dict[str, str], method: str, path: str, body: Any, token: str | None = None) -> tuple[int, Any]:
    """Status and envelope of a call of the agent API."""
    base = f"{env['GASTOWN_API_URL']}/api/towns/{env['GASTOWN_TOWN_ID']}/rigs/{env['GASTOWN_RIG_ID']}"
    filled = {"{agent}": env["GASTOWN_AGENT_ID"], "{bead}": env["BOOMTOWN_BEAD_ID"]}
    text = None if body is None else json.dumps(body)
    for mark, value in filled.items():
        path = path.replace(mark, value)
        text = text.replace(mark, value) if text else text
    request = urllib.request.Request(base + path, method=method, data=text.encode() if text else None)
    request.add_header("Authorization", f"Bearer {env['GASTOWN_SESSION_TOKEN'] if token is None else token}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def everything(town: Town) -> Any:
    """All that a call could have changed."""
    return town.beads(), town.ask("events", "web"), town.ask("merges", "web")


def test_the_token_of_an_ended_run_is_fenced_everywhere(town: Town) -> None:
    town.rig()
    bead = town.sling("tells", "Tell me")[0]
    env = town.variables(bead)
    town.ok("stop", "Toast")
    town.wait_for(bead, status="open", queue_reason="held")
    before = everything(town)
    for method, path, body in ROUTES:
        status, answer = call(env, method, path, body)
        assert (status, answer["code"], answer["success"]) == (409, "FENCED", False), (method, path)
    assert everything(town) == before

    town.ok("bead", "start", bead)
    town.wait_for(bead, status="in_progress")
    assert call(env, "GET", "/agents/{agent}/prime", None)[0] == 409, "a newer run of the same polecat"


def test_a_repeated_done_gets_the_stored_answer_even_after_the_run(town: Town) -> None:
    town.rig("web", "--merge", "review")
    bead = town.sling("tells", "Tell me")[0]
    env = town.variables(bead)
    own = {"branch": env["BOOMTOWN_BRANCH"]}
    commit_in(next(run.worktree for run in town.live_runs() if run.bead_id == bead))
    status, first = call(env, "POST", "/agents/{agent}/done", own)
    assert status == 200
    town.wait_for(bead, status="in_review", merge="approval")
    assert call(env, "POST", "/agents/{agent}/done", own) == (200, first)
    assert call(env, "GET", "/agents/{agent}/prime", None)[0] == 409


def commit_in(worktree: Path) -> None:
    from towns import git

    (worktree / "work.txt").write_text("work\n")
    git(worktree, "add", "--all")
    git(worktree, "commit", "--quiet", "--message", "Work")


def test_a_second_dispatch_is_refused(town: Town) -> None:
    town.rig()
    one, two = town.sling("tells", "One", "Two")
    env = town.variables(one)
    eventually(lambda: len(town.live_runs()) == 2, "both run")
    assert call(env, "POST", "/agents/{agent}/hook", {"bead_id": one})[0] == 200
    status, answer = call(env, "POST", "/agents/{agent}/hook", {"bead_id": two})
    assert (status, answer["code"]) == (409, "ALREADY_RUNNING")
    assert "running already" in town.fails("bead", "start", one)
    assert town.bead(one)["attempts"] == 0
    assert len(town.runs()) == 2


def test_another_agents_route_is_forbidden_and_garbage_is_unauthorized(town: Town) -> None:
    town.rig()
    one, two = town.sling("tells", "One", "Two")
    mine, other = town.variables(one), town.variables(two)
    stolen = {**other, "GASTOWN_SESSION_TOKEN": mine["GASTOWN_SESSION_TOKEN"]}
    before = everything(town)
    assert call(stolen, "GET", "/agents/{agent}/prime", None)[0] == 403
    assert call(stolen, "POST", "/agents/{agent}/done", {"branch": other["BOOMTOWN_BRANCH"]})[0] == 403
    for token in (
        "",
        "garbage",
        mine["GASTOWN_SESSION_TOKEN"][:-4] + "AAAA",
        (town.home / "token").read_text().strip(),
    ):
        assert call(mine, "GET", "/agents/{agent}/prime", None, token=token)[0] == 401, token
    status, answer = call(mine, "POST", "/agents/{agent}/done", {"branch": "main"})
    assert (status, "main" in answer["error"]) == (400, True)
    assert everything(town) == before


def test_an_agent_gets_a_clean_environment_and_its_prompt(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.rig()
    bead = town.sling("tells", "Mend “the” tap", options=("--body", "It drips.\nAlways."))[0]
    env, prompt = town.variables(bead), town.said(f"prompt.{bead}")
    assert "Mend “the” tap" in prompt.splitlines()
    assert "It drips.\nAlways." in prompt
    assert env["BOOMTOWN_BRANCH"] in prompt
    assert env["HOME"].startswith(str(town.home))
    assert (town.home / "token").read_text().strip() not in "".join(env.values())
    allowed = ("GASTOWN_", "BOOMTOWN_", "LC_", "XDG_", "SSL_CERT_", "GIT_")
    rest = {key for key in env if not key.startswith(allowed)}
    assert rest <= {"HOME", "PATH", "LANG", "TZ", "TMPDIR", "CONTROL", "PWD", "NODE_EXTRA_CA_CERTS"} | {
        key for key in rest if key.lower().endswith("_proxy")
    }


def test_agents_get_ports_and_passed_variables_and_may_commit_in_a_persons_name(
    new_town: Callable[..., Town], tmp_path: Path
) -> None:
    person = tmp_path / "gitconfig"
    person.write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    town = new_town(author="me")
    town.environment |= {"MINE": "passed", "NOT_MINE": "kept", "GIT_CONFIG_GLOBAL": str(person)}
    town.up()
    town.rig("web", "--merge", "direct")
    town.ok("rig", "set", "web", "pass_env=MINE")
    beads = town.sling("tells", "One", "Two")
    given = [town.variables(bead) for bead in beads]
    assert [(env["MINE"], "NOT_MINE" in env) for env in given] == [("passed", False)] * 2
    one, two = (int(env["BOOMTOWN_PORT_BASE"]) for env in given)
    assert abs(one - two) >= 10
    assert [(env["BOOMTOWN_BEAD_ID"], env["GASTOWN_AGENT_ROLE"]) for env in given] == [
        (bead, "polecat") for bead in beads
    ]
    assert {env["BOOMTOWN_AGENT_NAME"] for env in given} == {"Toast", "Maple"}

    town.go()
    for bead in beads:
        town.wait_for(bead, status="closed")
    form = "--format=%an <%ae>%n%(trailers:key=Co-authored-by,valueonly)"
    landed = git(town.folder / "web.git", "log", "-2", form, "main")
    assert landed.count("Ada <ada@example.org>") == 2
    assert {"Toast (polecat)", "Maple (polecat)"} <= {line.partition(" <")[0] for line in landed.splitlines()}


def test_push_in_a_worktree_is_refused_in_the_contracts_words(town: Town) -> None:
    town.rig()
    bead = town.sling("pushes", "Push it")[0]
    status, said = town.said(f"push.{bead}").split("\n", 1)
    assert status != "0"
    assert "Boomtown lands your branch: call done" in said
    town.wait_for(bead, status="closed")
