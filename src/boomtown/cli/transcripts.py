"""`boomtown log`: a run's stream; and the transcripts of all runs of its bead, searched or exported."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli import streams
from boomtown.cli.client import Client, connect
from boomtown.cli.output import Output, clean, paint
from boomtown.cli.parsing import UsageError
from boomtown.cli.sentences import short
from boomtown.cli.streams import frame_text, frames, snake_frame
from boomtown.domain.errors import BoomtownError

SPEECH = ("message", "thought", "prompt")
"""Kinds of frames that are prose; the others are what was done and printed."""


def log(args: Namespace, out: Output) -> int | None:
    """The stream of one run, or the transcript of its whole bead."""
    if sum((args.follow, args.search is not None, args.export is not None)) > 1:
        raise UsageError("--follow, --search and --export exclude each other. Give one.")
    if args.search is not None:
        return search(args, out)
    return export(args, out) if args.export else streams.log(args, out)


def search(args: Namespace, out: Output) -> int:
    """Frames that hold a text, whatever its case, in all runs; exit status 1 if there are none."""
    if not args.search.strip():
        raise UsageError("--search is empty. Say what to look for.")
    wanted, client = args.search.casefold(), connect()
    found = [
        (number, frame)
        for number, run_id in _runs(client, args.POLECAT_OR_RUN)
        for frame in frames(client, {"runId": run_id}, args.since, follow=False)
        if wanted in frame_text(frame).casefold()
    ]
    data = [{"attempt": number, **snake_frame(frame)} for number, frame in found]
    out.show(data, lambda: (_hit(number, frame) for number, frame in found))
    return 0 if found else 1


def _hit(number: int | None, frame: dict[str, Any]) -> str:
    where = f"{'' if number is None else f'{number}:'}{frame['seq']}"
    return f"{paint(f'{where:>8}', 'dim')}  {frame_text(frame)}"


def export(args: Namespace, out: Output) -> None:
    """The whole transcript on standard output, in the form that was asked for."""
    client = connect()
    bead = _bead(client, args.POLECAT_OR_RUN)
    runs = [
        {
            "attempt": number,
            "run_id": run_id,
            "frames": [snake_frame(frame) for frame in frames(client, {"runId": run_id}, None, follow=False)],
        }
        for number, run_id in _runs(client, args.POLECAT_OR_RUN)
    ]
    if args.export == "json" or out.as_json:
        print(json.dumps({"bead": bead, "runs": runs}, ensure_ascii=False, indent=2))
        return
    for line in _markdown(bead, runs):
        print(line)


def _markdown(bead: dict[str, Any] | None, runs: list[dict[str, Any]]) -> Iterator[str]:
    yield f"# {clean(bead['title'])}" if bead else "# Transcript"
    if bead:
        yield f"\nBead {bead['id']}, {bead['status']}, branch {bead['branch'] or 'none'}"
    for run in runs:
        number = "Run" if run["attempt"] is None else f"Attempt {run['attempt']}, run"
        yield f"\n## {number} {short(run['run_id'])}\n"
        printed: list[str] = []
        for frame in run["frames"]:
            if frame["kind"] in SPEECH:
                yield from _fenced(printed)
                printed = []
                yield f"**{frame['kind']}**: {frame['data'] if isinstance(frame['data'], str) else frame_text(frame)}\n"
            else:
                printed.append(frame_text(frame))
        yield from _fenced(printed)


def _fenced(lines: list[str]) -> Iterator[str]:
    """Output as a block; longer fences than any in it keep it in."""
    if not lines:
        return
    text = "\n".join(lines)
    fence = "```"
    while fence in text:
        fence += "`"
    yield f"{fence}text\n{text}\n{fence}\n"


def _bead(client: Client, ref: str) -> dict[str, Any] | None:
    """The bead that a polecat, a bead or its beginning stands for; None where it is a run's id."""
    try:
        return client.query("getBead", beadId=ref)
    except BoomtownError as error:
        if error.code != "NOT_FOUND":
            raise
        return None


def _runs(client: Client, ref: str) -> list[tuple[int | None, str]]:
    """All runs of the bead with their number in its log, the live one last; or the one run that was named.

    Raises `NotFoundError` if there is nothing of that name.
    """
    bead = _bead(client, ref)
    if bead is None:
        run = client.query("getStream", runId=ref, limit=1)
        return [(None, run["runId"])]
    ended = [(entry["number"], entry["run_id"]) for entry in bead["attempt_log"] if entry["run_id"]]
    known = {run_id: number for number, run_id in reversed(ended)}
    found: list[tuple[int | None, str]] = [(number, run_id) for run_id, number in reversed(known.items())]
    if bead["assignee_agent_bead_id"]:
        agent = client.query("getAgent", agentId=bead["assignee_agent_bead_id"])
        if agent["run_id"] and agent["run_id"] not in known:
            found.append((len(bead["attempt_log"]) + 1, agent["run_id"]))
    return found
