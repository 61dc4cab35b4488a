"""200 agents that call prime, mail and heartbeat at once while 20 people sling: errors, waiting and memory."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.town import Town, make_repository, wait_until

AGENTS = 200
PEOPLE = 20
SECONDS = 20.0
PAUSE_S = 1.0
"""Between two rounds of calls of one agent, and between two slings of one person."""
CALLER = 'env > "$OUT/$BOOMTOWN_RUN.part"; mv "$OUT/$BOOMTOWN_RUN.part" "$OUT/$BOOMTOWN_RUN"; exec sleep 600'
CALLS = (("GET", "/prime"), ("GET", "/mail"), ("POST", "/heartbeat"))


def measure() -> dict[str, Any]:
    """One row for each kind of call: how many, how many were refused, how long they took; and the server's memory."""
    with Town() as town:
        command = json.dumps(["sh", "-c", CALLER])
        config = town.home / "config.toml"
        more = f"[agents.caller]\ncommand = {command}\n[agents.caller.env]\nOUT = {json.dumps(str(town.out))}\n"
        town.cli("down")
        config.write_text(f"{config.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
        town.cli("up", "--detach")
        origin = make_repository(town.folder / "origin.git", 10)
        town.cli("rig", "add", "bench", str(origin), "--max-polecats", str(AGENTS), "--agent", "caller")
        town.call("sling", rigId="bench", tasks=[{"title": f"call {number}"} for number in range(AGENTS)])
        wait_until(lambda: len(_names(town.out)) == AGENTS, 300)
        server = psutil.Process(town.status()["server"]["pid"])
        before = server.memory_info().rss
        load = _Load(town)
        asyncio.run(load.run([_environment(town.out / name) for name in _names(town.out)]))
        grown = {"memory_mb": round(before / 1e6), "after_mb": round(server.memory_info().rss / 1e6)}
        rows = load.rows()
        for row in [*rows, grown]:
            print(f"  load: {row}", flush=True)
        return {"load": rows, "load memory": grown}


def _names(out: Path) -> list[str]:
    return [file.name for file in out.iterdir() if not file.suffix]


def _environment(file: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
    return {name: value for name, _, value in pairs}


class _Load:
    """All callers, each with a kept connection."""

    def __init__(self, town: Town) -> None:
        place = urlsplit(town.url)
        self._host, self._port, self._token = str(place.hostname), place.port or 80, town.token
        self._took: dict[str, list[float]] = {}
        self._statuses: dict[str, Counter[int]] = {}
        self._fewest: dict[str, int] = {}

    async def run(self, agents: list[dict[str, str]]) -> None:
        until = time.monotonic() + SECONDS
        callers = [self._repeat(until, self._agent(env)) for env in agents]
        await asyncio.gather(*callers, *(self._repeat(until, self._person(number)) for number in range(PEOPLE)))

    def rows(self) -> list[dict[str, Any]]:
        rows = []
        for name, took in self._took.items():
            good = self._statuses[name][200]
            ordered = sorted(took)
            row = {"call": name, "calls": len(took), "errors": len(took) - good}
            row |= {f"p{part}_ms": round(ordered[int(len(ordered) * part / 100)] * 1000) for part in (50, 95, 99)}
            rows.append(row | {"longest_ms": round(ordered[-1] * 1000), "fewest_of_one": self._fewest[name]})
        return rows

    async def _repeat(self, until: float, calls: Callable[[_Wire], Awaitable[list[str]]]) -> None:
        wire, made = _Wire(self._host, self._port), Counter()
        while time.monotonic() < until:
            made.update(await calls(wire))
            await asyncio.sleep(PAUSE_S)
        for name, count in made.items():
            self._fewest[name] = min(count, self._fewest.get(name, count))

    def _agent(self, env: dict[str, str]) -> Callable[[_Wire], Awaitable[list[str]]]:
        place = f"/api/towns/{env['GASTOWN_TOWN_ID']}/rigs/{env['GASTOWN_RIG_ID']}/agents/{env['GASTOWN_AGENT_ID']}"

        async def calls(wire: _Wire) -> list[str]:
            for method, path in CALLS:
                body = b'{"status": "working"}' if method == "POST" else b""
                await self._timed(path[1:], wire, method, place + path, env["GASTOWN_SESSION_TOKEN"], body)
            return [path[1:] for _, path in CALLS]

        return calls

    def _person(self, number: int) -> Callable[[_Wire], Awaitable[list[str]]]:
        async def calls(wire: _Wire) -> list[str]:
            body = json.dumps({"rigId": "bench", "title": f"of person {number}"}).encode()
            await self._timed("sling", wire, "POST", "/trpc/gastown.sling", self._token, body)
            return ["sling"]

        return calls

    async def _timed(self, name: str, wire: _Wire, method: str, path: str, token: str, body: bytes) -> None:
        began = time.perf_counter()
        status = await wire.ask(method, path, token, body)
        self._took.setdefault(name, []).append(time.perf_counter() - began)
        self._statuses.setdefault(name, Counter())[status] += 1


class _Wire:
    """One kept connection of HTTP/1.1."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, token: str, body: bytes) -> int:
        """The status of the answer, which is read whole; 0 for a connection that was cut."""
        try:
            if self._open is None:
                self._open = await asyncio.open_connection(self._host, self._port, limit=1 << 22)
            reader, writer = self._open
            head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {token}\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                int(line.partition(":")[2]) for line in answer.lower().split("\r\n") if "content-length" in line
            )
            await reader.readexactly(length)
            return int(answer.split(" ", 2)[1])
        except (OSError, EOFError, StopIteration):
            self._open = None
            return 0
