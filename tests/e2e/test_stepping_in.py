"""A person steps in: into a live worktree, into one that is made for it, and out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from towns import Ran, Town, eventually, git


def shell(town: Town, polecat: str, script: str) -> Ran:
    """`boomtown shell`, with a script for the person at the keyboard."""
    program = town.folder / "person.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return town.run("shell", polecat, environment=town.environment | {"SHELL": str(program)})


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
