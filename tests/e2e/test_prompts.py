"""What a polecat is told: its bead, its branch, its role in the words of the package, the home or the repository."""

from __future__ import annotations

import re

from test_fences import call
from towns import Town


def branches_in(prompt: str) -> set[str]:
    return set(re.findall(r"polecat/[\w-]+/[0-9a-f]+", prompt))


def test_the_role_is_ours_else_the_homes_else_the_repositorys(town: Town) -> None:
    town.rig()
    town.rig("own", origin=town.repository("own", {".boomtown/prompts/polecat.md": "Repo: {name} of {rig} {branch}"}))

    [ours] = town.sling("tells", "First task", options=("--body", "Its body."))
    prompt, branch = town.said(f"prompt.{ours}"), town.variables(ours)["BOOMTOWN_BRANCH"]
    lines = prompt.splitlines()
    assert lines.index("First task") < lines.index("Its body.") < lines.index(f"Your branch: {branch}")
    assert branches_in(prompt) == {branch}
    for word in ("Don't push", "early and often", "gt_done", "gt_ask", "gt_escalate", "leave other folders"):
        assert word in prompt

    (town.home / "prompts").mkdir()
    (town.home / "prompts" / "polecat.md").write_text("Home: {name} of {rig} on {branch}. {else} stays.")
    [homes] = town.sling("tells", "Second task")
    prompt, branch = town.said(f"prompt.{homes}"), town.variables(homes)["BOOMTOWN_BRANCH"]
    assert f"Home: Maple of web on {branch}. {{else}} stays." in prompt
    assert "gt_ask" not in prompt

    [repos] = town.sling("tells", "Third task", rig="own")
    prompt, branch = town.said(f"prompt.{repos}"), town.variables(repos)["BOOMTOWN_BRANCH"]
    assert f"Repo: Toast of own {branch}" in prompt
    assert "Home:" not in prompt


def test_a_bead_that_goes_on_is_told_its_own_checkpoint_and_comments_and_no_others(town: Town) -> None:
    town.rig("web", "--merge", "review")
    one, two = town.sling("tells", "One", "Two")
    for bead, step in ((one, "first step"), (two, "second step")):
        assert call(town.variables(bead), "POST", "/agents/{agent}/checkpoint", {"data": {"at": step}})[0] == 200
    for bead in (one, two):
        assert "checkpoint" not in town.said(f"prompt.{bead}").replace("gt_checkpoint", "")
        (town.control / f"prompt.{bead}").unlink()
        town.ok("stop", bead)
        town.wait_for(bead, status="open", queue_reason="held")
        town.ok("bead", "start", bead)
    prompts = [town.said(f"prompt.{bead}") for bead in (one, two)]
    assert ["first step" in prompt for prompt in prompts] == [True, False]
    assert ["second step" in prompt for prompt in prompts] == [False, True]

    (town.control / f"prompt.{one}").unlink()
    town.go()
    for bead in (one, two):
        town.wait_for(bead, status="in_review", merge="approval")
    town.ok("rework", one, "-m", "Not like this")
    again = town.said(f"prompt.{one}")
    assert "Rework, asked for by a person:\nNot like this" in again
    assert "second step" not in again
