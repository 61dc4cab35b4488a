"""`boomtown demo`: a whole town once, for real, in a folder that is gone afterwards."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from boomtown.cli import launch
from boomtown.cli.client import Client, server_of
from boomtown.cli.output import Output, paint
from boomtown.cli.progress import heading, shown
from boomtown.cli.waiting import Wait
from boomtown.domain.errors import BoomtownError, UnavailableError
from boomtown.home.paths import Home

RIG = "toolbox"
CAP = 5
TITLES = (
    "Add slugify, for texts in URLs",
    "Add roman numerals",
    "Add a palindrome check",
    "Add the caesar cipher",
    "Add primes below a limit",
    "Add a count of words",
    "Add celsius from fahrenheit",
    "Add a check for leap years",
)
TAKEN_DOWN_S = 60.0


def demo(_args: Namespace, out: Output) -> int:
    """Eight beads, five polecats, one gate, everything landed, nothing left. Returns 0 if all that came true."""
    launch.check_git()
    print("A town of its own: eight beads, five polecats at a time, each in its own worktree, landed one by one.")
    print("The agents are scripted. They stand in for models; everything else is real.\n")
    folder = Path(tempfile.mkdtemp(prefix="boomtown-demo-"))
    with _interruptible(), _taken_down(folder) as home:
        origin = _make_repository(folder)
        print(heading("boomtown up"))
        client = _start(home)
        print(f"  {client.server.url}")
        print(heading(f"boomtown rig add {RIG} … --merge direct --max-polecats {CAP} --gate “python -m unittest”"))
        _add_rig(client, origin)
        print(heading(f"boomtown sling {RIG} … --agent demo"))
        landed = _sling(client, out)
        print(heading("git log, on the default branch of the repository"))
        _show_log(origin)
    print(heading("boomtown down: nothing is left running, and the folder is gone"))
    return 0 if landed else 1


@contextmanager
def _interruptible() -> Iterator[None]:
    """A polite signal ends the demo as Ctrl-C does, so that it cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, interrupt) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@contextmanager
def _taken_down(folder: Path) -> Iterator[Home]:
    """A home in `folder`; in the end its processes are stopped and the folder is removed, whatever happened."""
    home = Home(folder / "home")
    try:
        yield home
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        try:
            _take_down(home)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, before)


def _take_down(home: Home) -> None:
    pids = [pid for path in (home.server_json, home.container_json) if (pid := launch.pid_of(path)) is not None]
    try:
        _client(home).mutate("shutdown", now=True)
    except BoomtownError:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
    for pid in pids:
        if not launch.wait_for_end(pid, TAKEN_DOWN_S):
            raise UnavailableError(f"Process {pid} of the demo is still there. End it: kill {pid}")


def _make_repository(folder: Path) -> Path:
    """A small repository with a bare origin, as a team would have one."""
    origin, work = folder / "origin.git", folder / "work"
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    _git(folder, "init", "--quiet", "--initial-branch=main", str(work))
    (work / "README.md").write_text("# Toolbox\n\nSmall functions, each with a test.\n")
    (work / ".gitignore").write_text("__pycache__/\n")
    (work / RIG).mkdir()
    (work / RIG / "double.py").write_text('def double(n):\n    """Twice n."""\n    return 2 * n\n')
    (work / RIG / "test_double.py").write_text(
        "import unittest\n\nfrom double import double\n\n\nclass TestDouble(unittest.TestCase):\n"
        "    def test_it_doubles(self):\n        self.assertEqual(double(21), 42)\n"
    )
    _git(work, "add", "--all")
    author = ("-c", "user.name=You", "-c", "user.email=you@example.com")
    _git(work, *author, "commit", "--quiet", "--message", "Begin the toolbox")
    _git(work, "push", "--quiet", str(origin), "main")
    return origin


def _git(folder: Path, *words: str) -> str:
    result = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise UnavailableError(f"git {words[0]} failed: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def _start(home: Home) -> Client:
    launch.start_detached(home, ["--port", "0"])
    return _client(home)


def _client(home: Home) -> Client:
    """Of the demo's own server, whatever BOOMTOWN_URL says."""
    server = server_of(home)
    if server is None:
        raise UnavailableError("The demo's server is not there.")
    return Client(server)


def _add_rig(client: Client, origin: Path) -> None:
    gate = f"{shlex.quote(sys.executable)} -B -m unittest discover --quiet --start-directory {RIG}"
    client.mutate(
        "createRig", name=RIG, gitUrl=str(origin), maxPolecats=CAP, agent="demo", gates=[gate], merge="direct"
    )


def _sling(client: Client, out: Output) -> bool:
    answer = client.mutate("sling", rigId=RIG, tasks=[{"title": title} for title in TITLES])
    beads: list[dict[str, Any]] = [result["bead"] for result in answer["results"]]
    wait = Wait(client, beads)
    with shown(out, watch=False, client=client) as view:
        for board in wait.boards():
            view.update(board)
    for line in wait.board.verdict():
        print(f"  {line}")
    return wait.board.landed


def _show_log(origin: Path) -> None:
    log = _git(origin, "log", "--format=%h  %<(24,trunc)%an  %s", "main")
    for line in log.splitlines():
        print(f"  {paint(line[:8], 'dim')}{line[8:]}")
