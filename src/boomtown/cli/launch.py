"""Starting a server that outlives its terminal, and waiting for processes to end."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from boomtown.cli.client import Client, server_of
from boomtown.domain.errors import BoomtownError, UnavailableError
from boomtown.home.paths import Home

OLDEST_GIT = (2, 38)
START_S = 60.0


def check_git() -> None:
    """Raise `UnavailableError` unless there is a git that is new enough."""
    if shutil.which("git") is None:
        raise UnavailableError("git was not found on PATH. Install git 2.38 or newer.")
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        version = found[0] if found else said.strip() or "unknown"
        raise UnavailableError(f"git is {version}; Boomtown needs 2.38 or newer. Install a newer git.")


def running(home: Home) -> str | None:
    """The URL of the home's server, if its process lives."""
    server = server_of(home)
    return server.url if server is not None and pid_of(home.server_json) is not None else None


def host_of(home: Home) -> str:
    """The address that the home's server listens on; its URL says another for one that listens on all."""
    return json.loads(home.server_json.read_text()).get("host", "127.0.0.1")


def pid_of(path: Path) -> int | None:
    """The pid in `server.json` or `container.json`, if that process lives and is one of ours."""
    try:
        pid = json.loads(path.read_text())["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if isinstance(pid, int) and _lives(pid) and _is_ours(pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_ours(pid: int) -> bool:
    """Not a stranger that was given the number of one of ours; where that can't be read, it is believed."""
    try:
        return b"boomtown" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self/cmdline").exists()


def start_detached(home: Home, options: list[str]) -> dict[str, Any]:
    """Start `boomtown up` with `options` in a session of its own, and wait until it answers.

    Returns `url`, `pid`, as `login` a link that logs a browser in, once, and `sandbox` with its `sandbox_note`.

    Raises `UnavailableError` with what it said if it ends instead.
    """
    home.create()
    said = home.root / "up.log"
    environment = {**os.environ, "BOOMTOWN_HOME": str(home.root)}
    with os.fdopen(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "boomtown", "up", *options],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env=environment,
            cwd="/",
        )
    deadline = time.monotonic() + START_S
    while process.poll() is None:
        server = server_of(home)
        if server and pid_of(home.server_json) == process.pid and (path := _login_path(home)):
            url, status = running(home), Client(server).query("getStatus")
            sandbox = {key: status[key] for key in ("sandbox", "sandbox_note")}
            return {"url": url, "pid": process.pid, "login": f"{url}{path}", **sandbox}
        if time.monotonic() > deadline:
            process.terminate()
            raise UnavailableError(
                f"The server did not answer within {START_S:.0f} s. See {said} and {server_log(home)}."
            )
        _ends(process.pid, 0.02)
    raise UnavailableError(_last_words(said))


def _login_path(home: Home) -> str | None:
    """A path that logs a browser in; None while the server does not answer."""
    server = server_of(home)
    try:
        return Client(server).mutate("createLoginLink")["path"] if server else None
    except BoomtownError:
        return None


def server_log(home: Home) -> Path:
    """Where a server writes what it does, one JSON object a line."""
    return home.root / "server.log"


def _last_words(said: Path) -> str:
    """The line with which a server that did not start said why."""
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
    ours = [line.removeprefix("boomtown: ") for line in lines if line.startswith("boomtown: ")]
    return ours[-1] if ours else f"The server ended at once. See {said}."


def wait_for_end(pid: int, timeout_s: float) -> bool:
    """Wait until a process that is no child of ours is gone; False if it is still there after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while _lives(pid) and not _ends(pid, min(1.0, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return False
    return True


def _ends(pid: int, timeout_s: float) -> bool:
    """Whether a process ends within `timeout_s`; a zombie has ended."""
    if not hasattr(os, "pidfd_open"):
        time.sleep(timeout_s if timeout_s < 0.1 else 0.1)  # no way to wait for a stranger here: look again soon
        return not _lives(pid)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)
