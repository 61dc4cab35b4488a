"""`inherit = true`: what of a person's own set-up of an agent program its polecats get, by allow-list; never a login.

MCP servers are read here, as data, from the person's configuration, and merged into that of a run. Instructions,
commands and skills are files: they are only named here (`Gift`), and copied into a polecat's HOME by the container.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boomtown.home.logins import SHORTEST_SECRET
from boomtown.home.presets import PRESETS, Inherits

OURS = "boomtown"
"""The name of the town's own tools: a server of the person's with that name would take their place."""
_LARGEST = 32 << 20
_OF_A_SERVER = {
    *("type", "command", "args", "env", "environment", "env_vars", "cwd", "url", "httpUrl", "description", "trust"),
    *("headers", "http_headers", "env_http_headers", "bearer_token_env_var", "enabled", "disabled", "timeout"),
    *("startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec"),
    *("enabled_tools", "disabled_tools", "includeTools", "excludeTools"),
}
"""What may be said of a server. Not `oauth` and the like: that is a login."""
_VALUES = ("env", "environment", "headers", "http_headers")
_SECRET = re.compile(r"key|token|secret|passw|auth|cookie|credential", re.I)
_LOGINS = {way.variable for preset in PRESETS.values() for way in preset.logins} | {
    *("ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "KILO_API_KEY"),
}
"""Variables that log an agent program in."""
_JSON_PART = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


@dataclass(frozen=True)
class Gift:
    """A file or folder of the person's, and its place below a polecat's HOME."""

    source: str
    target: str


@dataclass(frozen=True)
class Inherited:
    """What a person's set-up comes to. `secrets`: values of `servers` that must not be told. `notes`: what was left."""

    servers: Mapping[str, Any] = field(default_factory=dict)
    gifts: tuple[Gift, ...] = ()
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING = Inherited()


def inherited(known: Inherits, environ: Mapping[str, str]) -> Inherited:
    """Read what `known` allows of the person whose `environ` it is. Nothing is written, and nothing raises.

    What can't be read or used is left out, with a sentence in `notes`.
    """
    person = Path(environ.get("HOME") or Path.home())
    set_apart = environ.get(known.variable) if known.variable else None
    folder = Path(set_apart) / known.below if set_apart else person / known.folder
    notes: list[str] = []
    servers: dict[str, Any] = {}
    for name in known.configs:
        path = (folder if set_apart else person) / name[2:] if name.startswith("~/") else folder / name
        servers |= _servers(path, known.servers, notes)
    servers = {
        name: _server(name, server, notes) for name, server in servers.items() if _is_usable(name, server, notes)
    }
    there = (name for name in known.files if os.path.lexists(folder / name))
    gifts = tuple(Gift(str(folder / name), f"{known.folder}/{name}") for name in there)
    return Inherited(servers, gifts, tuple(_secrets(servers)), tuple(notes))


def _servers(path: Path, key: str, notes: list[str]) -> dict[str, Any]:
    """The table of MCP servers in one file of the person's; empty where there is none."""
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
        config = tomllib.loads(text) if path.suffix == ".toml" else parse_json(text)
    except (OSError, ValueError, RecursionError) as error:
        notes.append(f"{path} can't be read, so its MCP servers are left out: {error}.")
        return {}
    found = config.get(key, {}) if isinstance(config, dict) else None
    if isinstance(found, dict):
        return found
    notes.append(f"{path}: {key} must be a table of MCP servers; it is left out.")
    return {}


def parse_json(text: str) -> Any:
    """JSON, also with comments and commas after the last item. Raises `ValueError`."""
    try:
        return json.loads(text)
    except ValueError:
        for noise in (_JSON_PART, _LAST_COMMA):
            text = noise.sub(lambda match: match[1] or "", text)
        return json.loads(text)


def _is_usable(name: str, server: Any, notes: list[str]) -> bool:
    if name == OURS:
        notes.append(f"Your MCP server “{OURS}” is left out: the town's own tools have that name.")
    elif not isinstance(server, dict):
        notes.append(f"Your MCP server “{name}” is left out: it must be a table.")
    else:
        return True
    return False


def _server(name: str, server: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """As it is, but for what it may not have."""
    kept = {key: value for key, value in server.items() if key in _OF_A_SERVER}
    for key in _VALUES:
        if isinstance(kept.get(key), dict) and (logins := _LOGINS & kept[key].keys()):
            kept[key] = {variable: value for variable, value in kept[key].items() if variable not in logins}
            listed = ", ".join(sorted(logins))
            notes.append(f"Your MCP server “{name}” does not get {listed}: that logs an agent in. See `agent login`.")
    return kept


def _secrets(servers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    tables = [server[key] for server in servers.values() for key in _VALUES if isinstance(server.get(key), dict)]
    return [
        value
        for table in tables
        for name, value in table.items()
        if isinstance(value, str) and len(value) >= SHORTEST_SECRET and _SECRET.search(name)
    ]
