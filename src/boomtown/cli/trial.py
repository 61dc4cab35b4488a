"""Tries an agent that is spoken with: start, handshake, one call of its model; in a folder that is thrown away."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.agents.acp import AcpAdapter
from boomtown.container.agents.adapter import Ending
from boomtown.container.prepare import home_folders
from boomtown.container.processes import find_command
from boomtown.container.protocol import RunSpec, Talk
from boomtown.container.streams import StreamWriter
from boomtown.domain.errors import UnavailableError
from boomtown.home.agents import Plan, plan
from boomtown.home.config import AgentSettings
from boomtown.home.paths import Home

PROMPT = "Answer with the one word: ready. Use no tool."
WITHIN_S = 120.0
LEAVES_S = 5.0


def attempt(agent: AgentSettings, home: Home, variables: Mapping[str, str]) -> dict[str, Any]:
    """`{agent, version, model, answer, usage, seconds}`. Raises `UnavailableError` with what went wrong."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))  # stdout is for the answer alone
    how = plan(agent, home, os.environ.get("PATH"), None)
    with tempfile.TemporaryDirectory(prefix="boomtown-check-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_attempt(agent, how, Path(folder), variables))


async def _attempt(agent: AgentSettings, how: Plan, folder: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    cwd, own = folder / "work", folder / "home"
    cwd.mkdir()
    own.mkdir(mode=0o700)
    env = {**os.environ, **home_folders(own), **how.env, **variables}
    launch = AcpAdapter().launch(_spec(agent, how), PROMPT, cwd, own)
    assert launch.conversation is not None
    program = find_command(launch.argv[0], env.get("PATH"), cwd)
    if program is None:
        raise UnavailableError(f"{launch.argv[0]} was not found or can't be executed.")
    log, began = folder / "stream.jsonl", time.monotonic()
    stream = StreamWriter(log)
    with (folder / "stderr").open("wb") as complaints:
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here
            [program, *launch.argv[1:]], cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=complaints, start_new_session=True,
        )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        talk = launch.conversation.hold(
            os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno()), stream, lambda: None
        )
        process.stdin.close()
        process.stdout.close()
        async with asyncio.timeout(WITHIN_S):
            ending = await talk
    except TimeoutError:
        ending = Ending(1, f"There was no answer within {WITHIN_S:.0f} s.")
    finally:
        seconds = time.monotonic() - began
        await asyncio.to_thread(_end, process)
        stream.close()
    await launch.conversation.settle()
    frames = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    if ending.error:
        said = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip()[-600:]
        raise UnavailableError(f"{agent.name} does not work: {ending.error}" + (f" It said: {said}" if said else ""))
    usage = launch.conversation.heard.usage
    session = next(frame["data"] for frame in frames if frame["kind"] == "session")
    return {
        "agent": session["agent"],
        "version": session["version"],
        "model": session["model"],
        "answer": " ".join(frame["data"] for frame in frames if frame["kind"] == "message")[:200].strip(),
        "usage": vars(usage) if usage else None,
        "seconds": round(seconds, 3),
    }


def _spec(agent: AgentSettings, how: Plan) -> RunSpec:
    nothing = dict.fromkeys(
        ("run_id", "rig", "bead_id", "polecat_id", "name", "branch", "worktree_slug", "base_branch", "prompt",
         "author_name", "author_email", "wip_subject"), "",
    )  # fmt: skip
    talk = Talk(
        files=dict(how.files),
        first_files=dict(how.first_files),
        permission="allow",
        mode=how.mode,
        model=how.model,
        usage=how.usage,
        resumes=False,
        ends_on_eof=how.ends_on_eof,
        answer_within_s=WITHIN_S,
    )
    return RunSpec(
        **nothing,
        number=0,
        agent_kind=agent.name,
        adapter="acp",
        command=how.command,
        prompt_mode="",
        env={},
        talk=talk,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its input has ended; whatever that did not end, signals do."""
    for number in (None, 15, 9):
        if number is not None and process.poll() is None:
            os.killpg(process.pid, number)
        try:
            process.wait(LEAVES_S)
            return
        except subprocess.TimeoutExpired:
            continue
