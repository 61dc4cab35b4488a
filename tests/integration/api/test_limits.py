"""Clients that ask too much: too often, too large, too slowly, on too many connections."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import structlog
from standins import Standins

from boomtown.api import logs
from boomtown.api.admission import CALLS_AT_ONCE
from boomtown.api.http import Http
from boomtown.home.clock import SystemClock
from boomtown.rig.tokens import Claims

MAIL = "/api/towns/t/rigs/r/mail"
MOST = 24


@contextmanager
def serving(standins: Standins, request_s: float) -> Iterator[str]:
    """The application behind the real HTTP server, which holds at most `MOST` connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        started: list[tuple[Http, asyncio.AbstractEventLoop]] = []
        ready = threading.Event()

        async def run() -> None:
            http = Http(standins.app, most=MOST, request_s=request_s)
            started.append((http, asyncio.get_running_loop()))
            serve = asyncio.create_task(http.serve([listening]))
            await http.up.wait()
            ready.set()
            await serve

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        assert ready.wait(30)
        standins.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            yield standins.url
        finally:
            ((http, loop),) = started
            loop.call_soon_threadsafe(http.end)
            thread.join(30)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Standins]:
    """A server that waits long for requests."""
    standins = Standins(tmp_path / "home")
    with serving(standins, request_s=600):
        yield standins


def headers_of(standins: Standins, agent: str) -> dict[str, str]:
    token = standins.tokens.issue(Claims("t", "r", agent, 7, "polecat"), SystemClock().now())
    return {"authorization": f"Bearer {token}"}


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=60)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_an_agent_that_floods_is_told_to_wait_and_its_neighbour_is_not(patient: Standins) -> None:
    patient.desk.answer = []
    noisy, quiet = headers_of(patient, "noisy"), headers_of(patient, "quiet")
    statuses: list[int] = []
    refused: list[httpx.Response] = []
    enough = threading.Event()

    def flood() -> None:
        with httpx.Client(base_url=patient.url, timeout=60) as client:
            while not enough.is_set():
                answer = client.post(MAIL, json={}, headers=noisy)
                statuses.append(answer.status_code)
                if answer.status_code == 429:
                    refused.append(answer)
                if len(statuses) > 2 * CALLS_AT_ONCE and refused:
                    enough.set()

    flooding = [threading.Thread(target=flood) for _ in range(4)]
    for thread in flooding:
        thread.start()
    while not enough.is_set():
        for path in ("prime", "mail", "checkpoint"):
            answer = httpx.get(f"{patient.url}/api/towns/t/rigs/r/agents/quiet/{path}", headers=quiet, timeout=60)
            assert answer.status_code == 200, answer.text
    for thread in flooding:
        thread.join()
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= CALLS_AT_ONCE
    told = refused[0].json()
    assert (told["success"], told["code"]) == (False, "TOO_MANY_REQUESTS")
    assert int(refused[0].headers["retry-after"]) >= 1
    tools = httpx.post(f"{patient.url}/mcp", json=[{}] * int(CALLS_AT_ONCE + 1), headers=quiet, timeout=60)
    assert tools.status_code == 429, "a batch counts as many calls"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(patient: Standins) -> None:
    memory = psutil.Process().memory_info().rss
    with connect(patient.url) as announced:
        head = f"POST {MAIL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1 << 30}\r\n"
        head += f"Authorization: {headers_of(patient, 'a')['authorization']}\r\n\r\n"
        announced.sendall(head.encode())
        assert announced.recv(65536).startswith(b"HTTP/1.1 413 ")
    for path, sent, headers in (
        (MAIL, b"x", headers_of(patient, "a")),
        ("/trpc/gastown.sling", b"x", patient.user | {"content-type": "application/json"}),
    ):
        endless = (sent * (1 << 20) for _ in range(200))
        answer = httpx.post(patient.url + path, content=endless, headers=headers, timeout=60)
        assert answer.status_code == 413, answer.text
        assert "PAYLOAD_TOO_LARGE" in answer.text
    assert psutil.Process().memory_info().rss - memory < 100_000_000
    assert patient.desk.calls == patient.town.calls == []


def test_connections_that_only_wait_make_room_for_those_that_ask(patient: Standins) -> None:
    half = [connect(patient.url) for _ in range(3 * MOST)]
    for number, connection in enumerate(half):
        if number % 2:
            try:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
            except OSError:  # it made room already
                continue
    try:
        for _ in range(5):
            assert httpx.get(f"{patient.url}/health", timeout=60).status_code == 200
    finally:
        for connection in half:
            connection.close()


def test_a_request_that_does_not_become_whole_is_closed(tmp_path: Path) -> None:
    standins = Standins(tmp_path / "home")
    with serving(standins, request_s=0.2) as url:
        head = f"POST {MAIL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        head += f"Authorization: {headers_of(standins, 'a')['authorization']}\r\n\r\n"
        for sent in (b"", b"GET /health HTT", head.encode() + b'{"'):
            with connect(url) as slow:
                slow.sendall(sent)
                assert all_of(slow).startswith(b"HTTP/1.1 408 ")
    assert standins.desk.calls == []


def test_nothing_that_a_client_sends_makes_a_second_line_in_the_log(tmp_path: Path) -> None:
    file, root = tmp_path / "server.log", logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    forged = 'x\n{"event": "forged", "level": "info"}\r\n\x1b[2J\u2028'
    try:
        logs.configure(file)
        structlog.get_logger().warning("request.refused", path=forged, **{"agent": {forged: [forged]}})
        logging.getLogger("some.library").warning("Invalid request from %s", forged)
        try:
            raise ValueError(forged)
        except ValueError:
            structlog.get_logger().exception("request.failed")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:], root.level = before[0], before[1]
        structlog.configure(**before[2])
    lines: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().split("\n") if line]
    assert [line["event"].split("\n")[0] for line in lines] == [
        "request.refused", "Invalid request from x", "request.failed",
    ]  # fmt: skip
    assert "\x1b" not in file.read_text()
