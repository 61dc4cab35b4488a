"""A rig's name and settings, checked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from boomtown.domain.branches import slug
from boomtown.domain.budgets import Limits
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.domain.merges import LandingStyle, MergeMode
from boomtown.domain.names import RESERVED
from boomtown.home.config import Settings, parse_bytes
from boomtown.store.sql import Row

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_POLECATS = 1000
LONGEST_GATE = 10_000
LONGEST_PROSE = 20_000
SETUP = {"setup", "setup_timeout", "copy", "link", "home_files", "submodules", "lfs", "pass_env"}
"""Settings that a worktree is made ready by: when the town paused a rig for one of them, a change ends that."""
_LOGIN = "it is a login that its program refreshes, and two copies end each other. Use `boomtown agent login`."
OWN_FILES = {
    ".gitconfig": "polecats have a git identity of their own.",
    ".config/git/config": "polecats have a git identity of their own.",
    ".claude.json": _LOGIN,
    ".claude/.credentials.json": _LOGIN,
    ".codex/auth.json": _LOGIN,
    ".gemini/oauth_creds.json": _LOGIN,
    ".qwen/oauth_creds.json": _LOGIN,
    ".local/share/kilo/auth.json": _LOGIN,
    ".local/share/opencode/auth.json": _LOGIN,
}
"""Files of a HOME that are never copied into another, and why."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")

COLUMNS = ("max_polecats", "agent", "merge", "landing", "gates")
"""Settings that are columns of their own; the others are in `settings`."""


def check_name(name: Any) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadInputError(
            f"{str(name)[:80]!r} can't be a rig's name. Use 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit.",
            field="name",
        )
    return name


def check_url(url: Any) -> str:
    """A path or URL that git may be given. What is behind it is proven by the clone."""
    if not isinstance(url, str) or not url.strip():
        raise BadInputError("gitUrl is empty. Give a path, or an https://, ssh:// or git@ address.", field="gitUrl")
    if url.startswith("-") or "::" in url.split("/", 1)[0] or any(ord(char) < 32 for char in url):
        raise BadInputError(
            f"gitUrl {without_credentials(url)!r} is refused: it is no repository address.", field="gitUrl"
        )
    return url.strip()


def without_credentials(url: str) -> str:
    """As shown and stored by us; git keeps the rest in the clone."""
    return _CREDENTIALS.sub("", url) if not url.startswith("ssh://") else url


