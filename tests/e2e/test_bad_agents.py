"""Agents that do what agents do: crash, idle, leave things behind, will not stop, print without end."""

from __future__ import annotations

import psutil
from towns import Town, alive, eventually, git


def test_one_that_always_crashes_fails_after_five_attempts_with_its_error(town: Town) -> None:
    town.rig()
    bead = town.sling("crashes", "Crash")[0]
    failed = town.wait_for(bead, status="failed")
    assert failed["attempts"] == 5
    assert [entry["outcome"] for entry in failed["attempt_log"]] == ["crashed"] * 5
    assert all(entry["exit_status"] == 3 for entry in failed["attempt_log"])
    assert "cargo: command not found" in failed["last_error"]
    eventually(lambda: town.ask("polecats", "web") == [], "its name is free")
    inbox = town.ok("inbox").out
    assert f"boomtown bead retry {bead[:8]}" in inbox


def test_one_that_crashes_once_finds_its_uncommitted_files_again(town: Town) -> None:
    origin = town.rig()
    bead = town.wait_for(town.sling("recovers", "Recover")[0], status="closed")
    assert [entry["outcome"] for entry in bead["attempt_log"]] == ["crashed", "handed_on"]
    assert git(origin, "show", "main:half.txt") == "half\n"


def test_one_that_ends_well_without_a_commit_is_held_the_second_time(town: Town) -> None:
    town.rig()
    bead = town.wait_for(town.sling("idles", "Idle")[0], status="open", queue_reason="held")
    assert [entry["outcome"] for entry in bead["attempt_log"]] == ["no_work", "no_work"]
    assert "I could not find anything to do." in bead["queue_detail"] + (bead["last_error"] or "")


def test_uncommitted_files_never_land_and_are_never_lost(town: Town) -> None:
    origin = town.rig()
    bead = town.sling("leaves_files", "Leave files")[0]
    town.wait_for(bead, status="closed")
    assert "left over.txt" not in git(origin, "ls-tree", "-r", "--name-only", "main")
    repo = town.home / "rigs" / "web" / "repo.git"
    kept = git(repo, "for-each-ref", "--format=%(refname)", "refs/boomtown/wip").split()
    assert len(kept) == 1
    assert git(repo, "show", f"{kept[0]}:left over.txt") == "not committed\n"


def test_one_that_ignores_sigterm_and_hides_a_child_is_gone_after_the_grace(town: Town) -> None:
    town.rig()
    bead = town.sling("stubborn", "Stay")[0]
    pids = [int(pid) for pid in town.said(f"stubborn.{bead}").split()]
    assert all(alive(pid) for pid in pids)
    town.ok("bead", "cancel", bead)
    town.wait_for(bead, status="cancelled")
    eventually(lambda: not any(alive(pid) for pid in pids), "the whole tree is gone")
    branch = town.bead(bead)["branch"]
    repo = town.home / "rigs" / "web" / "repo.git"
    eventually(lambda: not town.worktrees(), "its worktree is gone")
    assert git(repo, "show", f"{branch}:unsaved.txt") == "unsaved\n"
    assert git(repo, "log", "-1", "--format=%s", branch).startswith("wip: Toast")


def test_one_that_prints_100_mb_is_read_to_the_end(town: Town) -> None:
    town.rig()
    bead = town.sling("chatty", "Talk")[0]
    town.wait_for(bead, status="closed")
    frames = town.ask("log", bead, "--since", "9990")
    assert frames[-1]["data"] == "that was all"
    assert frames[-1]["seq"] == 10_001
    memory = sum(psutil.Process(pid).memory_info().rss for pid in (town.server_pid, town.container_pid))
    assert memory < 250_000_000


def test_one_that_calls_done_twice_gets_the_same_answer(town: Town) -> None:
    town.rig()
    bead = town.sling("twice", "Twice")[0]
    first, second = town.said(f"twice.{bead}").split("\0")
    assert first == second != ""
    town.wait_for(bead, status="closed")
    assert len(town.ask("merges", "web")) == 1


def test_one_that_says_done_and_goes_on_is_ended_and_its_late_file_does_not_land(town: Town) -> None:
    origin = town.rig()
    bead = town.sling("goes_on", "Go on")[0]
    town.said(f"wrote.{bead}")
    town.wait_for(bead, status="closed")
    assert "too late.txt" not in git(origin, "ls-tree", "-r", "--name-only", "main")
    assert not town.live_runs()


def test_a_timeout_ends_a_run_and_is_an_attempt(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Wait", options=("--timeout", "0.5"))[0]
    outcome = eventually(lambda: [e["outcome"] for e in town.bead(bead)["attempt_log"]], "an attempt is over")
    assert outcome[0] == "timeout"
    town.ok("bead", "cancel", bead)
    town.wait_for(bead, status="cancelled")


def test_a_program_that_is_not_there_fails_with_its_name(town: Town) -> None:
    config = town.home / "config.toml"
    config.write_text(config.read_text() + '[agents.missing]\ncommand = ["no-such-program"]\n')
    town.ok("restart")
    town.rig()
    bead = town.sling("missing", "Start")[0]
    failed = town.wait_for(bead, status="failed")
    assert "no-such-program" in failed["last_error"]
