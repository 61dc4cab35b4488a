"""What an agent tells of its turn, as frames of the run's stream.

Kinds whose data is text, a frame a line: `prompt` (ours), `message`, `thought`, `error`. Kinds whose data is an object:

* `session`: `{id, agent, version, model, resumed}`
* `tool_call`, `tool_update`: `{id, title, kind, status, locations, input, output}`; an update has what has changed
* `diff`: `{id, path, diff}`, a unified diff
* `plan`: `{entries: [{content, status, priority}]}`
* `usage`: `{context_used, context_size}` and the fields of `protocol.Usage`
* `permission`: `{id, title, options, answer}`; `answer` is null while a person is asked
* `stop`: `{reason}`, the end of a turn
"""

from __future__ import annotations

import asyncio
import difflib
import json
from typing import Any

from acp import schema

from boomtown.container.streams import StreamWriter

LONGEST_OUTPUT = 1 << 16
LONGEST_INPUT = 2000
"""Characters that are kept of what a tool printed, and of each text that it was given."""
LONGEST_DIFF = 4000
"""Lines on one side beyond which a change is told in numbers only."""
_PAUSE_S = 0.5
"""How long a line that has no end yet waits for one."""
_OPEN = ("pending", "in_progress")


class Recorder:
    """Writes one run's frames, and knows which tools are at work."""

    def __init__(self, stream: StreamWriter) -> None:
        self._stream = stream
        self._said = _Lines(stream)
        self._tools: dict[str, dict[str, Any]] = {}
        self._diffs: dict[tuple[str, str], tuple[str, str]] = {}
        self.context: dict[str, int] = {}

    def tools(self, status: str) -> bool:
        """Whether a tool call has this status."""
        return any(tool["status"] == status for tool in self._tools.values())

    def text(self, kind: str, text: str) -> None:
        """Whole lines of our own, or about the agent."""
        self._said.end()
        self._stream.lines(kind, text.splitlines() or [""])

    def event(self, kind: str, /, **data: Any) -> None:
        self._said.end()
        self._stream.event(kind, data)

    def end_turn(self, reason: str) -> None:
        self.event("stop", reason=reason)
        self._tools.clear()
        self._diffs.clear()

    def update(self, update: Any) -> None:
        """One `session/update`, of any kind that the protocol has."""
        match update:
            case schema.AgentMessageChunk():
                self._said.add("message", _text(update.content))
            case schema.AgentThoughtChunk():
                self._said.add("thought", _text(update.content))
            case schema.ToolCallStart() | schema.ToolCallProgress():
                self._tool(update)
            case schema.AgentPlanUpdate():
                entries = [
                    {"content": entry.content, "status": entry.status, "priority": entry.priority}
                    for entry in update.entries
                ]
                self.event("plan", entries=entries)
            case schema.UsageUpdate():
                self.context = {"context_used": update.used, "context_size": update.size}

    def _tool(self, update: schema.ToolCallStart | schema.ToolCallProgress) -> None:
        known = self._tools.get(update.tool_call_id)
        now = dict(known) if known else {"id": update.tool_call_id, "title": "", "kind": None, "status": "pending"}
        _change(now, title=update.title, kind=update.kind, status=update.status)
        _change(now, locations=_locations(update.locations), input=_shortened(update.raw_input))
        if now["status"] not in _OPEN:
            _change(now, output=_output(update))
        if now != known:
            self._tools[update.tool_call_id] = now
            fresh = now if known is None else {key: now[key] for key in now if now[key] != known.get(key)}
            self.event("tool_update" if known else "tool_call", id=now["id"], **_without_id(fresh))
        for part in update.content or []:
            if isinstance(part, schema.FileEditToolCallContent):
                self._diff(now["id"], part.path, part.old_text or "", part.new_text)

    def _diff(self, tool: str, path: str, old: str, new: str) -> None:
        if old != new and self._diffs.get((tool, path)) != (old, new):
            self._diffs[tool, path] = old, new
            self.event("diff", id=tool, path=path, diff=_unified(path, old, new))


class _Lines:
    """Pieces of text put together to lines. One that goes on for long is written in parts."""

    def __init__(self, stream: StreamWriter) -> None:
        self._stream = stream
        self._kind = ""
        self._rest = ""
        self._open = False
        self._timer: asyncio.TimerHandle | None = None

    def add(self, kind: str, text: str) -> None:
        if kind != self._kind:
            self.end()
            self._kind = kind
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._write(lines, more=False)
        if self._rest and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE_S, self._part)

    def end(self) -> None:
        """Whatever comes next is something else."""
        if self._rest or self._open:
            self._write([self._rest], more=False)
            self._rest = ""
        self._stop_timer()

    def _part(self) -> None:
        self._timer = None
        if self._rest:
            self._write([self._rest], more=True)
            self._rest = ""

    def _write(self, lines: list[str], more: bool) -> None:
        self._stop_timer()
        self._open = more
        self._stream.lines(self._kind, lines, more)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _change(known: dict[str, Any], **values: Any) -> None:
    known.update({key: value for key, value in values.items() if value not in (None, [], {}, "")})


def _without_id(fresh: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fresh.items() if key != "id"}


def _text(content: Any) -> str:
    return content.text if isinstance(content, schema.TextContentBlock) else f"[{content.type}]"


def _locations(locations: list[schema.ToolCallLocation] | None) -> list[str]:
    return [f"{place.path}:{place.line}" if place.line is not None else place.path for place in locations or []]


def _shortened(value: Any) -> Any:
    """The same data with long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_INPUT else f"{value[:LONGEST_INPUT]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value[:100]]
    return value


def _output(update: schema.ToolCallStart | schema.ToolCallProgress) -> str:
    """What a tool gave back, as text: its content, else the raw output."""
    parts = [_text(part.content) for part in update.content or [] if isinstance(part, schema.ContentToolCallContent)]
    text = "\n".join(parts) or _raw(update.raw_output)
    return text if len(text) <= LONGEST_OUTPUT else f"{text[:LONGEST_OUTPUT]}\n… ({len(text)} characters)"


def _raw(output: Any) -> str:
    if isinstance(output, dict):
        for key in ("output", "formatted_output", "aggregated_output", "stdout", "error", "message"):
            if isinstance(output.get(key), str) and output[key]:
                return output[key]
        return json.dumps(output, ensure_ascii=False)
    return output if isinstance(output, str) else "" if output is None else json.dumps(output, ensure_ascii=False)


def _unified(path: str, old: str, new: str) -> str:
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > LONGEST_DIFF:
        return f"{path}: {len(before)} lines become {len(after)}"
    return "\n".join(difflib.unified_diff(before, after, path, path, lineterm=""))
