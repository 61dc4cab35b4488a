"""From a line that an agent prints to the browser's side of the connection; and the server's CPU for each frame."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.town import Town, make_repository, wait_until

AGENTS = 50
SECONDS = 15
CASES = ((20.0, 1, 50.0), (1.0, 100, 150.0))
"""Lines a second of each agent, viewers, aim for the 95th percentile in ms."""
PRINTER = "import sys,time\nn=float(sys.argv[1])\nwhile True: print(f'T{time.time_ns()}',flush=True); time.sleep(1/n)"


def measure() -> dict[str, Any]:
    """Both cases, each beside a bare endpoint that sends as many frames to as many viewers."""
    rows = []
    for rate, viewers, aim_ms in CASES:
        row: dict[str, Any] = {"agents": AGENTS, "lines_a_second": rate, "viewers": viewers}
        row |= _town(rate, viewers) | {"aim_p95_ms": aim_ms}
        floor = _floor(rate, viewers)
        row["bare_cpu_us"] = floor["cpu_us"]
        row["times_bare"] = round(row["cpu_us"] / floor["cpu_us"], 1)
        print(f"  live: {row}", flush=True)
        rows.append(row)
    return {"live": rows}


def _town(rate: float, viewers: int) -> dict[str, Any]:
    command = [sys.executable, "-S", "-E", "-c", PRINTER, str(rate)]
    with Town(f"[agents.printer]\ncommand = {json.dumps(command)}\n") as town:
        origin = make_repository(town.folder / "origin.git", 10)
        town.cli("rig", "add", "bench", str(origin), "--max-polecats", str(AGENTS), "--agent", "printer")
        town.call("sling", rigId="bench", tasks=[{"title": f"print {number}"} for number in range(AGENTS)])
        wait_until(lambda: all(agent["pid"] for agent in json.loads(town.cli("ps", "bench", "--json"))))
        return _listen(town.url, "/trpc/gastown.onStreams", town.token, viewers, town.status()["server"]["pid"])


def _floor(rate: float, viewers: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.floor", str(AGENTS), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            return _listen(url, "/", "none", viewers, server.pid)
        finally:
            server.kill()


def _listen(url: str, path: str, token: str, viewers: int, pid: int) -> dict[str, Any]:
    place = urlsplit(url)
    words = [str(place.hostname), str(place.port), path, token, str(viewers), str(SECONDS)]
    process = psutil.Process(pid)
    before = process.cpu_times()
    said = subprocess.run([sys.executable, "-m", "bench.listener", *words], check=True, capture_output=True, text=True)
    after = process.cpu_times()
    heard = json.loads(said.stdout)
    used = after.user + after.system - before.user - before.system
    share = SECONDS / (SECONDS + 3.0)  # three seconds of warming up are not counted
    return heard | {"cpu_us": round(used * share / max(1, heard["frames"]) * 1e6, 1)}
