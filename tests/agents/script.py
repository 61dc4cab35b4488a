"""What a scripted model does next: read from the words of the prompt, nothing is kept between requests.

A prompt tells the script in lines of its own:

    STEP write notes/a.txt some text      the agent's own tool for writing files (a shell where it has none)
    STEP shell sleep 300                  the agent's shell
    STEP commit add a note                git add and commit in the agent's shell
    STEP call gt_done {"branch": "$BRANCH"}   a tool of the town; $BRANCH, $CWD are filled in
    STEP say half of it is done           a text; the turn ends
    STEP fail 500 2                       the status 500, for the first 2 requests at this step (no number: always)
    STEP limit 3600 1                     the provider's limit, over in 3600 s (0: not said), for the first request
    STEP busy 0 1                         too many requests at once; the same numbers
    STEP login, STEP expired              a key that is none, or has expired; the same numbers
    STEP drop 1                           the connection is cut in the middle of the answer
    STEP hang                             no answer at all

The step is the number of the model's own turns since the last prompt that has a script, so any number of agents can
share one server, and an agent that resumes a session goes on where it was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_STEP = re.compile(r"^\s*STEP (\w+)[ ]?(.*)$", re.MULTILINE)
_BRANCH = re.compile(r"polecat/[a-z0-9-]+/[0-9a-f]{6,}")
_CWD = re.compile(r"(?:orking directory|orkspace|cwd)\b[^/\n]{0,60}?(/[^\s<>\"'`\\]+)")
_SHELL_TOOLS = ("bash", "shell", "exec_command", "run_shell_command", "shell_command", "local_shell")
_WRITE_TOOLS = ("write", "write_file", "create_file")


@dataclass(frozen=True)
class Turn:
    """One entry of a conversation, whatever the wire: `who` is user, model or tool."""

    who: str
    text: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool that the agent offers. `namespace`: Codex groups MCP tools that way."""

    name: str
    schema: dict[str, Any] = field(default_factory=dict)
    namespace: str | None = None


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Call:
    tool: Tool
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """`kind`: fail, drop, hang, or what `refusals` knows. `times`: for how many requests at this step; None: always.

    `status` of a failure; `reset_s` of a refusal.
    """

    kind: str
    status: int = 500
    reset_s: int = 0
    times: int | None = None


Move = Say | Call
REFUSALS = ("limit", "busy", "login", "expired")
TROUBLES = ("fail", "drop", "hang", *REFUSALS)


def steps_of(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2].strip()) for match in _STEP.finditer(text)]


def position(turns: list[Turn]) -> tuple[str, int]:
    """The last prompt that has a script, and how often the model has spoken since."""
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].who == "user" and steps_of(turns[index].text):
            return turns[index].text, sum(turn.who == "model" for turn in turns[index:])
    return "", 0


def next_move(turns: list[Turn], tools: list[Tool], whole: str) -> tuple[list[Trouble], Move]:
    """The troubles that stand before the next step, and the step. `whole` is all text of the request."""
    if not tools:
        return [], Say("A title")
    prompt, done = position(turns)
    troubles: list[Trouble] = []
    ordinary = 0
    for verb, rest in steps_of(prompt):
        if verb in TROUBLES:
            if ordinary == done:
                troubles.append(_trouble(verb, rest))
            continue
        if ordinary == done:
            return troubles, _move(verb, rest, tools, prompt, whole)
        ordinary += 1
    return troubles, Say("All steps are done." if ordinary else "Hello. I was given no steps.")


def _trouble(verb: str, rest: str) -> Trouble:
    numbers = [int(word) for word in rest.split()]
    if verb == "fail":
        return Trouble(verb, numbers[0], times=numbers[1] if len(numbers) > 1 else None)
    if verb in REFUSALS:
        return Trouble(verb, reset_s=numbers[0] if numbers else 0, times=numbers[1] if len(numbers) > 1 else None)
    return Trouble(verb, times=numbers[0] if numbers else None)


def _move(verb: str, rest: str, tools: list[Tool], prompt: str, whole: str) -> Move:
    branch = _BRANCH.search(prompt) or _BRANCH.search(whole)
    cwd = _CWD.search(whole)
    rest = rest.replace("$BRANCH", branch[0] if branch else "?").replace("$CWD", cwd[1] if cwd else ".")
    match verb:
        case "say":
            return Say(rest)
        case "shell":
            return _shell(tools, rest)
        case "commit":
            return _shell(tools, f"git add -A && git commit -q -m {json.dumps(rest)}")
        case "write":
            path, _, content = rest.partition(" ")
            tool = _find(tools, _WRITE_TOOLS)
            if tool is None or cwd is None:
                return _shell(tools, f"mkdir -p $(dirname {path}) && printf '%s\\n' {json.dumps(content)} > {path}")
            return Call(tool, _write_arguments(tool, f"{cwd[1]}/{path}", content + "\n"))
        case "call":
            name, _, arguments = rest.partition(" ")
            tool = next((tool for tool in tools if tool.name == name or tool.name.endswith(f"_{name}")), None)
            return Call(tool, json.loads(arguments or "{}")) if tool else Say(f"I have no tool {name}.")
    return Say(f"I don't know the step {verb}.")


def _find(tools: list[Tool], names: tuple[str, ...]) -> Tool | None:
    return next((tool for name in names for tool in tools if tool.name.lower() == name), None)


def _shell(tools: list[Tool], command: str) -> Move:
    tool = _find(tools, _SHELL_TOOLS)
    if tool is None:
        return Say("I have no shell.")
    properties = tool.schema.get("properties", {})
    key = "cmd" if "cmd" in properties else "command"
    as_list = properties.get(key, {}).get("type") == "array"
    arguments: dict[str, Any] = {key: ["bash", "-lc", command] if as_list else command}
    return Call(tool, arguments | _required(tool, arguments))


def _write_arguments(tool: Tool, path: str, content: str) -> dict[str, Any]:
    properties = tool.schema.get("properties", {})
    arguments = {}
    for name in properties:
        if "path" in name.lower():
            arguments[name] = path
        elif name.lower() in ("content", "contents", "text"):
            arguments[name] = content
    return arguments | _required(tool, arguments)


def _required(tool: Tool, given: dict[str, Any]) -> dict[str, Any]:
    """Something for every other argument that the tool insists on."""
    fill = {"string": "as the script says", "number": 600000, "integer": 600000, "boolean": False, "array": []}
    properties = tool.schema.get("properties", {})
    return {
        name: fill.get(properties.get(name, {}).get("type", "string"), "as the script says")
        for name in tool.schema.get("required", [])
        if name not in given
    }
