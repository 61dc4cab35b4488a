"""Going back to a backup for real, while newer work lies around: nothing is lost, and it is said where it is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from serving import wait_until
from test_town import Town, start_town

from boomtown.api import offline
from boomtown.domain.errors import ConflictError, UnavailableError


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with start_town(tmp_path) as town:
        yield town


def sling(town: Town, title: str) -> dict[str, Any]:
    return town.mutate("sling", {"rigId": "web", "title": title}).json()["result"]["data"]


def reviewed(town: Town, title: str) -> dict[str, Any]:
    """A bead whose work is handed on."""
    return town.wait_for(sling(town, title)["bead"]["id"], "in_review")


def kill_server(town: Town) -> None:
    os.kill(town.process.pid, signal.SIGKILL)
    town.process.communicate(timeout=30)


def processes_of(town: Town) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BOOMTOWN_HOME") == str(town.home.root):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def git(town: Town, *arguments: str) -> str:
    repo = town.home.rig("web").repo
    return subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True, text=True).stdout


def test_an_older_database_meets_newer_work(town: Town) -> None:
    landed = reviewed(town, "lands after the backup")
    wished = town.mutate("sling", {"rigId": "web", "tasks": [{"title": "wait"}], "hold": True}).json()
    waits = wished["result"]["data"]["results"][0]["bead"]["id"]
    backup = town.mutate("createBackup", {}).json()["result"]["data"]["name"]
    town.mutate("approveBead", {"beadId": landed["id"]}).raise_for_status()
    town.wait_for(landed["id"], "closed")
    town.mutate("startBead", {"beadId": waits}).raise_for_status()
    later = reviewed(town, "made after the backup")
    wait_until(lambda: town.query("getAgent", agentId=waits)["pid"] is not None, 60)
    live = town.query("getAgent", agentId=waits)
    (Path(live["worktree"]) / "half.txt").write_text("half done")
    with pytest.raises(ConflictError, match="A server runs already"):
        offline.restore(town.home, backup)
    key = town.home.jwt_key.read_text()
    kill_server(town)
    assert psutil.pid_exists(live["pid"])

    done = offline.restore(town.home, backup)

    assert processes_of(town) == []
    assert not town.home.jwt_key.exists()
    assert (Path(done["set_aside"])).exists()
    assert any("had landed as" in sentence for sentence in done["adopted"])
    assert any(f"goes on from {live['branch']}" in sentence for sentence in done["adopted"])
    assert any(later["branch"] in sentence for sentence in done["parked"])
    assert "half done" in git(town, "show", f"{live['branch']}:half.txt")

    town.process = Town(town.home).up().process
    assert town.home.jwt_key.read_text() != key
    assert town.query("getBead", beadId=landed["id"])["status"] == "closed"
    held = town.query("getBead", beadId=waits)
    assert (held["status"], held["queue_reason"], held["branch"]) == ("open", "held", live["branch"])
    (parked,) = [item for item in town.query("getInbox") if item["kind"] == "escalation"]
    assert later["branch"] in parked["title"]
    assert git(town, "rev-parse", later["branch"]).strip() in parked["text"]
    town.mutate("startBead", {"beadId": waits}).raise_for_status()
    again = town.query("getAgent", agentId=waits)
    assert again["run"] > live["run"]
    wait_until(lambda: (Path(town.query("getAgent", agentId=waits)["worktree"]) / "half.txt").exists(), 60)
    assert httpx.get(f"{town.url}/health").status_code == 200


def test_a_damaged_database_is_refused_and_restored(town: Town) -> None:
    bead = reviewed(town, "in the backup")
    run = max(event["data"].get("number", 0) for event in town.query("getBeadEvents")["items"])
    town.mutate("createBackup", {}).raise_for_status()
    kill_server(town)
    town.home.database.write_bytes(b"not a database" * 1000)
    for ending in ("-wal", "-shm"):
        Path(f"{town.home.database}{ending}").unlink(missing_ok=True)
    refused = Town(town.home)
    _, said = refused.process.communicate(timeout=60)
    assert refused.process.returncode == 1
    assert "boomtown restore" in said

    done = offline.restore(town.home, None)

    assert "damaged" in done["set_aside"]
    town.process = Town(town.home).up().process
    assert town.query("getBead", beadId=bead["id"])["status"] == "in_review"
    town.mutate("approveBead", {"beadId": bead["id"]}).raise_for_status()
    town.wait_for(bead["id"], "closed")
    assert sling(town, "next")["agent"]["run"] > run + 1000


def test_a_damaged_backup_changes_nothing(town: Town) -> None:
    made = town.mutate("createBackup", {}).json()["result"]["data"]
    kill_server(town)
    Path(made["path"]).write_bytes(b"x" * 10_000)
    before = town.home.database.read_bytes()
    with pytest.raises(UnavailableError, match="is damaged"):
        offline.restore(town.home, None)
    assert town.home.database.read_bytes() == before
    town.process = Town(town.home).up().process
