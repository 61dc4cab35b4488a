"""What the town costs when nothing happens, what a command costs, and what ten agents cost beside themselves."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench.town import Town, make_repository, used_cpu_s, wait_until

FINISHED = 50
IDLE_S = 30.0
COMMANDS = (
    ("status",),
    ("rig", "list"),
    ("beads", "bench"),
    ("ps",),
    ("merges", "bench"),
    ("inbox",),
    ("events", "bench"),
)
RUNS = 7


def measure() -> dict[str, Any]:
    """Idle cost with 50 finished beads, time of each read command, memory with ten live agents."""
    with Town() as town:
        origin = make_repository(town.folder / "origin.git", 200)
        town.cli("rig", "add", "bench", str(origin), "--max-polecats", "10", "--agent", "worker", "--merge", "direct")
        town.call("sling", rigId="bench", tasks=[{"title": f"work {number}"} for number in range(FINISHED)])
        wait_until(lambda: len(town.beads("bench", "closed")) == FINISHED, 300)
        wait_until(lambda: town.cli("ps", "bench", "--json").strip() == "[]")
        time.sleep(3.0)
        return {"idle": _idle(town), "commands": _commands(town), "memory": _memory(town)}


def _idle(town: Town) -> dict[str, Any]:
    """CPU of server and container over a while, and whether either had a child that ended."""
    status = town.status()
    processes = [psutil.Process(status[part]["pid"]) for part in ("server", "container")]
    before, faults = used_cpu_s(processes), [_child_faults(process.pid) for process in processes]
    time.sleep(IDLE_S)
    used = used_cpu_s(processes) - before
    forks = [_child_faults(process.pid) for process in processes] != faults
    row = {"percent_of_a_core": round(100 * used / IDLE_S, 3), "aim": 0.5, "forked": forks}
    print(f"  idle: {row}", flush=True)
    return row


def _child_faults(pid: int) -> str:
    """Page faults of children that were waited for (proc(5), field 11): grows with every fork that ended."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[8]


def _commands(town: Town) -> list[dict[str, Any]]:
    """Each read command, alternating with a bare start of the interpreter."""
    rows = []
    for words in COMMANDS:
        ours, floors = [], []
        for _ in range(RUNS):
            floors.append(_seconds([sys.executable, "-c", "pass"], town))
            ours.append(_seconds([str(Path(sys.executable).parent / "boomtown"), *words], town))
        row = {
            "command": " ".join(words),
            "median_s": round(statistics.median(ours), 3),
            "python_s": round(statistics.median(floors), 3),
            "aim_s": 0.3,
        }
        print(f"  command: {row}", flush=True)
        rows.append(row)
    return rows


def _seconds(command: list[str], town: Town) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=town.environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _memory(town: Town) -> dict[str, Any]:
    """Resident memory of server and container with ten live agents."""
    tasks = [{"title": f"probe {number}", "agent": "probe"} for number in range(10)]
    town.call("sling", rigId="bench", tasks=tasks)
    wait_until(lambda: len(list(town.out.iterdir())) == 10)
    time.sleep(6.0)  # one report
    status = town.status()
    parts = {part: psutil.Process(status[part]["pid"]).memory_info().rss / 1e6 for part in ("server", "container")}
    row = {f"{part}_mb": round(size, 1) for part, size in parts.items()}
    row |= {"together_mb": round(sum(parts.values()), 1), "aim_mb": 150}
    print(f"  memory: {row}", flush=True)
    return row
