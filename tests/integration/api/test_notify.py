"""What waits for a person is told to a program and to a web address: once for each cause, also over a restart."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from serving import wait_until
from test_town import Town, start_town

PROGRAM = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n')"


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted."""

    heard: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    heard: list[dict[str, Any]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Listening", (Hook,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def town(tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]) -> Iterator[Town]:
    command = json.dumps([sys.executable, "-c", PROGRAM, str(tmp_path / "told")])
    with start_town(tmp_path, f'[notify]\ncommand = {command}\nwebhook = "{hook[0]}"\n') as town:
        yield town


def test_each_cause_is_told_once(town: Town, tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]) -> None:
    heard = hook[1]

    def told() -> list[str]:
        path = tmp_path / "told"
        return [json.loads(line)["title"] for line in path.read_text().splitlines()] if path.exists() else []

    def sling(title: str) -> str:
        made = town.mutate("sling", {"rigId": "web", "tasks": [{"title": title}], "hold": True})
        return made.json()["result"]["data"]["results"][0]["bead"]["id"]

    first = sling("first")
    wait_until(lambda: told() == ["first"] and len(heard) == 1, 30)
    assert (heard[0]["kind"], heard[0]["bead_id"], heard[0]["action"]) == (
        "held",
        first,
        f"boomtown bead start {first[:8]}",
    )

    town.mutate("shutdown", {"keepContainer": True}).raise_for_status()
    assert town.process.wait(30) == 0
    town.process = Town(town.home).up().process
    sling("second")
    wait_until(lambda: len(heard) == 2, 30)
    assert told() == ["first", "second"], "the restart told nothing again"

    town.mutate("cancelBead", {"beadId": first}).raise_for_status()
    sling("third")
    wait_until(lambda: len(heard) == 3, 30)
    town.mutate("retryBead", {"beadId": first}).raise_for_status()
    town.wait_for(first, "in_review")
    wait_until(lambda: len(heard) == 4, 30)
    assert [item["title"] for item in heard] == ["first", "second", "third", "first"]
    assert heard[3]["kind"] == "approval"
