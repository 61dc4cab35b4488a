"""Finding, starting and ending a container process of this home."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from boomtown.container import proctable
from boomtown.container.proctable import MARK
from boomtown.container.settings import Settings
from boomtown.domain.errors import UnavailableError
from boomtown.home.paths import Home

START_LIMIT_S = 150.0
_LOG_BYTES = 5_000_000


@dataclass(frozen=True)
class Card:
    """What container.json says. `start` is the kernel's word for the begin of the process, None where not known."""

    pid: int
    socket: str
    start: float | None

    @property
    def lives(self) -> bool:
        return proctable.lives(self.pid, self.start)


_started_here: list[subprocess.Popen[bytes]] = []
"""Containers that this process is the parent of, and has to wait for in the end."""


def find(home: Home) -> Card | None:
    """The living container that container.json names, if there is one."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        data = json.loads(home.container_json.read_text())
        card = Card(int(data["pid"]), str(data["socket"]), data.get("start"))
        if card.lives:
            return card
    return None


async def spawn(home: Home, home_id: str, settings: Settings) -> Card:
    """Start a container and wait until it is ready. Raises `UnavailableError` with its reason if it is not."""
    home.create()
    _reap()
    log_path = home.logs / "container.log"
    ready, write_end = os.pipe()
    try:
        _started_here.append(_begin(home, home_id, settings, log_path, write_end))
    finally:
        os.close(write_end)
    said = await _read_line(ready)
    card = find(home)  # if ours gave way to one that somebody else started, that one
    if card is None:
        raise UnavailableError(f"The container did not start: {said or 'it ended at once'}. See {log_path}.")
    return card


def _begin(home: Home, home_id: str, settings: Settings, log_path: Path, ready_fd: int) -> subprocess.Popen[bytes]:
    env = dict(os.environ) | settings.to_env() | {"BOOMTOWN_HOME": str(home.root)}
    if env.get(MARK, "").startswith(f"{home_id}:"):
        del env[MARK]  # a server started by an agent of its own: the container must not take itself for one
    with contextlib.suppress(FileNotFoundError):
        if log_path.stat().st_size > _LOG_BYTES:
            log_path.replace(log_path.with_suffix(".log.1"))
    with open(log_path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log_file:
        return subprocess.Popen(
            [sys.executable, "-m", "boomtown.container", "--home-id", home_id, "--ready-fd", str(ready_fd)],
            env=env,
            cwd=home.root,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
            pass_fds=[ready_fd],
        )


async def _read_line(fd: int) -> str:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb"))
    try:
        async with asyncio.timeout(START_LIMIT_S):
            return (await reader.readline()).decode("utf-8", "replace").strip()
    except TimeoutError:
        return f"nothing heard for {START_LIMIT_S:g} s"
    finally:
        transport.close()


def kill(card: Card, *, gently: bool = False) -> None:
    """End that container, and no process that got its pid later. `gently`: it may keep its agents' work first."""
    if card.lives:
        with contextlib.suppress(ProcessLookupError):
            os.kill(card.pid, signal.SIGTERM if gently else signal.SIGKILL)
            if gently:
                os.kill(card.pid, signal.SIGCONT)


async def wait_until_gone(card: Card, limit_s: float) -> bool:
    """Whether the container ended within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while card.lives:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    _reap()
    return True


def _reap() -> None:
    """Let go of containers that ended, so that the kernel can."""
    _started_here[:] = [process for process in _started_here if process.poll() is None]
