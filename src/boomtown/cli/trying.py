"""`boomtown try BEAD`: run what a bead has come to, in a worktree of its own, at an address of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli.client import connect
from boomtown.cli.output import Output, paint
from boomtown.domain.errors import UnavailableError

_LEAVES_S = 10.0


def attempt(args: Namespace, _out: Output) -> int:
    """Setup, then the rig's `run` until it ends or is interrupted; its exit status is ours."""
    client = connect()
    opened = client.mutate("openTrial", beadId=args.BEAD)
    try:
        port = _free_port()
        environment = {**opened["env"], "PORT": str(port), "BOOMTOWN_PORT_BASE": str(port)}
        for command in opened["setup"]:
            if status := _run(command, opened["path"], environment):
                raise UnavailableError(f"The setup command `{command}` ended with status {status}. Correct it.")
        print(paint(f"http://127.0.0.1:{port}", "bold"), flush=True)
        return _run(opened["run"], opened["path"], environment)
    finally:
        client.mutate("closeTrial", session=opened["session"])


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _run(command: str, path: str, environment: dict[str, Any]) -> int:
    """Run in a session of its own, so that an interrupt of ours ends all of it."""
    print(paint(f"$ {command}", "dim"), file=sys.stderr, flush=True)
    process = subprocess.Popen(["sh", "-c", command], cwd=path, env=environment, start_new_session=True)
    try:
        with _interrupts():
            return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(process)


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Let SIGTERM end a wait as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever of it is left in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_LEAVES_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
