"""Real agent programs on a scripted task: by themselves, as a naive script would start them, and through the town.

Both sides make a worktree, start the program with a HOME of its own and wait until all processes are gone. The task is
four steps of a model that answers at once: write a file, commit, one more tool (in the town `gt_done`), a last word.
The town lands the branches besides; what that costs a script with git is measured, too. Needs `make setup-agents`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import tomli_w
from tests.agents.model_server import ModelServer
from tests.agents.programs import INSTALLED, install, settings, work

from bench.town import Town, make_repository
from boomtown.home.agents import Plan, plan
from boomtown.home.config import load
from boomtown.home.paths import Home, home_environment

CASES = (("kilo", "run", 1, 3), ("kilo", "acp", 1, 3), ("kilo", "acp", 4, 2), ("codex", "acp", 8, 3))
"""Program, how the naive script uses it, how many at once, rounds. `run`: `kilo run`, as a person would; `acp`: spoken
with as the town does, by the least that speaks it. The program of the preset codex has no other way."""
MOST_S = 900.0
SIGNS = {f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Taken:
    """Seconds: of wall time and processor until the last process was gone, and until the first request of a model.

    `landed_s`: until the last branch has landed; `landing_cpu_s`: what that took beside `cpu_s`, for the naive script,
    which has nothing to do with it otherwise.
    """

    wall_s: float
    cpu_s: float
    first_s: float
    landed_s: float | None = None
    landing_cpu_s: float = 0.0


def measure() -> dict[str, Any]:
    """A row for each case: medians, and the medians of the ratios of each round."""
    assert (INSTALLED / "node_modules").exists(), f"run `make setup-agents` first: {INSTALLED} is empty"
    with ModelServer() as models:
        names = sorted({name for name, *_ in CASES})
        tables = {name: settings(name, models.url) for name in names}
        town = Town(tomli_w.dumps({"agents": tables}))
        install(town.home, *names)
        with town:
            origin = make_repository(town.folder / "origin.git", 200)
            town.cli("rig", "add", "bench", str(origin), "--max-polecats", "8", "--merge", "direct")
            clone = town.folder / "clone.git"
            subprocess.run(["git", "clone", "-q", "--bare", str(origin), str(clone)], check=True)
            return {"agents": [_case(town, models, clone, *case) for case in CASES]}


def _case(town: Town, models: ModelServer, clone: Path, name: str, way: str, count: int, rounds: int) -> dict[str, Any]:
    bare, ours = [], []
    for _ in range(rounds):
        town.wait_for_rest()
        bare.append(_bare(town, models, clone, name, way, count))
        town.wait_for_rest()
        ours.append(_through_the_town(town, models, name, count))
        print(f"  agents: {name} {way} x {count}: {bare[-1]} {ours[-1]}", flush=True)

    def ratio(of: Callable[[Taken], float]) -> float:
        return round(statistics.median(of(our) / of(one) for our, one in zip(ours, bare, strict=True)), 2)

    first_ms = statistics.median(our.first_s - one.first_s for our, one in zip(ours, bare, strict=True)) * 1000
    return {
        "agents": f"{name} x {count}",
        "beside": way,
        "bare_s": round(statistics.median(one.wall_s for one in bare), 2),
        "town_s": round(statistics.median(our.wall_s for our in ours), 2),
        "landed_s": round(statistics.median(our.landed_s or 0.0 for our in ours), 2),
        "wall_ratio": ratio(lambda taken: taken.wall_s),
        "bare_cpu_s": round(statistics.median(one.cpu_s for one in bare), 2),
        "town_cpu_s": round(statistics.median(our.cpu_s for our in ours), 2),
        "cpu_ratio": ratio(lambda taken: taken.cpu_s),
        "cpu_ratio_if_landed": ratio(lambda taken: taken.cpu_s + taken.landing_cpu_s),
        "aim": 1.1,
        "first_request_ms_more": round(first_ms),
        "aim_ms": 300,
    }


def _first_s(models: ModelServer, word: str, began: float) -> float:
    return models.asked(word)[0].at - began


# through the town


def _through_the_town(town: Town, models: ModelServer, name: str, count: int) -> Taken:
    word, processes = uuid4().hex, [psutil.Process(town.status()[part]["pid"]) for part in ("server", "container")]
    before = _cpu_s(processes)
    began, began_at = time.monotonic(), time.time()
    tasks = [{"title": f"{word} {number}", "body": work(f"{word}.{number}"), "agent": name} for number in range(count)]
    made = town.call("sling", rigId="bench", tasks=tasks)
    ids = [result["bead"]["id"] for result in made["results"]]
    for bead in ids:
        while town.query("getBead", beadId=bead)["status"] != "closed":
            assert time.monotonic() - began < MOST_S, f"bead {bead} does not land"
            time.sleep(0.25)  # seldom enough not to be a load itself; the times are the town's own
    beads = [town.query("getBead", beadId=bead) for bead in ids]
    assert all(len(bead["attempt_log"]) == 1 for bead in beads), [bead["attempt_log"] for bead in beads]
    return Taken(
        wall_s=round(max(_epoch(bead["attempt_log"][0]["ended_at"]) for bead in beads) - began_at, 2),
        cpu_s=round(_cpu_s(processes) - before, 2),
        first_s=round(_first_s(models, word, began), 3),
        landed_s=round(max(_epoch(bead["closed_at"]) for bead in beads) - began_at, 2),
    )


def _cpu_s(processes: list[psutil.Process]) -> float:
    """Of server and container, and of all that these have waited for: the container does for whatever agents leave."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# by themselves


