"""What agents print and what happens, as it comes: long polls, so that nothing is asked twice and nothing sleeps."""

from __future__ import annotations

import json
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from boomtown.cli.client import LONG_POLL_S, Client, connect
from boomtown.cli.output import Output, clean, colourful, paint
from boomtown.cli.sentences import clock, short, spent
from boomtown.domain.errors import BoomtownError

PAGE = 1000
FULL_PAGE_CHARS = 500_000
"""A page may also be as long as it is because of its length in bytes, 1 MB."""
SHOWN_BEFORE = 20
"""Lines that `watch` shows of what was printed before it began."""


def log(args: Namespace, out: Output) -> None:
    """The stream of a polecat's latest run, or of the run that was named."""
    client = connect()
    which = _which(client, args.POLECAT_OR_RUN)
    if args.follow:
        for frame in frames(client, which, args.since, follow=True):
            out.stream(snake_frame(frame), frame_line(frame))
        return
    found = [snake_frame(frame) for frame in frames(client, which, args.since, follow=False)]
    out.show(found, lambda: map(frame_line, found))


def _which(client: Client, ref: str) -> dict[str, Any]:
    """The argument that names the stream: a polecat (or its bead) where there is one, else a run."""
    try:
        client.query("getStream", agentId=ref, limit=1)
    except BoomtownError as error:
        if error.code != "NOT_FOUND":
            raise
        try:
            client.query("getStream", runId=ref, limit=1)
        except BoomtownError as second:
            raise error if second.code == "NOT_FOUND" else second from None
        return {"runId": ref}
    return {"agentId": ref}


