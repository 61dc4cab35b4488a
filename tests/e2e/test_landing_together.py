"""The merge queue: conflicts, gates, review, refusals, and a checkout that is never touched."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from towns import Town, eventually, git


def test_two_that_touch_the_same_line_both_land(town: Town) -> None:
    origin = town.rig(origin=town.repository(files={"shared.txt": "first\n"}))
    one, two = town.sling("same_line", "One side", "Other side")
    for bead in (one, two):
        town.said(f"changed.{bead}")
    town.go()
    town.all_closed()
    reworked = [bead for bead in (one, two) if (town.control / f"conflict.{bead}").exists()]
    assert len(reworked) == 1
    log = [entry["outcome"] for entry in town.bead(reworked[0])["attempt_log"]]
    assert log == ["handed_on", "conflict", "handed_on"]
    assert town.bead(reworked[0])["attempts"] == 1
    prompt = town.said(f"conflict.{reworked[0]}")
    assert "shared.txt" in prompt
    other = "One side" if reworked[0] == two else "Other side"
    assert other in prompt
    assert git(origin, "show", "main:shared.txt") == f"changed by {reworked[0]}, after the other\n"
    assert git(origin, "rev-list", "--count", "main").strip() == "3"


def test_a_red_gate_is_told_and_mended(town: Town) -> None:
    origin = town.rig("web", "--gate", "echo looking; test ! -e broken")
    bead = town.sling("red_first", "Break it")[0]
    done = town.wait_for(bead, status="closed")
    assert [entry["outcome"] for entry in done["attempt_log"]] == ["handed_on", "gate_red", "handed_on"]
    assert "looking" in town.said(f"told.{bead}")
    assert "broken" not in git(origin, "ls-tree", "--name-only", "main")


def test_a_gate_that_is_red_on_the_base_too_waits_and_costs_nothing(town: Town) -> None:
    repair = town.folder / "repaired"
    town.rig("web", "--gate", f"test -e {repair}")
    bead = town.sling("quick", "Innocent")[0]
    waiting = town.wait_for(bead, status="in_review", merge="base_red")
    assert waiting["attempts"] == 0
    assert f"boomtown merge retry {bead[:8]}" in town.ok("beads", "web").out
    assert town.run("rig", "check", "web").status == 1
    repair.touch()
    assert town.run("rig", "check", "web").status == 0
    town.ok("merge", "retry", bead)
    town.wait_for(bead, status="closed")


def test_review_approve_rework_and_discard(town: Town) -> None:
    origin = town.rig("web", "--merge", "review")
    bead = town.sling("reviewed", "Review me")[0]
    town.wait_for(bead, status="in_review", merge="approval")
    assert git(origin, "rev-list", "--count", "main").strip() == "1", "nothing lands by itself"
    assert "+first" in town.ok("diff", bead).out
    assert "reviewed.txt" in town.ok("diff", bead, "--stat").out
    assert bead[:8] in town.ok("inbox").out

    town.ok("rework", bead, "-m", "Say it again.")
    eventually(lambda: "Say it again." in town.said(f"told.{bead}"), "it is told the comment")
    town.wait_for(bead, status="in_review", merge="approval")
    assert town.bead(bead)["attempts"] == 0
    town.ok("approve", bead)
    town.wait_for(bead, status="closed")
    assert git(origin, "show", "main:reviewed.txt") == "first\nagain\n"
    assert "+again" in town.ok("diff", bead).out, "what has landed"

    other = town.sling("quick", "Not this")[0]
    town.wait_for(other, status="in_review", merge="approval")
    branch = town.bead(other)["branch"]
    town.ok("discard", other)
    town.wait_for(other, status="cancelled")
    repo = town.home / "rigs" / "web" / "repo.git"
    eventually(lambda: branch not in git(repo, "branch", "--list", "--format=%(refname:short)"), "its branch is gone")
    assert git(repo, "rev-parse", f"refs/boomtown/beads/{other}")
    assert f"+++ b/{other}.txt" in town.ok("diff", other).out, "what was discarded is still there to read"


def test_a_bead_is_not_retried_while_its_branch_is_being_discarded(new_town: Callable[..., Town]) -> None:
    town = new_town(stop_grace=60.0)
    town.up()
    town.rig()
    bead = town.sling("stubborn", "Away with it")[0]
    pids = [int(pid) for pid in town.said(f"stubborn.{bead}").split()]
    discarding = town.start("discard", bead)
    eventually(lambda: town.bead(bead)["status"] == "cancelled", "it is given up")
    assert "is being discarded" in town.fails("bead", "retry", bead)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert discarding.wait(60) == 0
    town.ok("bead", "retry", bead)


def test_merge_branch_pushes_the_polecats_branch(town: Town) -> None:
    origin = town.rig("web", "--merge", "branch")
    bead = town.wait_for(town.sling("quick", "As a branch")[0], status="closed")
    assert bead["branch"] in git(origin, "branch", "--list", "--format=%(refname:short)").split()
    assert git(origin, "rev-list", "--count", "main").strip() == "1"


def test_landing_as_a_merge_commit(town: Town) -> None:
    origin = town.rig()
    town.ok("rig", "set", "web", "landing=merge")
    town.wait_for(town.sling("quick", "Merge me")[0], status="closed")
    assert len(git(origin, "log", "-1", "--format=%P", "main").split()) == 2


def test_a_remote_that_refuses_waits_with_its_words(town: Town) -> None:
    origin = town.rig()
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    bead = town.sling("quick", "Friday")[0]
    waiting = town.wait_for(bead, status="in_review", merge="remote_refused")
    assert waiting["attempts"] == 0
    assert "main is protected on Fridays" in town.ok("inbox").out
    hook.unlink()
    town.ok("merge", "retry", bead)
    town.wait_for(bead, status="closed")


def checkout(town: Town) -> Path:
    """A work tree with `main` checked out, as people have them."""
    work = town.folder / "checkout"
    git(town.folder, "clone", "--quiet", str(town.repository()), str(work))
    return work


def test_a_checkout_with_a_dirty_tree_is_never_touched_and_pull_brings_the_result(town: Town) -> None:
    work = checkout(town)
    (work / "README.md").write_text("# Test\n\nNot committed.\n")
    before = git(work, "rev-parse", "main")
    said = town.ok("rig", "add", "web", str(work), "--merge", "direct").out
    assert "uncommitted" in said or "not committed" in said
    bead = town.sling("quick", "Work")[0]
    town.wait_for(bead, status="closed")
    assert git(work, "rev-parse", "main") == before
    assert (work / "README.md").read_text() == "# Test\n\nNot committed.\n"
    assert f"{bead}.txt" in git(work, "ls-tree", "--name-only", "boomtown/main")
    town.ok("pull", "web")
    assert (work / f"{bead}.txt").exists()
    assert (work / "README.md").read_text() == "# Test\n\nNot committed.\n"


def test_a_default_branch_that_went_two_ways_waits_for_a_person(town: Town) -> None:
    work = checkout(town)
    town.ok("rig", "add", "web", str(work), "--merge", "direct")
    waiting = town.sling("waits", "Lands later")[0]
    landed = town.sling("quick", "Lands first")[0]
    town.wait_for(landed, status="closed")
    (work / f"{landed}.txt").write_text("a person's own\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "The same file, by hand")

    town.go(f"go.{waiting}")
    refused = town.wait_for(waiting, merge="remote_refused")
    assert "main and boomtown/main changed the same lines" in refused["merge"]["error"]
    assert "main and boomtown/main changed the same lines" in town.ok("inbox").out
    git(work, "merge", "--quiet", "--strategy-option", "ours", "boomtown/main")
    town.ok("merge", "retry", waiting)
    town.wait_for(waiting, status="closed")


def test_a_remote_that_is_away_is_said_and_waited_for(town: Town) -> None:
    origin = town.rig()
    bead = town.sling("waits", "Lands when it is back")[0]
    eventually(town.live_runs, "the agent has begun")
    away = origin.rename(origin.with_name("away.git"))
    town.go()
    words = eventually(lambda: (town.bead(bead)["merge"] or {}).get("error"), "the merge says why it waits")
    assert "can't be fetched" in words
    assert "can't be fetched" in town.ok("merges", "web").out
    away.rename(origin)
    assert town.wait_for(bead, status="closed")["merge"]["error"] is None


def test_where_the_fetch_line_says_the_work_is(town: Town) -> None:
    town.rig("web", "--merge", "review")
    bead = town.sling("quick", "Fetch me")[0]
    town.wait_for(bead, status="in_review", merge="approval")
    for _ in ("in review", "landed"):
        line = town.bead(bead)["git_fetch"]
        assert line in town.ok("bead", "show", bead).out
        fresh = town.folder / f"fetch{_.replace(' ', '')}"
        git(town.folder, "init", "--quiet", str(fresh))
        git(fresh, *line.split()[1:])
        assert f"{bead}.txt" in git(fresh, "ls-tree", "--name-only", "FETCH_HEAD")
        if _ == "in review":
            town.ok("approve", bead)
            town.wait_for(bead, status="closed")


def test_a_rig_with_work_left_is_only_removed_when_told(town: Town) -> None:
    town.rig("web", "--merge", "review")
    bead = town.sling("quick", "Keep me")[0]
    town.wait_for(bead, status="in_review", merge="approval")
    assert "--discard" in town.fails("rig", "remove", "web")
    assert [rig["name"] for rig in town.ask("rig", "list")] == ["web"]
    town.ok("rig", "remove", "web", "--discard")
    assert town.ask("rig", "list") == []
    assert not (town.home / "rigs" / "web").exists()
