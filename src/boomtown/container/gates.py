"""Gates: a rig's own checks, run on the merged tree in a scratch worktree."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path

import structlog

from boomtown.container.pipes import PipeReader
from boomtown.container.prepare import home_folders
from boomtown.container.processes import PIPE, STDOUT
from boomtown.container.proctable import MARK
from boomtown.container.protocol import GateResult, GateSpec
from boomtown.container.runs import Workshop

log = structlog.get_logger()

TAIL_LINES = 100
_TAIL_BYTES = 1 << 17
_LOG_BYTES = 64_000_000


class GateLog:
    """All output of a merge's gates in one file, and the end of the latest gate's."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._room = _LOG_BYTES
        self._end = bytearray()

    def begin(self, gate: str) -> None:
        self._write(f"$ {gate}\n".encode())
        self._end.clear()

    def feed(self, chunk: bytes) -> None:
        self._write(chunk)
        self._end += chunk
        del self._end[:-_TAIL_BYTES]

    def finish(self, words: str) -> None:
        self._write(f"[{words}]\n".encode())

    def _write(self, data: bytes) -> None:
        if self._room > 0:
            self._room -= os.write(self._fd, data[: self._room])

    @property
    def tail(self) -> str:
        """The last lines of the latest gate."""
        return "\n".join(bytes(self._end).decode("utf-8", "replace").splitlines()[-TAIL_LINES:])

    def close(self) -> None:
        os.close(self._fd)


async def run_gates(shop: Workshop, spec: GateSpec) -> GateResult:
    """Run the gates in order, up to the first red one, each with `timeout_s` seconds; see `ContainerClient.gates`."""
    trees = shop.trees(spec.rig)
    trees.check_disk()
    name = f"gate-{uuid.uuid4().hex[:12]}"
    path = trees.clone.paths.scratch / name
    began = time.monotonic()
    output = GateLog(Path(spec.log_path))
    try:
        await trees.create_detached(path, name, spec.commit)
        for gate in spec.gates:
            output.begin(gate)
            code = await _run_gate(shop, spec, gate, path, output)
            output.finish("out of time" if code is None else f"exit status {code}")
            if code != 0:
                log.info("gate.red", rig=spec.rig, gate=gate, code=code)
                return GateResult(
                    green=False,
                    failed=gate,
                    exit_code=code,
                    timed_out=code is None,
                    tail=output.tail,
                    log_path=spec.log_path,
                    seconds=round(time.monotonic() - began, 3),
                )
        return GateResult(green=True, log_path=spec.log_path, seconds=round(time.monotonic() - began, 3))
    finally:
        output.close()
        trees.remove(path, name)


async def _run_gate(shop: Workshop, spec: GateSpec, gate: str, path: Path, output: GateLog) -> int | None:
    """The gate's exit status (128 + n for signal n), or None if it was killed for taking too long."""
    tree = shop.forest.plant(f"gate-{uuid.uuid4()}", [str(path)])
    child = shop.processes.spawn(
        ("sh", "-c", gate), cwd=path, env=_environment(shop, spec) | {MARK: tree.mark}, stdout=PIPE, stderr=STDOUT
    )
    tree.root = (child.pid, child.start or 0.0)
    pipe = PipeReader(child.take("stdout"), output.feed)
    try:
        async with asyncio.timeout(spec.timeout_s):
            code = await child.wait()
    except TimeoutError:
        code = None
    finally:
        await shop.forest.kill(tree)
        shop.forest.fell(tree)
        await asyncio.wait([pipe.ended], timeout=1.0)
        pipe.close()
    return code if code is None or code >= 0 else 128 - code


def _environment(shop: Workshop, spec: GateSpec) -> dict[str, str]:
    """What was given, with a HOME and a TMPDIR of the gates' own where there is none."""
    return home_folders(shop.home.rig(spec.rig).agent_home("gates")) | spec.env