def frames(client: Client, which: dict[str, Any], since: int | None, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Frames of one run from after `since`; with `follow` until it ends, over restarts of the server.

    Once the first answer has named the run, that very run is followed, also when its polecat begins another.
    """
    while True:
        ask = partial(client.query, "getStream", **which, since=since, limit=PAGE)
        answer = client.patiently(partial(ask, wait_s=LONG_POLL_S)) if follow else ask()
        yield from answer["frames"]
        which, since = {"runId": answer["runId"]}, answer["nextSince"]
        if not answer["frames"] and (answer["ended"] or not follow):
            return
        if not follow and not answer["ended"] and _is_last(answer["frames"]):
            return


def _is_last(page: list[dict[str, Any]]) -> bool:
    """Whether a page went to the end of the stream as it was; one that never pauses has always a few more."""
    return len(page) < PAGE and sum(len(str(frame["data"])) for frame in page) < FULL_PAGE_CHARS


def snake_frame(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame as the command line prints it: snake_case, like all its JSON."""
    return {
        "agent_id": frame.get("agentId", frame.get("agent_id")),
        "run_id": frame.get("runId", frame.get("run_id")),
        **{key: frame[key] for key in ("seq", "at", "kind", "data")},
    }


def frame_text(frame: dict[str, Any]) -> str:
    """What a frame says; what an agent did in a few words, other data that is no text as JSON."""
    data = frame["data"]
    return clean(data if isinstance(data, str) else _told(frame["kind"], data))


def _told(kind: str, data: Any) -> str:
    match kind, data:
        case "session", {"agent": agent, "version": version, "model": model, "resumed": resumed}:
            return f"— {agent} {version or ''}, {model or 'its own model'}{', goes on' if resumed else ''}"
        case "tool_call" | "tool_update", {"status": "completed" | "failed" as status, **rest}:
            first = str(rest.get("output") or "").strip().split("\n")[0]
            return f"{'✓' if status == 'completed' else '✗'} {rest.get('title') or ''} {first}".rstrip()
        case "tool_call" | "tool_update", {"input": dict(given), **rest}:
            what = next((given[key] for key in ("command", "filePath", "file_path", "path") if key in given), None)
            return f"→ {rest.get('title') or ''} {what or json.dumps(given, ensure_ascii=False)}"
        case "tool_call" | "tool_update", {"title": str(title)}:
            return f"→ {title}"
        case "diff", {"path": path, "diff": str(diff)}:
            lines = [line for line in diff.splitlines() if not line.startswith(("+++", "---"))]
            more, less = (sum(line.startswith(sign) for line in lines) for sign in "+-")
            return f"± {path} +{more} -{less}"
        case "permission", {"title": title, "answer": answer}:
            return f"? {title}: {answer or 'a person is asked'}"
        case "plan", {"entries": list(entries)}:
            return "; ".join(f"{entry['status']}: {entry['content']}" for entry in entries)
        case "usage", {"input_tokens": _}:
            return f"— used {spent(data)}"
        case "stop", {"reason": reason}:
            return f"— {reason}"
    return json.dumps(data, ensure_ascii=False)


def frame_line(frame: dict[str, Any]) -> str:
    text = frame_text(frame)
    return text if frame["kind"] == "stdout" else paint(text, "dim")


def events(args: Namespace, out: Output) -> None:
    """The ledger of a rig or of the home."""
    client = connect()
    if args.follow:
        since = args.since if args.since is not None else newest(client)
        for event in follow_events(client, args.RIG, since):
            out.stream(event, event_line(event))
        return
    found = list(_past_events(client, args.RIG, args.since or 0))
    out.show(found, lambda: map(event_line, found) if found else ["Nothing happened yet."])


def _past_events(client: Client, rig: str | None, since: int) -> Iterator[dict[str, Any]]:
    while True:
        page = client.query("getBeadEvents", rigId=rig, since=since, limit=PAGE)
        yield from page["items"]
        if not page["items"]:
            return
        since = page["nextSince"]


def newest(client: Client) -> int:
    """The position of the last event of the home."""
    return client.query("getStatus")["last_seq"]


def follow_events(client: Client, rig: str | None, since: int) -> Iterator[dict[str, Any]]:
    """Events past `since`, for ever, over restarts of the server."""
    while True:
        ask = partial(client.query, "getBeadEvents", wait_s=LONG_POLL_S, rigId=rig, since=since, limit=PAGE)
        page = client.patiently(ask)
        yield from page["items"]
        since = page["nextSince"]


_LOUD = {"failed": "red", "cancelled": "yellow", "refused": "yellow", "red": "yellow", "stalled": "yellow"}


def event_line(event: dict[str, Any]) -> str:
    """When, what, about which bead, and the few words that the event carries."""
    said = ", ".join(
        f"{key} {_value(value)}" for key, value in (event["data"] or {}).items() if value not in (None, "")
    )
    style = next((style for word, style in _LOUD.items() if event["kind"].endswith(word)), None)
    kind = f"{event['kind']:<18}"
    parts = [
        paint(clock(event["at"]), "dim"),
        paint(kind, style) if style else kind,
        f"{short(event['bead_id']):<8}",
        clean(said),
    ]
    return "  ".join(parts).rstrip()


def _value(value: Any) -> str:
    if isinstance(value, str):
        text = short(value) if len(value) == 36 and value.count("-") == 4 else value.split("\n")[0]
        return text if len(text) <= 80 else f"{text[:79]}…"
    return json.dumps(value, ensure_ascii=False)


def watch(args: Namespace, out: Output) -> None:
    """Every live run: full screen on a terminal, else each line prefixed by who prints it, until interrupted."""
    client = connect()
    if not out.as_json and sys.stdin.isatty() and colourful(sys.stdout):
        from boomtown.cli.wall import Wall

        Wall(client, args.RIG).run()
        return
    since = newest(client)
    watcher = Watcher(client, lambda name, frame: out.stream(snake_frame(frame), watch_line(name, frame)))
    for agent in client.query("listAgents", rigId=args.RIG):
        if agent["run"] is not None:
            watcher.follow(agent["name"], agent["run_id"], tail=SHOWN_BEFORE)
    for event in follow_events(client, args.RIG, since):
        if event["kind"] == "run.claimed":
            watcher.follow(event["data"]["name"], event["run_id"])


def watch_line(name: str, frame: dict[str, Any]) -> str:
    return f"{paint(f'{name:<10}', 'bold')} {frame_line(frame)}"


class Watcher:
    """Follows many runs at once, with a thread and a connection for each; `show` gets their frames one at a time."""

    def __init__(self, client: Client, show: Callable[[str, dict[str, Any]], None]) -> None:
        self._client, self._show = client, show
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def follow(self, name: str, run_id: str, tail: int | None = None) -> None:
        """Begin with a run unless it is followed already; `tail` leaves out all but its last lines up to now."""
        if run_id in self._threads:
            return
        thread = threading.Thread(target=self._follow, args=(name, run_id, tail), daemon=True)
        self._threads[run_id] = thread
        thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until the followed runs have ended and all is shown."""
        for thread in self._threads.values():
            thread.join(timeout_s)

    def _follow(self, name: str, run_id: str, tail: int | None) -> None:
        client = self._client.twin()
        which = {"runId": run_id}
        since = None
        try:
            if tail is not None:
                past = list(frames(client, which, None, follow=False))
                since = past[-1]["seq"] if past else None
                self._tell(name, past[-tail:])
            for frame in frames(client, which, since, follow=True):
                self._tell(name, [frame])
        except BoomtownError as error:
            self._tell(name, [{"runId": run_id, "seq": 0, "at": None, "kind": "system", "data": error.message}])
        finally:
            client.close()

    def _tell(self, name: str, found: list[dict[str, Any]]) -> None:
        with self._lock:
            for frame in found:
                self._show(name, frame)