def check_settings(values: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Checked values by key; accepts numbers, booleans and lists as text too, as the command line gives them."""
    checked = {}
    for key, value in values.items():
        check = CHECKS.get(key)
        if check is None:
            raise BadInputError(f"{key} is no setting of a rig. Known: {', '.join(sorted(CHECKS))}.", field=key)
        checked[key] = check(key, value)
    if checked.get("agent") is not None:
        settings.pick_agents(checked["agent"])
    return checked


def split(checked: dict[str, Any], rig: Row | None) -> dict[str, Any]:
    """As columns of a rig's row: a setting that is None is taken back to its default."""
    own = dict(rig["settings"]) if rig else {}
    for key in [key for key in checked if key not in COLUMNS]:
        if checked[key] is None:
            own.pop(key, None)
        else:
            own[key] = checked[key]
    return {key: value for key, value in checked.items() if key in COLUMNS} | {"settings": own}


def _whole(key: str, value: Any) -> int:
    try:
        number = int(value) if not isinstance(value, (bool, float)) else None
    except (TypeError, ValueError):
        number = None
    if number is None or not 1 <= number <= MOST_POLECATS:
        raise BadInputError(f"{key} is {value!r}; it must be a whole number from 1 to {MOST_POLECATS}.", field=key)
    return number


def _seconds(key: str, value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        seconds = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 < seconds <= 30 * 86_400:
        raise BadInputError(f"{key} is {value!r}; it must be seconds, above 0, at most 30 days.", field=key)
    return seconds


def _amount(key: str, value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        amount = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        amount = -1.0
    if not 0 < amount < float("inf"):
        raise BadInputError(f"{key} is {value!r}; it must be a number above 0.", field=key)
    return amount


def _bytes(key: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    if not (size := parse_bytes(value)):
        raise BadInputError(f"{key} is {value!r}; it must be a size such as 2GB, or a number of bytes.", field=key)
    return size


def _flag(key: str, value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise BadInputError(f"{key} is {value!r}; it must be true or false.", field=key)
    return words[str(value).lower()]


def _one_of(kinds: type[MergeMode] | type[LandingStyle]) -> Callable[[str, Any], str]:
    def check(key: str, value: Any) -> str:
        if value not in list(kinds):
            raise BadInputError(f"{key} is {value!r}; it must be one of {', '.join(kinds)}.", field=key)
        return str(value)

    return check


def _texts(key: str, value: Any) -> list[str]:
    items = [value] if isinstance(value, str) and value else (value or [])
    if not isinstance(items, list) or not all(isinstance(i, str) and i.strip() and "\0" not in i for i in items):
        raise BadInputError(f"{key} must be a list of texts, none of them empty.", field=key)
    if any(len(item) > LONGEST_GATE for item in items):
        raise BadInputError(f"{key} has an entry of over {LONGEST_GATE} characters. Put it into a script.", field=key)
    return items


def _command(key: str, value: Any) -> str | None:
    return _texts(key, value)[0] if value not in (None, "") else None


def _words(key: str, value: Any) -> list[str]:
    """A list, or one text with commas."""
    return _texts(key, [word.strip() for word in value.split(",")] if isinstance(value, str) and value else value)


def _paths(key: str, value: Any) -> list[str]:
    """Relative paths that stay where they are meant to be."""
    paths = [os.path.normpath(path) for path in _words(key, value)]
    for path in paths:
        parts = path.split("/")
        if path.startswith(("/", "~")) or ".." in parts or path == "." or parts[0] == ".git" or not path.isprintable():
            raise BadInputError(f"{key}: “{path}” must be a relative path, without .. and not in .git.", field=key)
    return paths


def _home_files(key: str, value: Any) -> list[str]:
    paths = _paths(key, value)
    for path in paths:
        if path in OWN_FILES:
            raise BadInputError(f"{key}: {path} is refused: {OWN_FILES[path]}", field=key)
    return paths


def _names(key: str, value: Any) -> list[str] | None:
    names = _words(key, value)
    slugs = [slug(name) for name in names]
    for name, short in zip(names, slugs, strict=True):
        if not short or len(name) > 40 or short in RESERVED or not name.isprintable():
            raise BadInputError(f"{key}: “{name}” can't be a polecat's name. Choose another.", field=key)
        if slugs.count(short) > 1:
            raise BadInputError(f"{key}: “{name}” is there twice (as `{short}`). Remove one.", field=key)
    return names or None


def _agent(key: str, value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise BadInputError(f"{key} is {value!r}; it must be an agent's name.", field=key)
    return value


def _model(key: str, value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise BadInputError(f"{key} is {value!r}; it must be a model's name, as its agent writes it.", field=key)
    return value


def _prose(key: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or "\0" in value:
        raise BadInputError(f"{key} is {str(value)[:80]!r}; it must be text.", field=key)
    if len(value) > LONGEST_PROSE:
        raise BadInputError(f"{key} has {len(value)} characters; at most {LONGEST_PROSE} fit.", field=key)
    return value.strip()


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "max_polecats": _whole,
    "agent": _agent,
    "merge": _one_of(MergeMode),
    "landing": _one_of(LandingStyle),
    "gates": _texts,
    "names": _names,
    "instructions": _prose,
    "timeout": _seconds,
    "stall_after": _seconds,
    "gate_timeout": _seconds,
    "run": _command,
    "setup": _texts,
    "setup_timeout": _seconds,
    "copy": _paths,
    "link": _paths,
    "home_files": _home_files,
    "submodules": _flag,
    "lfs": _flag,
    "pass_env": _words,
    "model": _model,
    "plugins": _words,
    "memory_limit": _bytes,
    "agents_may_sling": _flag,
    **{f"budget_{name}": _amount for name in vars(Limits())},
}


def refuse_taken(name: str, taken: Row | None) -> None:
    if taken is not None:
        raise ConflictError(
            f"There is a rig “{taken['name']}” already. Choose another name than “{name}”.", code="EXISTS"
        )
