"""What a worktree gets beyond what git has: setup commands, files, submodules, before agents and before gates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from towns import Town, alive, eventually, git

FILES = {"README.md": "# Test\n", ".gitignore": "built/\n"}


def give(town: Town, name: str, text: str, rig: str = "web") -> Path:
    """A file that the rig has for its worktrees."""
    path = town.home / "rigs" / rig / "files" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def words(town: Town, ref: str) -> list[str]:
    return [str(frame["data"]) for frame in town.ask("log", ref)]


def test_agents_and_gates_find_what_the_setup_made_and_none_of_it_lands(new_town: Callable[..., Town]) -> None:
    town = new_town()
    town.environment["HOME"] = str(town.folder)
    (town.folder / ".npmrc").write_text("registry=http://127.0.0.1:9/\n")
    town.up()
    gate = "test -f node_modules/dep.js && test -s built/out && grep -q secret .env && test -f ~/.npmrc"
    origin = town.rig("web", "--gate", gate, origin=town.repository(files=FILES))
    give(town, "node_modules/dep.js", "1\n")
    give(town, ".env", "KEY=secret\n")
    town.ok(
        "rig", "set", "web", "link=node_modules", "copy=.env", "home_files=.npmrc",
        'setup=["mkdir built && cat .env node_modules/dep.js > built/out", "echo all is ready"]',
    )  # fmt: skip
    assert town.ask("rig", "check", "web")["green"]
    bead = town.sling("waits", "Work")[0]
    worktree = eventually(town.live_runs, "the agent runs")[0].worktree
    assert (worktree / "node_modules").is_symlink()
    assert not (worktree / ".env").is_symlink()
    assert git(worktree, "status", "--porcelain") == ""
    npmrc = next((town.home / "rigs" / "web" / "homes").glob(f"{bead}/.npmrc"))
    assert npmrc.stat().st_mode & 0o777 == 0o600
    assert "all is ready" in words(town, bead)
    town.go()
    town.wait_for(bead, status="closed")
    landed = git(origin, "ls-tree", "-r", "--name-only", "main").split()
    assert set(landed) == {".gitignore", f"{bead}.txt", "README.md"}


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (('setup=["echo no compiler here; exit 7"]',), "`echo no compiler here; exit 7` ended with status 7"),
        (('setup=["sleep 600"]', "setup_timeout=0.2"), "took longer than 0.2 s"),
        (("copy=.env",), "no .env"),
    ],
)
def test_a_setup_that_fails_or_hangs_pauses_the_rig_says_why_and_costs_no_attempt(
    town: Town, broken: tuple[str, ...], says: str
) -> None:
    town.rig()
    town.ok("rig", "set", "web", *broken)
    beads = town.sling("quick", "One", "Two")
    waiting = [town.wait_for(bead, status="open", queue_reason="paused") for bead in beads]
    assert all(says in bead["queue_detail"] for bead in waiting)
    assert {bead["attempts"] for bead in waiting} == {0}
    assert "setup_failed" in {entry["outcome"] for bead in waiting for entry in bead["attempt_log"]}
    (item,) = town.ask("inbox")
    assert (item["kind"], item["action"]) == ("paused", "boomtown resume web")
    assert says in item["text"]
    assert town.run("rig", "check", "web").status == 1
    town.ok("rig", "set", "web", *(f"{text.partition('=')[0]}=null" for text in broken))
    town.all_closed()
    assert town.ask("inbox") == []


def test_a_setup_that_a_bead_broke_holds_that_bead_alone(town: Town) -> None:
    town.rig()
    town.ok("rig", "set", "web", 'setup=["test ! -e broken"]', 'gates=["true"]')
    bead = town.sling("red_first", "Break it")[0]
    held = town.wait_for(bead, status="open", queue_reason="held")
    assert [entry["outcome"] for entry in held["attempt_log"]] == ["handed_on", "gate_red", "setup_failed"]
    assert held["attempts"] == 1
    assert "test ! -e broken" in held["queue_detail"]
    town.wait_for(town.sling("quick", "Work beside it")[0], status="closed")


def test_a_stop_during_the_setup_ends_all_of_it(town: Town) -> None:
    town.rig()
    pids = town.control / "pids"
    script = f"(setsid sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait)"
    town.ok("rig", "set", "web", f"setup={json.dumps([script])}")
    bead = town.sling("quick", "Work")[0]
    started = [int(pid) for pid in town.said("pids").split()]
    assert all(alive(pid) for pid in started)
    town.ok("stop", bead)
    town.wait_for(bead, status="open", queue_reason="held")
    assert not any(alive(pid) for pid in started)
    assert town.bead(bead)["attempts"] == 0


def test_submodules_are_checked_out_where_the_rig_wants_them(town: Town) -> None:
    library = town.repository("library", {"lib.txt": "library\n"})
    work = town.folder / "adding.work"
    git(town.folder, "clone", "--quiet", str(town.repository("with")), str(work))
    git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    git(work, "commit", "--quiet", "--message", "Add the library")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    origin = town.rig("web", "--gate", "test -s lib/lib.txt", origin=town.folder / "with.git")
    assert town.run("rig", "check", "web").status == 1
    town.ok("rig", "set", "web", "submodules=true")
    assert town.ask("rig", "check", "web")["green"]
    bead = town.sling("quick", "Work")[0]
    town.wait_for(bead, status="closed")
    assert git(origin, "ls-tree", "main", "lib").startswith("160000 commit")


def test_agents_share_the_caches_of_their_package_managers(town: Town) -> None:
    town.rig()
    first, second = town.sling("waits", "One", "Two")
    eventually(lambda: len(town.live_runs()) == 2, "both run")
    homes = [town.home / "rigs" / "web" / "homes" / bead for bead in (first, second)]
    (homes[0] / ".npm" / "package").write_text("fetched once")
    assert (homes[1] / ".npm" / "package").read_text() == "fetched once"
    assert os.path.realpath(homes[0] / ".cache" / "pip") == str((town.home / "cache/.cache/pip").resolve())
    town.go()
    town.all_closed()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("copy=../secrets", "without .."),
        ("link=/etc", "relative path"),
        ("copy=.git/config", "not in .git"),
        ("home_files=.claude/.credentials.json", "boomtown agent login"),
        ("home_files=.gitconfig", "git identity"),
        ("setup_timeout=-1", "seconds"),
        ("submodules=perhaps", "true or false"),
    ],
)
def test_settings_that_lead_astray_are_refused(quiet: Town, setting: str, says: str) -> None:
    assert says in quiet.fails("rig", "set", "web", setting)
