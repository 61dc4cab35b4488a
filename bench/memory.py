"""What real agent programs take while they work: proportional memory, so that what processes share counts once.

Each of a preset's polecats has called a tool that waits. Counted is all that the town started for them: the program,
the tool, and the process of the town's own tools; not server and container. Needs `make setup-agents`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import tomli_w
from tests.agents.model_server import ModelServer
from tests.agents.programs import INSTALLED, settings

from bench.town import Town, make_repository
from boomtown.home.presets import PRESETS

APART = 4
TOGETHER = (1, 4, 8)
WAITS = "STEP shell until false; do sleep 599; done"
PATIENCE_S = 600.0


def measure() -> dict[str, Any]:
    """A row for each preset and number of polecats, with processes of their own and, where that can be, with one."""
    assert (INSTALLED / "node_modules").exists(), f"run `make setup-agents` first: {INSTALLED} is empty"
    rows, apart = [], 0.0
    with ModelServer() as models:
        for name, preset in PRESETS.items():
            cases = [(APART, False), *((count, True) for count in TOGETHER if preset.shells)]
            for count, shared in cases:
                row = _case(models, name, count, shared=shared)
                apart = row["gb_each"] if not shared else apart
                rows.append(row | {"times_as_many": round(apart / row["gb_each"], 1)})
                print(f"  memory: {rows[-1]}", flush=True)
    return {"memory": rows}


def _case(models: ModelServer, name: str, count: int, *, shared: bool) -> dict[str, Any]:
    table = settings(name, models.url)
    table["env"] = table.get("env", {}) | {f"{name.upper()}_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": "900000"}
    if shared:
        table["shared"] = True
    town = Town(tomli_w.dumps({"agents": {name: table}}))
    (town.home / "agents").mkdir()
    (town.home / "agents" / name).symlink_to(INSTALLED)
    with town:
        origin = make_repository(town.folder / "origin.git", 200)
        town.cli("rig", "add", "bench", str(origin), "--max-polecats", str(count))
        tasks = [{"title": f"wait {number}", "body": WAITS, "agent": name} for number in range(count)]
        town.call("sling", rigId="bench", tasks=tasks)
        status = town.status()
        own = {os.getpid(), *(status[part]["pid"] for part in ("server", "container"))}
        _wait_for(lambda: sum(map(_sleeps, _of_agents(town, own))) == count)
        pss = sum(map(_pss, _of_agents(town, own)))
    return {
        "agents": f"{name} x {count}",
        "process": "shared" if shared else "own",
        "gb": round(pss / 1e9, 2),
        "gb_each": round(pss / 1e9 / count, 3),
        "per_gb": round(count / (pss / 1e9), 1),
    }


def _wait_for(condition: Callable[[], bool]) -> None:
    """Look seldom enough not to be a load. Raises `TimeoutError`."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"The agents do not all work after {PATIENCE_S:g} s.")
        time.sleep(1.0)


def _of_agents(town: Town, own: set[int]) -> list[int]:
    """Everything that belongs to the home, but what is the town's `own`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own and str(town.home) in str(process.environ()):
                found.append(process.pid)
        except psutil.Error:  # it ended, or is another user's
            continue
    return found


def _sleeps(pid: int) -> bool:
    """Whether it is the tool that waits."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00599\x00"
    except OSError:  # it ended between the two looks
        return False


def _pss(pid: int) -> int:
    """Bytes of a process, of what it shares with others its share; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
