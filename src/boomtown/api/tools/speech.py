"""The Model Context Protocol as far as tools need it: one JSON-RPC message in, at most one out.

Ours, and not the official library, because each agent starts a process that speaks it: see docs/concepts.
"""

from __future__ import annotations

from typing import Any

from boomtown import __version__
from boomtown.api.tools.table import TOOLS, Tool

Message = dict[str, Any]
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Of the protocol, newest first. Tools are the same in all of them."""

PARSE_ERROR, BAD_REQUEST, NO_METHOD, BAD_PARAMS = -32700, -32600, -32601, -32602
INSTRUCTIONS = "The town that you work for. Call gt_prime first, and gt_done when all is committed."


def reply(message: Any) -> Message | Call | None:
    """What a message is answered with: at once, after a call of a tool, or (None) not at all."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return failure(None, BAD_REQUEST, "This is no JSON-RPC 2.0 message.")
    method, number = message.get("method"), message.get("id")
    if number is None or not isinstance(method, str):
        return None  # a notification, or an answer to what we never asked
    params = message.get("params") or {}
    match method:
        case "initialize":
            return success(number, _welcome(params.get("protocolVersion")))
        case "ping":
            return success(number, {})
        case "tools/list":
            return success(number, {"tools": [tool.offer() for tool in TOOLS.values()]})
        case "tools/call":
            return _call(number, params)
    return failure(number, NO_METHOD, f"There is no method {method}.")


class Call:
    """A call of a tool that somebody has to carry out."""

    def __init__(self, number: Any, tool: Tool, arguments: Message) -> None:
        self.number, self.tool, self.arguments = number, tool, arguments

    def path(self, **known: str) -> str:
        """The tool's path with all its names filled in, from `known` before the arguments."""
        return self.tool.path.format_map({**self.arguments, **known})

    @property
    def body(self) -> Message | None:
        """What to post; None for a GET."""
        if self.tool.method == "GET":
            return None
        return {key: value for key, value in self.arguments.items() if f"{{{key}}}" not in self.tool.path}

    def answer(self, text: str, *, failed: bool = False) -> Message:
        """The result, as the model reads it; a failure is one, too."""
        return success(self.number, {"content": [{"type": "text", "text": text}], "isError": failed})


def _call(number: Any, params: Message) -> Message | Call:
    tool, arguments = TOOLS.get(params.get("name", "")), params.get("arguments") or {}
    if tool is None:
        return failure(number, BAD_PARAMS, f"There is no tool {params.get('name')!r}.")
    if not isinstance(arguments, dict):
        return failure(number, BAD_PARAMS, "arguments must be an object.")
    missing = [name for name in tool.required if name not in arguments]
    in_path = [name for name in tool.required if f"{{{name}}}" in tool.path]
    wrong = [name for name in in_path if not isinstance(arguments.get(name), str) or not _plain(arguments[name])]
    if missing or wrong:
        call = Call(number, tool, {})
        problem = f"{missing[0]} is missing" if missing else f"{wrong[0]} must be an id"
        return call.answer(f"{tool.name}: {problem}.", failed=True)
    return Call(number, tool, arguments)


def _plain(value: str) -> bool:
    return bool(value) and all(letter.isalnum() or letter == "-" for letter in value)


def _welcome(wanted: Any) -> Message:
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "boomtown", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def success(number: Any, result: Message) -> Message:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def failure(number: Any, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
