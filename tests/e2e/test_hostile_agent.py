"""One agent that means harm, in a town that lands its neighbour's work as if it were not there."""

from __future__ import annotations

import json
from collections.abc import Callable

from test_fences import call, commit_in
from towns import Town, eventually, git


def test_a_hostile_agent_harms_neither_its_neighbour_nor_the_town(new_town: Callable[..., Town]) -> None:
    foreign, town = new_town(), new_town(max_agents=2)
    for each in (foreign, town):
        each.up()
        each.rig()
    abroad = foreign.variables(foreign.sling("tells", "Elsewhere")[0])
    (town.control / "foreign").write_text(abroad["GASTOWN_SESSION_TOKEN"])
    (town.control / "secret").write_text("not for the town")
    neighbour = town.sling("tells", "Work in peace")[0]
    env, server, container = town.variables(neighbour), town.server_pid, town.container_pid
    vandal = town.sling("vandal", "Do harm")[0]
    told = json.loads(town.said("vandal"))

    assert set(told["of another agent"]) == {403}
    assert set(told["of another's bead"]) <= {403, 409}
    assert set(told["of people"]) <= {401, 403}
    assert told["forged"] == dict.fromkeys(told["forged"], 401)
    assert (told["large"], told["flood"]) == (413, 429)
    assert all(status != 0 for status in told["git"].values()), told["git"]

    town.wait_for(vandal, status="closed")
    commit_in(next(run.worktree for run in town.runs() if run.bead_id == neighbour))
    assert call(env, "POST", "/agents/{agent}/done", {"branch": env["BOOMTOWN_BRANCH"]})[0] == 200
    town.wait_for(neighbour, status="closed")

    origin = town.folder / "web.git"
    assert git(origin, "log", "--format=%s", "main").split("\n")[:-1] == ["Work in peace", "Do harm", "Begin"]
    assert set(git(origin, "ls-tree", "-r", "--name-only", "main").split()) == {"README.md", "vandal.txt", "work.txt"}
    repo = town.home / "rigs" / "web" / "repo.git"
    kept = git(repo, "for-each-ref", "--format=%(refname)", "refs/boomtown/wip").split()
    assert "120000" in git(repo, "ls-tree", kept[0], "out"), "the link is kept, not what it leads to"
    assert not (town.control / "hurt").exists(), "nothing that it wrote was run"
    assert (town.server_pid, town.container_pid) == (server, container)
    assert town.ask("status")["breaches"] == []
    logged = [json.loads(line) for line in (town.home / "server.log").read_text().splitlines()]
    assert "forged" not in [event["event"] for event in logged]
    eventually(lambda: not town.worktrees(), "nothing of it is left")
