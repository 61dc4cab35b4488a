"""A person steps in: into a live worktree, into one that is made for it, and out again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from towns import COMMAND, Ran, Town, eventually, git


def person(town: Town, script: str) -> dict[str, str]:
    """An environment whose shell is a script: the person at the keyboard."""
    program = town.folder / "person.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return town.environment | {"SHELL": str(program)}


def shell(town: Town, polecat: str, script: str) -> Ran:
    return town.run("shell", polecat, environment=person(town, script))


def shell_that_stays(town: Town, polecat: str, script: str) -> subprocess.Popen[bytes]:
    """A shell in which the person has run `script`, and sits there until `leave` is noted."""
    stays = f"touch {town.control}/inside; until [ -e {town.control}/leave ]; do sleep 0.1; done"
    command = [str(COMMAND), "shell", polecat]
    process = subprocess.Popen(command, env=person(town, f"{script}\n{stays}"), stdin=subprocess.DEVNULL)
    eventually((town.control / "inside").exists, "the person is in the shell")
    return process


def test_a_shell_in_a_live_worktree_disturbs_nobody(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Work")[0]
    (run,) = eventually(town.live_runs, "it runs")
    ran = shell(town, "Toast", "pwd; env; exit 7")
    assert ran.status == 7, "the shell's own status"
    assert ran.out.splitlines()[0] == str(run.worktree) == town.ok("path", "web/Toast").out.strip()
    assert f"BOOMTOWN_BEAD_ID={bead}" in ran.out
    assert "GASTOWN_SESSION_TOKEN" not in ran.out, "a person is no agent"
    assert [live.run_id for live in town.live_runs()] == [run.run_id]
    town.go()
    town.wait_for(bead, status="closed")


def test_a_shell_without_a_run_holds_the_bead_and_keeps_what_was_left(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Work")[0]
    eventually(town.live_runs, "it runs")
    town.ok("stop", "Toast")
    town.wait_for(bead, status="open", queue_reason="held")
    eventually(lambda: not town.worktrees(), "its worktree is gone")

    ran = shell(town, bead, "echo mine > 'by hand.txt'; pwd")
    assert ran.status == 0, ran.err
    assert not Path(ran.out.strip()).exists()
    held = town.bead(bead)
    assert (held["status"], held["queue_reason"], held["attempts"]) == ("open", "held", 0)
    repo = town.home / "rigs" / "web" / "repo.git"
    assert git(repo, "show", f"{held['branch']}:by hand.txt") == "mine\n"
    town.ok("bead", "start", bead)
    town.go()
    town.wait_for(bead, status="closed")
    assert git(town.folder / "web.git", "show", "main:by hand.txt") == "mine\n"


def test_a_bead_that_waited_goes_on_at_once_when_the_shell_is_left(new_town: Callable[..., Town]) -> None:
    town = new_town(backoff=[600, 600, 600, 600])
    town.up()
    town.rig()
    bead = town.sling("recovers", "Work")[0]
    town.wait_for(bead, status="open", queue_reason="backoff")
    ran = shell(town, bead, f"boomtown bead show {bead} --json; cat half.txt")
    assert '"queue_reason": "held"' in ran.out
    assert ran.out.endswith("half\n"), "the work of the attempt before is there"
    town.wait_for(bead, status="closed")


def test_a_closed_terminal_leaves_the_shell(new_town: Callable[..., Town]) -> None:
    town = new_town(backoff=[600, 600, 600, 600])
    town.up()
    town.rig()
    bead = town.sling("recovers", "Work")[0]
    town.wait_for(bead, status="open", queue_reason="backoff")
    process = shell_that_stays(town, bead, "true")
    assert town.bead(bead)["queue_reason"] == "held"
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 128 + signal.SIGHUP
    town.wait_for(bead, status="closed")


def test_the_work_of_a_shell_whose_bead_is_over_lands_with_no_other(town: Town) -> None:
    origin = town.rig()
    bead = town.sling("waits", "Given up")[0]
    eventually(town.live_runs, "it runs")
    town.ok("stop", "Toast")
    town.wait_for(bead, status="open", queue_reason="held")
    eventually(lambda: not town.worktrees(), "its worktree is gone")
    who = "-c user.name=Me -c user.email=me@example.invalid"
    process = shell_that_stays(town, bead, f"echo 1 > one; git add one; git {who} commit -qm One; echo 2 > two")
    branch = town.bead(bead)["branch"]
    town.ok("bead", "cancel", bead)

    other = town.sling("waits", "Another Toast")[0]
    eventually(town.live_runs, "the next Toast runs")
    assert town.bead(other)["assignee"] == "Toast"
    (town.control / "leave").touch()
    assert process.wait(60) == 0
    town.go()
    town.wait_for(other, status="closed")
    assert {"one", "two"}.isdisjoint(git(origin, "ls-tree", "--name-only", "main").split())
    repo = town.home / "rigs" / "web" / "repo.git"
    assert git(repo, "show", f"{branch}:one", f"{branch}:two") == "1\n2\n", "it is kept where it belongs"