def _bare(town: Town, models: ModelServer, clone: Path, name: str, way: str, count: int) -> Taken:
    word = uuid4().hex
    home = Home(town.home)
    how = plan(load(home.config).pick_agent(name), home, os.environ["PATH"], None)
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        alone = [pool.submit(_alone, town.folder, clone, name, way, how, f"{word}.{number}") for number in range(count)]
        cpu_s = sum(one.result() for one in alone)
    wall_s = time.monotonic() - began
    landing_cpu_s = sum(_land(town.folder, clone, f"{word}.{number}") for number in range(count))
    first_s = round(_first_s(models, word, began), 3)
    return Taken(round(wall_s, 2), round(cpu_s, 2), first_s, landing_cpu_s=round(landing_cpu_s, 2))


_worktrees = threading.Lock()
"""git can't add two at once."""


def _alone(folder: Path, clone: Path, name: str, way: str, how: Plan, word: str) -> float:
    """One agent from its worktree to its end; the seconds of processor that it took."""
    tree, own = folder / f"tree.{word}", folder / f"home.{word}"
    with _worktrees:
        add = ["git", "-C", str(clone), "worktree", "add", "-q", "-b", f"polecat/bare/{word}", str(tree), "main"]
        git = _cpu_of(subprocess.Popen(add))
    env = {"PATH": os.environ["PATH"], **SIGNS, **settings(name, "").get("env", {}), **how.env}
    for key, path in home_environment(own).items():
        path.mkdir(parents=True, exist_ok=True)
        env[key] = str(path)
    for file, text in how.files.items():
        (own / file).parent.mkdir(parents=True, exist_ok=True)
        (own / file).write_text(text, encoding="utf-8")
    script = work(word).replace('call gt_done {"branch": "$BRANCH", "summary": "A note"}', "shell true")
    agent = _cpu_of(_start(way, how, f"{word}\n\n{script}", tree, env))
    count = ["git", "-C", str(tree), "rev-list", "--count", "main..HEAD"]
    commits = subprocess.run(count, check=True, capture_output=True, text=True).stdout.strip()
    assert commits == "1", f"{name} by itself made {commits} commits"
    return git + agent


def _land(folder: Path, clone: Path, word: str) -> float:
    """What the same script does to have the branch on a remote and nothing left of it; the seconds that took."""
    remote, desk = folder / "remote.git", folder / "desk"
    if not desk.exists():
        subprocess.run(["git", "clone", "-q", "--bare", str(clone), str(remote)], check=True)
        subprocess.run(
            ["git", "-C", str(clone), "worktree", "add", "-q", "-b", "landing", str(desk), "main"], check=True
        )
    steps = (
        ("fetch", "-q", str(remote), "main"),
        ("merge", "-q", "--ff-only", "FETCH_HEAD"),
        ("merge", "-q", "--squash", f"polecat/bare/{word}"),
        ("commit", "-q", "-m", "A note"),
        ("push", "-q", str(remote), "HEAD:main"),
        ("worktree", "remove", "--force", str(folder / f"tree.{word}")),
        ("branch", "-q", "-D", f"polecat/bare/{word}"),
    )
    used = 0.0
    for step in steps:
        git = subprocess.Popen(["git", "-C", str(desk), *step], env=os.environ | SIGNS, stdout=subprocess.DEVNULL)
        used += _cpu_of(git)
        assert git.returncode == 0, f"git {step} failed"
    return used


def _cpu_of(process: subprocess.Popen[bytes]) -> float:
    """What a process and those that it waited for took, once it has ended."""
    _, process.returncode, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime


def _start(way: str, how: Plan, prompt: str, tree: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """The program, which will end by itself soon; in a session of its own: Linux shares the processor by those."""
    if way == "run":
        argv = [how.command[0], "run", "--auto", "--format", "json", "-m", str(how.model), prompt]
        null = subprocess.DEVNULL
        return subprocess.Popen(argv, cwd=tree, env=env, stdin=null, stdout=null, start_new_session=True)
    process = subprocess.Popen(
        how.command, cwd=tree, env=env, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _speak(process, tree, prompt, how.mode)
    finally:
        process.terminate()
    return process


def _speak(process: subprocess.Popen[bytes], tree: Path, prompt: str, mode: str | None) -> None:
    """The least of ACP that has a prompt carried out."""
    assert process.stdin
    assert process.stdout
    stdin, stdout = process.stdin, process.stdout

    def call(number: int, method: str, **params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        stdin.write(json.dumps(message).encode() + b"\n")
        stdin.flush()
        while line := stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == number and "method" not in answer:
                return answer["result"]
        raise AssertionError(f"no answer to {method}")

    call(1, "initialize", protocolVersion=1, clientCapabilities={})
    session = call(2, "session/new", cwd=str(tree), mcpServers=[])["sessionId"]
    if mode is not None:
        call(3, "session/set_mode", sessionId=session, modeId=mode)
    call(4, "session/prompt", sessionId=session, prompt=[{"type": "text", "text": prompt}])
