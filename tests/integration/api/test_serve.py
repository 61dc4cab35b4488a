"""The server process for real: its lock, port, files, signals and end. Each test has a home of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from serving import wait_until

from boomtown.home.paths import Home


class Process:
    """`python -m boomtown.api.serve` for one home."""

    def __init__(self, home: Home, *options: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "boomtown.api.serve", *options],
            env={**os.environ, "BOOMTOWN_HOME": str(home.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def up(self) -> Process:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Boomtown is up: "), self.process.communicate(timeout=10)
        return self

    @property
    def card(self) -> dict[str, Any]:
        return json.loads(self.home.server_json.read_text())

    @property
    def url(self) -> str:
        return self.card["url"]

    def mutate(self, name: str, value: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.home.token.read_text().strip()}"}
        return httpx.post(f"{self.url}/trpc/gastown.{name}", json=value, headers=headers, timeout=30)

    def query(self, name: str, **value: Any) -> Any:
        headers = {"authorization": f"Bearer {self.home.token.read_text().strip()}"}
        params = {"input": json.dumps(value)} if value else {}
        answer = httpx.get(f"{self.url}/trpc/gastown.{name}", params=params, headers=headers, timeout=30)
        return answer.json()["result"]["data"]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; returns exit status and standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home; whatever runs for it is killed at the end."""
    home = Home(tmp_path / "home")
    yield home
    mine = f"BOOMTOWN_HOME={home.root}"
    for process in psutil.process_iter():
        try:
            if mine in [f"{key}={value}" for key, value in process.environ().items()]:
                process.kill()
        except psutil.Error:
            continue


def container_pid(home: Home) -> int:
    return json.loads(home.container_json.read_text())["pid"]


def test_it_says_where_it_is_once_it_answers_and_leaves_no_trace_when_it_ends(home: Home) -> None:
    server = Process(home, "--port", "0").up()
    card = server.card
    assert set(card) >= {"url", "pid", "started_at"}
    assert card["pid"] == server.process.pid
    assert httpx.get(f"{card['url']}/health").json()["success"]
    assert server.query("getStatus")["container"]["attached"]
    container = container_pid(home)
    status, _ = server.end()
    assert status == 0
    assert not home.server_json.exists()
    wait_until(lambda: not psutil.pid_exists(container))


def test_its_files_are_for_the_user_alone(home: Home) -> None:
    server = Process(home, "--port", "0").up()
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    for path in (home.token, home.jwt_key, home.home_id, home.database, home.server_json, home.server_lock, home.port):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    server.end()


def test_a_second_server_of_a_home_is_refused_with_the_url_of_the_first(home: Home) -> None:
    first = Process(home, "--port", "0").up()
    second = Process(home, "--port", "0")
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert first.url in said
    assert said.count("\n") == 1
    assert first.query("listTowns")
    first.end()


def test_the_port_is_kept(home: Home) -> None:
    first = Process(home, "--port", "0").up()
    url = first.url
    first.end()
    second = Process(home).up()
    assert second.url == url
    second.end()


def test_a_taken_port_is_refused_with_the_cure_and_nothing_is_left_running(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = Process(home, "--port", str(port))
        _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken." in said
    assert "--port 0" in said
    assert not home.server_json.exists()
    assert not home.container_json.exists()


def test_a_host_that_others_reach_needs_to_be_meant(home: Home) -> None:
    server = Process(home, "--host", "0.0.0.0", "--port", "0")
    _, said = server.process.communicate(timeout=30)
    assert (server.process.returncode, "--allow-remote" in said) == (1, True)
    assert not home.root.exists()


def test_a_mistake_in_the_settings_is_said_before_anything_starts(home: Home) -> None:
    home.create()
    home.config.write_text("max_agents = 'many'\n")
    server = Process(home, "--port", "0")
    _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert "line 1: max_agents" in said


def test_shutdown_answers_first_and_then_ends_the_server_and_its_container(home: Home) -> None:
    server = Process(home, "--port", "0").up()
    container = container_pid(home)
    assert server.mutate("shutdown", {}).json() == {"result": {"data": {}}}
    assert server.process.wait(30) == 0
    wait_until(lambda: not psutil.pid_exists(container))


def test_shutdown_may_leave_the_container_for_the_next_server(home: Home) -> None:
    first = Process(home, "--port", "0").up()
    url, container = first.url, container_pid(home)
    first.mutate("shutdown", {"keepContainer": True})
    assert first.process.wait(30) == 0
    assert psutil.pid_exists(container)
    second = Process(home).up()
    assert (second.url, container_pid(home)) == (url, container)
    second.end()


def test_after_a_kill_the_next_server_takes_over_port_and_container(home: Home) -> None:
    first = Process(home, "--port", "0").up()
    url, container = first.url, container_pid(home)
    first.process.kill()
    first.process.wait(10)
    second = Process(home).up()
    assert (second.url, container_pid(home), second.card["pid"]) == (url, container, second.process.pid)
    second.end()


def test_somebody_who_waits_for_news_does_not_keep_the_server_from_ending(home: Home) -> None:
    server = Process(home, "--port", "0").up()
    since = server.query("getBeadEvents")["nextSince"] + 1000  # the end of the server is news, too
    token = home.token.read_text().strip()
    query = f"/trpc/gastown.getBeadEvents?input=%7B%22since%22:{since},%22waitS%22:60%7D"
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as waiting:
        waiting.sendall(f"GET {query} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n".encode())
        assert httpx.get(f"{server.url}/health").status_code == 200
        server.mutate("shutdown", {"keepContainer": True})
        assert server.process.wait(4) == 0
        assert b" 503 " in waiting.recv(65536).splitlines()[0]
    Process(home).up().end()


def test_old_streams_are_dropped_at_the_start_and_young_ones_stay(home: Home) -> None:
    home.create()
    old, young = home.stream("old"), home.stream("young")
    for path, days in ((old, 31), (young, 29)):
        path.write_text("{}\n")
        at = path.stat().st_mtime - days * 86_400
        os.utime(path, (at, at))
    server = Process(home, "--port", "0").up()
    wait_until(lambda: not old.exists())
    assert young.exists()
    server.end()


def test_to_commit_as_a_person_that_git_does_not_know_is_refused_with_the_cure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home.root / "nowhere"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    home.create()
    home.config.write_text('author = "me"\n')
    server = Process(home, "--port", "0")
    _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert "git config --global user.name" in said


def test_its_log_is_json_and_has_no_token_in_it(home: Home, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    server = Process(home, "--port", "0", "--log-file", str(log)).up()
    token = home.token.read_text().strip()
    httpx.get(f"{server.url}/trpc/gastown.listTowns?token={token}", headers={"authorization": f"Bearer {token}"})
    server.end()
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert {"server.up", "server.ended"} <= set(events)
    assert token not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
