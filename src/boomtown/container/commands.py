"""One shell command of a rig's own, setup or gate: run in a worktree, its output passed on, its time limited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from boomtown.container.pipes import PipeReader
from boomtown.container.processes import PIPE, STDOUT, Child, Processes, find_command
from boomtown.container.proctable import MARK
from boomtown.container.trees import Forest, Tree

_REST_S = 1.0
"""How long output may still be on its way when the command is over; what it left running may hold the pipe for ever."""


async def run_command(
    processes: Processes,
    forest: Forest,
    tree: Tree,
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    output: Callable[[bytes], None],
    started: Callable[[Child], None] = lambda _: None,
    confine: Callable[[Sequence[str]], Sequence[str]] = tuple,
) -> int | None:
    """The exit status (128 + n for signal n), or None where time ran out and the whole tree was killed.

    What the command leaves running stays in `tree`, which the caller kills.
    """
    child = processes.spawn(
        confine((find_command("sh", env.get("PATH"), cwd) or "/bin/sh", "-c", command)),
        cwd=cwd,
        env=dict(env) | {MARK: tree.mark},
        stdout=PIPE,
        stderr=STDOUT,
    )
    tree.root = (child.pid, child.start or 0.0)
    pipe = PipeReader(child.take("stdout"), output)
    started(child)
    try:
        async with asyncio.timeout(timeout_s):
            code = await child.wait()
    except TimeoutError:
        code = None
        await forest.kill(tree)
    finally:
        await asyncio.wait([pipe.ended], timeout=_REST_S)
        pipe.close()
    return code if code is None or code >= 0 else 128 - code
