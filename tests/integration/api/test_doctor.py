"""The doctor at a real home: everything that can lie around is found, mended without losing work, and then gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_town import Town, start_town

from boomtown.api import offline
from boomtown.container.proctable import MARK


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with start_town(tmp_path) as town:
        yield town


def wrong(found: list[dict[str, object]]) -> dict[str, str]:
    return {f"{finding['check']}": str(finding["text"]) for finding in found if not finding["ok"]}


def git(repo: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True, text=True).stdout.strip()


def test_a_town_at_work_is_healthy_and_is_left_alone(town: Town) -> None:
    bead = town.mutate("sling", {"rigId": "web", "title": "wait"}).json()["result"]["data"]
    found = offline.doctor(town.home, fix=True)
    assert wrong(found) == {}
    assert not any(finding["mended"] for finding in found)
    assert town.query("getAgent", agentId=bead["agent"]["id"])["status"] == "working"
    town.mutate("cancelBead", {"beadId": bead["bead"]["id"]}).raise_for_status()


def test_every_kind_of_leftover_is_found_and_mended_and_no_work_is_lost(town: Town) -> None:
    assert town.end()[0] == 0
    home, repo = town.home, town.home.rig("web").repo
    assert wrong(offline.doctor(home, fix=False)) == {}

    home.token.chmod(0o644)
    home.server_json.write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 1, "started_at": ""}))
    home.container_json.write_text(json.dumps({"pid": 2**22 - 1, "started_at": 0, "socket": "/nowhere"}))
    lock = repo / "packed-refs.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    ghost = home.rig("web").worktree("ghost")
    git(repo, "worktree", "add", "-q", "-b", "polecat/ghost/abc123", str(ghost), "origin/main")
    (ghost / "half.txt").write_text("half done")
    git(repo, "branch", "polecat/gone/def456", "origin/main")
    marked = {**os.environ, MARK: f"{home.home_id.read_text().strip()}:left"}
    stray = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=marked)

    found = offline.doctor(home, fix=False)
    texts = " ".join(str(finding["text"]) for finding in found if not finding["ok"])
    for words in ("token can be read", "server.json names", "container.json names", "packed-refs.lock", "1 processes",
                  "worktrees/ghost belongs", "polecat/gone/def456 belongs"):  # fmt: skip
        assert words in texts
    assert ghost.exists()
    assert stray.poll() is None

    mended = offline.doctor(home, fix=True)
    assert wrong(mended) == {}
    assert stray.wait(30) != 0
    assert stray.stdin is not None
    stray.stdin.close()
    assert not ghost.exists()
    assert not lock.exists()
    assert home.token.stat().st_mode & 0o777 == 0o600
    kept = git(repo, "for-each-ref", "--format=%(refname)", "refs/heads/polecat", "refs/boomtown/parked").split()
    (branch,) = [ref for ref in kept if "ghost" in ref]
    assert git(repo, "show", f"{branch}:half.txt") == "half done"
    assert "refs/boomtown/parked/polecat/gone/def456" in kept
    assert wrong(offline.doctor(home, fix=True)) == {}
    assert not any(finding["mended"] for finding in offline.doctor(home, fix=True))

    town.process = Town(home).up().process


def test_what_only_a_person_can_mend_is_said_with_its_cure(town: Town) -> None:
    assert town.end()[0] == 0
    shutil.move(town.origin, town.origin.with_name("moved"))
    town.home.config.write_text('[agents.lost]\ncommand = ["no-such-program"]\n')
    found = offline.doctor(town.home, fix=True)
    assert set(wrong(found)) == {"rig web", "agent lost"}
    assert all(finding["cure"] for finding in found if not finding["ok"])
    sound = town.home.database.read_bytes()
    town.home.database.write_bytes(b"x" * 9000)
    assert "is damaged" in wrong(offline.doctor(town.home, fix=True))["database"]
    shutil.move(town.origin.with_name("moved"), town.origin)
    town.home.database.write_bytes(sound)
    town.process = Town(town.home).up().process
