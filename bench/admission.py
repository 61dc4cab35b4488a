"""Forty beads for Kilo, on a machine with memory for fewer: as many at a time as memory allows, beside fixed caps.

Every case is a rig of its own in the same town; the model answers after a while, as real ones do. Needs
`make setup-agents`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import psutil
import tomli_w
from tests.agents.model_server import ModelServer
from tests.agents.programs import INSTALLED, install, settings, work

from bench.town import Town, make_repository

BEADS = 40
CAPS = (4, 8, 16)
"""Fixed caps to compare with; the best of them counts."""
ANSWER_S = 3.0
"""How long the model takes for each step."""
MOST_S = 1800.0
GIGABYTE = 1e9


@dataclass(frozen=True)
class Counters:
    """Of the kernel, since it started."""

    swapped_out: int
    killed: int

    @classmethod
    def read(cls) -> Counters:
        found = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
        return cls(int(found["pswpout"]), int(found.get("oom_kill", 0)))


class Watch:
    """The least memory that was available, and the most runs that lived, while it is entered."""

    def __init__(self, town: Town) -> None:
        self._town, self._over = town, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.least_available = psutil.virtual_memory().available
        self.most_live = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            self.least_available = min(self.least_available, psutil.virtual_memory().available)
            self.most_live = max(self.most_live, len(self._town.query("listAgents")))


def measure() -> dict[str, Any]:
    """A row for each case, and the throughput of memory's choice beside the best fixed cap."""
    assert (INSTALLED / "node_modules").exists(), f"run `make setup-agents` first: {INSTALLED} is empty"
    with ModelServer(delay_s=ANSWER_S) as models:
        town = Town(tomli_w.dumps({"agents": {"kilo": settings("kilo", models.url)}}))
        install(town.home, "kilo")
        with town:
            rows = [_case(town, "by memory", BEADS), *(_case(town, f"at most {cap}", cap) for cap in CAPS)]
    best = min(row["seconds"] for row in rows[1:])
    beside = {"throughput": round(best / rows[0]["seconds"], 2), "beside": "the best fixed cap", "aim": 0.9}
    return {"admission": rows, "throughput": beside}


def _case(town: Town, name: str, cap: int) -> dict[str, Any]:
    town.wait_for_rest()
    rig, word = f"cap{cap}", uuid4().hex
    town.cli("rig", "add", rig, str(make_repository(town.folder / f"{rig}.git", 200)), "--max-polecats", str(cap),
             "--merge", "direct")  # fmt: skip
    before, began = Counters.read(), time.monotonic()
    with Watch(town) as watch:
        tasks = [
            {"title": f"{word} {number}", "body": work(f"{word}.{number}"), "agent": "kilo"} for number in range(BEADS)
        ]
        town.call("sling", rigId=rig, tasks=tasks)
        while len(town.beads(rig, "closed")) < BEADS:
            assert time.monotonic() - began < MOST_S, f"{name}: {[bead['status'] for bead in town.beads(rig)]}"
            time.sleep(1.0)
    seconds, after = time.monotonic() - began, Counters.read()
    lost = sum(len(bead["attempt_log"]) - 1 for bead in town.beads(rig))
    row = {
        "case": name,
        "seconds": round(seconds, 1),
        "most_at_once": watch.most_live,
        "least_free_gb": round(watch.least_available / GIGABYTE, 2),
        "pages_swapped_out": after.swapped_out - before.swapped_out,
        "killed_for_memory": after.killed - before.killed,
        "runs_more_than_beads": lost,
    }
    print(f"  admission: {row}", flush=True)
    return row
