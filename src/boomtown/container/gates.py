"""Gates: a rig's own checks, run on the merged tree in a scratch worktree."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.commands import run_command
from boomtown.container.prepare import home_folders
from boomtown.container.protocol import GateResult, GateSpec
from boomtown.container.runs import Workshop
from boomtown.container.sandbox import NONE, choose, confine, probe, room
from boomtown.container.surroundings import SetupError, furnish
from boomtown.container.trees import Tree
from boomtown.home.paths import steps_file
from boomtown.home.times import iso

log = structlog.get_logger()

TAIL_LINES = 100
_TAIL_BYTES = 1 << 17
_LOG_BYTES = 64_000_000


class GateLog:
    """All output of a merge's gates in one file, and the end of the latest gate's.

    Beside it stands which of them have begun and ended, for whoever watches (`steps_file`).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._room = _LOG_BYTES
        self._end = bytearray()
        self._path = steps_file(path)
        self._steps: list[dict[str, Any]] = []
        self._note_steps()

    def begin(self, gate: str) -> None:
        self._write(f"$ {gate}\n".encode())
        self._end.clear()
        self._steps.append({"command": gate, "began_at": iso(time.time()), "ended_at": None, "result": None})
        self._note_steps()

    def feed(self, chunk: bytes) -> None:
        self._write(chunk)
        self._end += chunk
        del self._end[:-_TAIL_BYTES]

    def finish(self, words: str) -> None:
        self._write(f"[{words}]\n".encode())
        if self._steps and self._steps[-1]["ended_at"] is None:
            self._steps[-1] |= {"ended_at": iso(time.time()), "result": words}
            self._note_steps()

    def _note_steps(self) -> None:
        draft = self._path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(self._steps), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:  # a full disk must not turn a gate red
            log.error("gate.steps_lost", error=str(error))

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
    tree = shop.forest.plant(name, [str(path)])
    try:
        await trees.create_detached(path, name, spec.commit)
        red = await _first_red(shop, spec, tree, name, path, output) or _Red(None, 0)
        return GateResult(
            green=red.command is None,
            failed=red.command,
            exit_code=red.code,
            timed_out=red.code is None,
            tail=output.tail if red.command else "",
            log_path=spec.log_path,
            seconds=round(time.monotonic() - began, 3),
        )
    finally:
        await shop.forest.kill(tree)
        shop.forest.fell(tree)
        output.close()
        trees.remove(path, name)


@dataclass(frozen=True)
class _Red:
    """What failed. `code` None: it ran out of time."""

    command: str | None
    code: int | None


async def _first_red(shop: Workshop, spec: GateSpec, tree: Tree, name: str, path: Path, output: GateLog) -> _Red | None:
    """The surroundings, then the gates. What the setup left running is there for the gates, and gone after them."""
    env = _environment(shop, spec)
    try:
        for line in await furnish(shop.trees(spec.rig), name, path, Path(env["HOME"]), spec.around):
            output.finish(line)
    except SetupError as error:
        output.feed(f"{error.message}\n".encode())
        return _Red("setup: files", 1)
    kind, trees = choose(spec.around.sandbox, probe()), shop.trees(spec.rig)

    def confined(argv: Sequence[str]) -> Sequence[str]:
        if kind == NONE:
            return argv
        return confine(kind, argv, room(shop.home, trees, name, path, Path(env["HOME"]), spec.around, None))

    for command in spec.around.setup:
        code = await _run(shop, tree, command, path, env, spec.around.setup_timeout_s, output, confined)
        if code != 0:
            return _Red(f"setup: {command}", code)
    for gate in spec.gates:
        its_own = shop.forest.plant(f"gate-{uuid.uuid4()}", [str(path)])
        try:
            code = await _run(shop, its_own, gate, path, env, spec.timeout_s, output, confined)
        finally:
            await shop.forest.kill(its_own)
            shop.forest.fell(its_own)
        if code != 0:
            return _Red(gate, code)
    return None


async def _run(
    shop: Workshop,
    tree: Tree,
    command: str,
    path: Path,
    env: dict[str, str],
    timeout_s: float,
    output: GateLog,
    confined: Callable[[Sequence[str]], Sequence[str]],
) -> int | None:
    output.begin(command)
    code = await run_command(
        shop.processes, shop.forest, tree, command, cwd=path, env=env, timeout_s=timeout_s, output=output.feed,
        confine=confined,
    )  # fmt: skip
    output.finish("out of time" if code is None else f"exit status {code}")
    if code != 0:
        log.info("gate.red", command=command, code=code)
    return code


def _environment(shop: Workshop, spec: GateSpec) -> dict[str, str]:
    """What was given, with a HOME and a TMPDIR of the gates' own where there is none."""
    return home_folders(shop.home.rig(spec.rig).agent_home("gates")) | spec.env
