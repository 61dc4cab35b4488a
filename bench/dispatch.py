"""From the sling request to the last agent's first instruction, beside a serial loop of `worktree add` and spawn."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.town import PROBE, Town, make_repository, remove, wait_until

COUNTS = (1, 10, 50)
SIZES = (200, 10_000)
MOST_ROUNDS = 3
ENOUGH_S = 40.0
"""No further round of a case that has taken this long."""
PATIENCE_S = 600.0


def measure() -> list[dict[str, Any]]:
    """One row for each repository size and number of agents: seconds (medians) and the median of the rounds' ratios."""
    rows = []
    with Town() as town:
        for files in SIZES:
            origin = make_repository(town.folder / f"origin{files}.git", files)
            rig = f"bench{files}"
            town.cli("rig", "add", rig, str(origin), "--max-polecats", str(max(COUNTS)), "--agent", "probe")
            clone = town.folder / f"floor{files}.git"
            subprocess.run(["git", "clone", "-q", "--bare", str(origin), str(clone)], check=True)
            for count in COUNTS:
                row = {"files": files, "agents": count, **_beside(town, rig, clone, count)}
                row["aim"] = 2.0 if count == 1 else 1.0
                print(f"  dispatch: {row}", flush=True)
                rows.append(row)
    return rows


def _beside(town: Town, rig: str, clone: Path, count: int) -> dict[str, Any]:
    """Floor and town in turns; each begins when nothing is left of the one before."""
    floors, towns = [], []
    began = time.monotonic()
    while len(floors) < MOST_ROUNDS and (not floors or time.monotonic() - began < ENOUGH_S):
        town.wait_for_rest()
        floors.append(_floor(town.folder / "floor", clone, count))
        town.wait_for_rest()
        towns.append(_town(town, rig, count))
    ratios = [ours / floor for ours, floor in zip(towns, floors, strict=True)]
    return {
        "rounds": len(floors),
        "floor_s": round(statistics.median(floors), 3),
        "town_s": round(statistics.median(towns), 3),
        "ratio": round(statistics.median(ratios), 3),
        "worst": round(max(ratios), 3),
    }


def _floor(folder: Path, clone: Path, count: int) -> float:
    """A naive script: for each agent `git worktree add`, then spawn, one after the other."""
    out = folder / "out"
    out.mkdir(parents=True)
    agents = []
    began = time.time()
    try:
        for number in range(count):
            tree = folder / f"tree{number}"
            command = ["git", "-C", str(clone), "worktree", "add", "-q", "-b", f"floor/{number}", str(tree), "main"]
            subprocess.run(command, check=True, capture_output=True)
            environment = {"PATH": os.environ["PATH"], "OUT": str(out), "BOOMTOWN_BEAD_ID": f"bead{number}"}
            agents.append(subprocess.Popen(["sh", "-c", PROBE], cwd=tree, env=environment, start_new_session=True))
        last = _last(out, count)
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    remove(folder)
    subprocess.run(["git", "-C", str(clone), "worktree", "prune"], check=True)
    refs = [f"floor/{number}" for number in range(count)]
    subprocess.run(["git", "-C", str(clone), "branch", "-q", "-D", *refs], check=True)
    return last - began


def _town(town: Town, rig: str, count: int) -> float:
    """The same through the town; then everything is cancelled and its traces are waited out."""
    began = time.time()
    made = town.call("sling", rigId=rig, tasks=[{"title": f"probe {number}"} for number in range(count)])
    last = _last(town.out, count)
    for result in made["results"]:
        town.call("cancelBead", beadId=result["bead"]["id"])
    wait_until(lambda: not town.query("listAgents", rigId=rig), PATIENCE_S)
    for file in town.out.iterdir():
        file.unlink()
    return last - began


def _last(out: Path, count: int) -> float:
    """When the last of `count` agents ran its first instruction, in epoch seconds."""
    wait_until(lambda: sum(not file.suffix for file in out.iterdir()) == count, PATIENCE_S)
    return max(int(file.read_text(encoding="ascii")) for file in out.iterdir()) / 1e9
