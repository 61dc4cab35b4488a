"""A whole town behind the API: real server, container, git and agents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter
from serving import official_client, wait_until
from test_serve import Process

from boomtown.api.procedures import gastown
from boomtown.home.paths import Home

AGENT = """
import os, subprocess, sys, time
print("hello from", os.environ["BOOMTOWN_AGENT_NAME"], flush=True)
title = os.environ["BOOMTOWN_BEAD_ID"]
prompt = sys.stdin.read()
if "escalate" in prompt.splitlines():
    subprocess.run(["boomtown", "escalate", "Look at this"], check=True)
if "wait" in prompt:
    n = 0
    while True:
        n += 1
        print("line", n, flush=True)
        time.sleep(0.02)
open(title + ".txt", "a").write("work\\n")
subprocess.run(["git", "add", "."], check=True)
subprocess.run(["git", "commit", "-qm", "Work"], check=True)
"""


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True)


class Town(Process):
    """A server whose every answer is held against the shape that its procedure promises."""

    origin: Path

    def checked(self, name: str, value: Any = None) -> Any:
        procedure = gastown.get(f"gastown.{name}")
        assert procedure is not None
        if procedure.kind == "query":
            answer = self.query(name, **(value or {}))
        else:
            answer = self.mutate(name, value or {}).json()
            assert "result" in answer, answer
            answer = answer["result"]["data"]
        shape = TypeAdapter(procedure.output)
        assert shape.dump_python(shape.validate_python(answer), mode="json") == answer
        return answer

    def wait_for(self, bead_id: str, status: str) -> dict[str, Any]:
        bead: dict[str, Any] = {}

        def there() -> bool:
            bead.update(self.query("getBead", beadId=bead_id))
            return bead["status"] == status

        wait_until(there, 60)
        return bead


@contextmanager
def start_town(folder: Path, config: str = "") -> Iterator[Town]:
    """A town with the rig `web`, which reviews, and the agent `mine`; all of it ends with the block."""
    origin = folder / "origin"
    origin.mkdir()
    git("init", "-qb", "main", cwd=origin)
    git("-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-qm", "x", "--allow-empty", cwd=origin)
    home = Home(folder / "home")
    home.create()
    (folder / "agent.py").write_text(AGENT)
    command = json.dumps([sys.executable, str(folder / "agent.py")])
    home.config.write_text(f"{config}\n[agents.mine]\ncommand = {command}\n")
    town = Town(home, "--port", "0")
    town.origin = origin
    town.up()
    town.mutate("createRig", {"name": "web", "gitUrl": str(origin)}).raise_for_status()
    yield town
    town.end()
    for process in psutil.process_iter():
        try:
            if process.environ().get("BOOMTOWN_HOME") == str(home.root):
                process.kill()
        except psutil.Error:
            continue


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with start_town(tmp_path_factory.mktemp("town")) as town:
        yield town


def test_bad_titles_change_nothing(town: Town) -> None:
    before = town.query("listBeads", rigId="web")["items"]
    for title, sentence in (("", "title is empty"), ("x" * 10_000, "title has 10000 characters; at most 2000 fit")):
        answer = town.mutate("sling", {"rigId": "web", "title": title})
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]["message"]
        assert answer.json()["error"]["data"]["issues"][0]["path"] == ["title"]
    assert town.query("listBeads", rigId="web")["items"] == before


def listen(town: Town, path: str, value: dict[str, Any], take: int) -> list[dict[str, Any]]:
    """`take` items of a subscription, as the official client gets them."""
    token = town.home.token.read_text().strip()
    subscription = {"path": f"gastown.{path}", "input": value, "take": take}
    seen = official_client({"url": f"{town.url}/trpc", "token": token, "subscribe": subscription})
    assert seen["error"] is None
    return seen["events"]


def test_streams_are_heard_live_and_resumed_over_a_restart_of_the_server(town: Town) -> None:
    beads = [town.mutate("sling", {"rigId": "web", "title": f"wait {n}"}).json()["result"]["data"] for n in (1, 2)]
    runs = {bead["agent"]["run_id"] for bead in beads}
    started = time.time()
    first = listen(town, "onStreams", {"rigId": "web"}, 40)
    last = listen(town, "onEvents", {"rigId": "web", "lastEventId": "0"}, 1)
    assert last[0]["data"]["seq"] == int(last[0]["id"]) >= 1

    town.mutate("shutdown", {"keepContainer": True}).raise_for_status()
    assert town.process.wait(30) == 0
    town.process = Town(town.home).up().process

    second = listen(town, "onStreams", {"rigId": "web", "lastEventId": first[-1]["id"]}, 60)
    heard = first + second
    assert [int(item["id"]) for item in heard] == sorted({int(item["id"]) for item in heard})
    for run in runs:
        seqs = [item["data"]["seq"] for item in heard if item["data"]["runId"] == run]
        assert seqs == list(range(1, len(seqs) + 1)), "no gap and no duplicate"
    live = listen(town, "onLive", {"agentIds": [beads[0]["agent"]["id"]]}, 2)
    assert all(frame["agentId"] == beads[0]["agent"]["id"] for item in live for frame in item["data"]["frames"])
    assert time.time() - started < 60
    for bead in beads:
        town.checked("cancelBead", {"beadId": bead["bead"]["id"]})


def test_an_event_is_heard_when_it_happens(town: Town) -> None:
    wait_until(lambda: town.query("listAgents") == [], 60)
    end = town.query("getStatus")["last_seq"]
    (bead,) = town.checked("sling", {"rigId": "web", "tasks": [{"title": "Three"}], "hold": True})["results"]
    (event,) = listen(town, "onEvents", {"rigId": "web", "lastEventId": str(end)}, 1)
    assert (event["data"]["kind"], event["data"]["bead_id"]) == ("bead.created", bead["bead"]["id"])
    (live,) = listen(town, "onLive", {"lastEventId": f"{end}.", "streams": False}, 1)
    assert live["data"] == {"type": "event", "event": event["data"]}


def test_a_foreign_id_to_resume_from_is_refused(town: Town) -> None:
    token = town.home.token.read_text().strip()
    subscription = {"path": "gastown.onStreams", "input": {"lastEventId": "yesterday"}}
    seen = official_client({"url": f"{town.url}/trpc", "token": token, "subscribe": subscription})
    assert "lastEventId" in seen["error"]["message"]


def test_the_server_can_be_killed_while_agents_work_and_keeps_its_port(town: Town) -> None:
    bead = town.mutate("sling", {"rigId": "web", "title": "wait"}).json()["result"]["data"]
    url, pid = town.url, town.query("getAgent", agentId=bead["agent"]["id"])["pid"]
    os.kill(town.process.pid, signal.SIGKILL)
    town.process.wait(10)
    town.process = Town(town.home).up().process
    assert town.url == url
    wait_until(lambda: town.query("getAgent", agentId=bead["agent"]["id"])["status"] == "working")
    if pid is not None:
        assert psutil.pid_exists(pid)
    town.checked("cancelBead", {"beadId": bead["bead"]["id"]})
