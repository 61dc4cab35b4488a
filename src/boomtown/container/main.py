"""`python -m boomtown.container --home-id ID`: the container's process, from its lock to its end.

Before it lets a server in, it proves that nothing of its predecessor runs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import structlog

from boomtown.container import cgroups, proctable, trees, unmarked
from boomtown.container.card import find
from boomtown.container.door import Door
from boomtown.container.git import check_git
from boomtown.container.requests import Requests
from boomtown.container.service import Container
from boomtown.container.settings import Settings
from boomtown.domain.errors import BoomtownError, ConflictError
from boomtown.home.paths import Home
from boomtown.home.times import iso

log = structlog.get_logger()

LOCK_WAIT_S = 120.0
"""How long to wait for a predecessor that is keeping its agents' work."""


def main() -> int:
    """Run until told to end, or until there was no server for too long. Returns the exit status."""
    options = argparse.ArgumentParser(prog="boomtown.container")
    options.add_argument("--home-id", required=True)
    options.add_argument("--ready-fd", type=int)
    given = options.parse_args()
    home = Home.from_env()
    try:
        with open(home.root / "container.lock", "a") as lock:
            _take(home, lock.fileno())
            asyncio.run(_run(home, given.home_id, given.ready_fd))
    except (BoomtownError, TimeoutError, OSError) as error:
        log.error("container.failed", error=str(error))
        _say(given.ready_fd, str(error))
        return 1
    return 0


def _take(home: Home, fd: int) -> None:
    """The home's container lock. It is released by the kernel, however this process ends.

    Waits for a predecessor that is on its way out (container.json is gone then) or not ready yet. Raises
    `ConflictError` if there is one at work.
    """
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if (other := find(home)) is not None:
                raise ConflictError(f"The container {other.pid} serves this home already.") from error
            if time.monotonic() > deadline:
                raise ConflictError("Another container of this home holds its lock and does not end.") from error
            time.sleep(0.02)


async def _run(home: Home, home_id: str, ready_fd: int | None) -> None:
    settings = Settings.from_env()
    _sweep(home, home_id)
    log.info("container.started", pid=os.getpid(), git=check_git())
    groups = cgroups.find(home_id)
    if groups is not None:
        groups.clear()
    container = Container(home, home_id, settings, groups)
    container.processes.adopt_orphans()
    container.tidy()
    end = asyncio.Event()
    door = Door(container, Requests(container, end.set))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    patience = _Patience(settings.orphan_after_s, end)
    door.on_change = patience.heard
    _announce(home, container, await door.open())
    patience.heard(False)
    _say(ready_fd, "ready")
    await end.wait()
    log.info("container.ends", live=len(container.live))
    with contextlib.suppress(FileNotFoundError):
        home.container_json.unlink()
    door.close()
    await container.drain(settings.drain_grace_s)
    await container.close()
    await door.end()
    log.info("container.ended")


class _Patience:
    """Ends the container when there has been no server for `limit_s` seconds."""

    def __init__(self, limit_s: float, end: asyncio.Event) -> None:
        self._limit_s = limit_s
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, attached: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not attached:
            self._timer = asyncio.get_running_loop().call_later(self._limit_s, self._lost)

    def _lost(self) -> None:
        log.warning("container.no_server", seconds=self._limit_s)
        self._end.set()


def _sweep(home: Home, home_id: str) -> None:
    """End everything that a predecessor left: first those that it knew to have lost their mark."""
    if killed := trees.sweep(home_id, unmarked.recall(home), str(home.rigs)):
        log.warning("container.swept", killed=killed)
    unmarked.remember(home, [])
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        left = Path(json.loads(home.container_json.read_text())["socket"]).parent
        if left.parent == Path(tempfile.gettempdir()) and left.name.startswith("boomtown-"):
            shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(home.root / "run", ignore_errors=True)


def _announce(home: Home, container: Container, socket: Path) -> None:
    """Write container.json at once. `start` is the kernel's word for the process's begin; with `pid` it is unique."""
    proc = proctable.read(os.getpid())
    card = {
        "pid": os.getpid(),
        "started_at": iso(container.started_at),
        "socket": str(socket),
        "start": proc.start if proc else None,
    }
    aside = home.container_json.with_suffix(".new")
    aside.write_text(json.dumps(card))
    aside.chmod(0o600)
    aside.replace(home.container_json)


def _say(fd: int | None, text: str) -> None:
    """Tell who started us that we are ready, or why not."""
    if fd is not None:
        with contextlib.suppress(OSError):
            os.write(fd, text.encode() + b"\n")
            os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
