"""A rig with 10,000 beads and 200 agents beside one with ten: how long people's reads take."""

from __future__ import annotations

import http.client
import json
import statistics
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from bench.crowd import fill
from bench.town import Town, make_repository, wait_until

TOWNS = {
    "small": ({"closed": 4, "failed": 1, "in_review": 1, "open": 4}, 2),
    "large": ({"closed": 7400, "failed": 200, "cancelled": 100, "in_review": 100, "open": 2200}, 200),
}
"""Beads of each status, and how many agents get to work on the open ones."""
ROUNDS = 100
AIM_MS = 50.0
KEPT_S = 2.0
RIG = "bench"


def measure() -> dict[str, Any]:
    """One row for each read: median and 99th percentile in ms, of both towns in turn."""
    with ExitStack() as towns:
        made = {size: _crowded(towns.enter_context(Town()), *crowd) for size, crowd in TOWNS.items()}
        asking = {size: _Asking(town) for size, town in made.items()}
        rows = []
        for name in asking["small"].reads:
            took = {size: [] for size in asking}
            for _ in range(ROUNDS):
                for size, client in asking.items():
                    took[size].append(client.ask(name))
            row: dict[str, Any] = {"read": name, "kB": round(asking["large"].size / 1000)}
            for size, seconds in took.items():
                row[f"{size}_p50_ms"] = round(statistics.median(seconds) * 1000, 1)
                row[f"{size}_p99_ms"] = round(sorted(seconds)[int(len(seconds) * 0.99) - 1] * 1000, 1)
            row["aim_p99_ms"] = AIM_MS
            print(f"  scale: {row}", flush=True)
            rows.append(row)
        return {"scale": rows}


def _crowded(town: Town, counts: dict[str, int], agents: int) -> Town:
    """A town with so many beads, of which `agents` are at work."""
    origin = make_repository(town.folder / "origin.git", 10)
    town.cli("rig", "add", RIG, str(origin), "--max-polecats", str(agents), "--agent", "probe")
    town.cli("down")
    fill(town.home / "town.db", RIG, counts)
    town.cli("up", "--detach")
    wait_until(lambda: sum(not file.suffix for file in town.out.iterdir()) == agents, 300)
    return town


class _Asking:
    """One kept connection, and what is read over it."""

    def __init__(self, town: Town) -> None:
        place = urllib.parse.urlsplit(town.url)
        self._connection = http.client.HTTPConnection(str(place.hostname), place.port or 80)
        self._headers = {"authorization": f"Bearer {town.token}"}
        self._asked = time.monotonic()
        self.size = 0
        self.reads = dict(self._all_reads())

    def ask(self, name: str) -> float:
        began = time.perf_counter()
        self.size = len(self._get(*self.reads[name]))
        return time.perf_counter() - began

    def _all_reads(self) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
        rig = {"rigId": RIG}
        failed = self._data("listBeads", {**rig, "status": "failed", "limit": 1})["items"][0]
        worker = self._data("listAgents", rig)[-1]
        yield "getStatus", ("getStatus", {})
        yield "getInbox", ("getInbox", {})
        yield "getRig", ("getRig", rig)
        yield "listAgents", ("listAgents", rig)
        yield "listBeads", ("listBeads", rig)
        for status in ("open", "in_progress", "in_review", "closed", "failed"):
            more = {"newest": True} if status in ("closed", "failed") else {}
            yield f"listBeads {status}", ("listBeads", {**rig, "status": status, "limit": 100, **more})
        yield "getMergeQueue", ("getMergeQueue", rig)
        yield "getBeadEvents", ("getBeadEvents", {**rig, "before": 2**53 - 1, "limit": 200})
        yield "getBead", ("getBead", {"beadId": failed["id"]})
        yield "getAgent", ("getAgent", {"agentId": worker["id"]})

    def _data(self, procedure: str, value: dict[str, Any]) -> Any:
        return json.loads(self._get(procedure, value))["result"]["data"]

    def _get(self, procedure: str, value: dict[str, Any]) -> bytes:
        if time.monotonic() - self._asked > KEPT_S:
            self._connection.close()  # the server lets go of what is idle; the next request opens it again
        self._asked = time.monotonic()
        query = urllib.parse.urlencode({"input": json.dumps(value)})
        self._connection.request("GET", f"/trpc/gastown.{procedure}?{query}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{procedure} was answered {answer.status}: {body[:300]!r}")
        return body
