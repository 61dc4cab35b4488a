"""`boomtown sling --report`: what an agent says is the result, and nothing lands."""

from __future__ import annotations

import json
from typing import Any

from towns import Town, eventually, git


def test_words_close_a_bead_and_commits_made_all_the_same_are_kept(town: Town) -> None:
    origin = town.rig()
    before = git(origin, "rev-parse", "main")
    repo = town.home / "rigs" / "web" / "repo.git"

    said = town.ask("sling", "web", "Look", "--report", "--agent", "idles", "--wait")["results"][0]["bead"]
    assert (said["status"], said["type"], said["metadata"], said["attempts"]) == (
        "closed",
        "issue",
        {"report": True},
        0,
    )
    assert said["report"] == "I could not find anything to do."
    assert [entry["outcome"] for entry in said["attempt_log"]] == ["reported"]
    assert town.ok("bead", "show", said["id"], "--report").out == "I could not find anything to do.\n"
    assert "I could not find anything to do." in town.ok("bead", "show", said["id"]).out

    lines = [json.dumps({"title": "Task", "agent": agent, "report": True}) for agent in ("works", "leaves_files")]
    ran = town.run("sling", "web", "--file", "-", "--wait", "--json", stdin="\n".join(lines))
    commits, silent = [result["bead"] for result in ran.json["results"]]
    assert ran.status == 1, "one of them has said nothing"
    assert (commits["status"], [entry["outcome"] for entry in commits["attempt_log"]]) == ("closed", ["reported"])
    assert commits["report"].endswith(" did it."), "the summary of done comes before what is printed"
    assert (silent["status"], silent["report"], silent["attempt_log"][0]["outcome"]) == ("failed", None, "no_work")
    assert silent["attempt_log"][0]["error"] == "The agent ended without a report."

    kept = tidied(town, commits["id"])
    assert git(repo, "show", f"{kept['branch']}:{commits['id']}.txt").startswith("by ")
    assert kept["git_fetch"].endswith(kept["branch"])
    assert f"{commits['id']}.txt" in town.ok("diff", commits["id"], "--stat").out
    assert tidied(town, said["id"])["branch"] is None, "a branch with nothing on it goes"
    assert town.ask("merges", "web") == []
    assert git(origin, "rev-parse", "main") == before, "nothing landed"
    assert kept["branch"] in town.fails("rig", "remove", "web")

    (plain,) = town.sling("quick", "No words", options=("--hold",))
    assert "No report was asked of it" in town.fails("bead", "show", plain, "--report")
    wrong = town.run("sling", "web", "--file", "-", stdin='{"title": "x", "report": 1}')
    assert (wrong.status, "report must be true or false" in wrong.err) == (1, True)


def tidied(town: Town, bead: str) -> dict[str, Any]:
    """The bead, once its worktree has been taken away."""
    eventually(lambda: not any(agent["bead_id"] == bead for agent in town.ask("polecats", "web")), "its name is free")
    return town.bead(bead)
