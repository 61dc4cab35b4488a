"""`config.toml`: what a person sets for a whole home, checked at once; a mistake has a line, a key and a cure."""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from boomtown.domain.budgets import Limits
from boomtown.domain.errors import BadInputError
from boomtown.home.presets import PRESETS

T = TypeVar("T")

DEMO = "demo"
"""The agent that ships with the package. It stands in for a model and is only ever used by name."""

PROMPTS = ("stdin", "argument", "file")


@dataclass(frozen=True)
class FromEnv:
    """A value that is read from the server's environment when a run starts, so that it is in no file of ours."""

    name: str


@dataclass(frozen=True)
class FromFile:
    """A value that is read from a file when a run starts; one newline at its end is dropped."""

    path: str


@dataclass(frozen=True)
class AgentSettings:
    """A program that beads can be slung to.

    `kind`: command, or acp for one that is spoken with. `preset` names what is known about such a program. `max` bounds
    its live runs in the home; None: no bound. `permission`: allow, or ask for people to be asked. `config` is merged
    into the configuration of a preset's program.
    """

    name: str
    kind: str = "command"
    preset: str | None = None
    command: tuple[str, ...] = ()
    prompt: str = "stdin"
    permission: str = "allow"
    max: int | None = None
    memory: int | None = None
    """What one run of it takes, in bytes; None: what earlier ones took."""
    memory_limit: int | None = None
    """What one run of it may have resident, in bytes; more ends it."""
    shared: bool = False
    """One process of it serves all its polecats of a rig."""
    model: str | None = None
    inherit: bool = False
    """Whether it gets the person's own instructions, skills and MCP servers for this program; never the login."""
    env: Mapping[str, str | FromEnv | FromFile] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of `env`, with those of `{ from_env }` taken from `environ` and files read.

        Raises `BadInputError` naming the variable or file that is missing.
        """
        return {key: self._resolve(key, value, environ) for key, value in self.env.items()}

    def _resolve(self, key: str, value: str | FromEnv | FromFile, environ: Mapping[str, str]) -> str:
        if isinstance(value, str):
            return value
        where = f"[agents.{self.name}.env] {key}"
        if isinstance(value, FromEnv):
            if value.name not in environ:
                raise BadInputError(f"{where}: ${value.name} is not set where the server runs. Set it, then restart.")
            return environ[value.name]
        try:
            return Path(value.path).expanduser().read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(f"{where}: can't read {value.path} ({error}). Make it readable for you.") from error


def demo_agent() -> AgentSettings:
    """The scripted agent of this very installation."""
    return AgentSettings(DEMO, command=(sys.executable, "-m", "boomtown.demo_agent"))


@dataclass(frozen=True)
class NotifySettings:
    """Who is told what waits for a person: a program, an http(s) address, both, or nobody."""

    command: tuple[str, ...] = ()
    webhook: str | None = None


@dataclass(frozen=True)
class Settings:
    """All of `config.toml`, with defaults. Names ending in `_s` are seconds; in the file they have no such ending."""

    default_agent: str | None = None
    max_agents: int | None = None
    agents: Mapping[str, AgentSettings] = field(default_factory=lambda: {DEMO: demo_agent()})
    author: str = "polecat"
    """Whose name agents' commits carry: `polecat`, or `me` for the person, with a trailer."""
    timeout_s: float = 4 * 3600.0
    stall_after_s: float = 900.0
    backoff_s: tuple[float, ...] = (5.0, 30.0, 120.0, 300.0)
    stop_grace_s: float = 10.0
    done_grace_s: float = 30.0
    gate_timeout_s: float = 1800.0
    setup_timeout_s: float = 600.0
    shared_caches: bool = True
    """Whether all agents of the home share the caches of their package managers."""
    fetch_max_age_s: float = 30.0
    silence_after_s: float = 90.0
    orphan_after_s: float = 900.0
    """How long a container goes on without a server before it stops its agents and ends."""
    answer_within_s: float = 600.0
    """How long an agent that is spoken with may be silent in the middle of a turn before that is begun again."""
    memory_keep_free: int | None = None
    """Bytes that admission leaves untouched; None: 5 % of the machine's memory, at least 512 MiB."""
    notify: NotifySettings = NotifySettings()
    budget: Limits = field(default_factory=Limits)
    """What the whole home may spend."""
    sandbox: str = "none"
    """What keeps agents from the rest of the machine: none, bwrap, landlock, or auto for the best that works."""
    sandbox_read: tuple[str, ...] = ()
    sandbox_write: tuple[str, ...] = ()
    """Paths that can be reached in a sandbox besides."""
    breaker_failures: int = 20
    breaker_window_s: float = 1800.0
    quota_backoff_s: tuple[float, ...] = (60.0, 300.0, 900.0, 1800.0)
    """When an agent is tried again whose provider did not say when its limit is over."""

    is_usable: Callable[[AgentSettings], bool] | None = field(default=None, compare=False, repr=False)
    """Whether an agent's program is there now; None: not known, and those of `config.toml` are believed to be."""

    def pick_agents(self, *wishes: str | None) -> tuple[AgentSettings, ...]:
        """The first wish that names something, else `default_agent`, else the only usable one.

        Those of `config.toml` come before presets that it does not name. A wish may name several, with commas: each
        stands in for those before it while they can't be used. Raises `BadInputError` (field `agent`) with the cure if
        there is no such agent or no single choice.
        """
        names = next((wish for wish in (*wishes, self.default_agent) if wish), None)
        if names is None:
            return (self._only_one(),)
        return tuple(self._named(name) for name in dict.fromkeys(name.strip() for name in names.split(",")))

    def pick_agent(self, *wishes: str | None) -> AgentSettings:
        """The first of `pick_agents`."""
        return self.pick_agents(*wishes)[0]

    def _only_one(self) -> AgentSettings:
        own = [agent for agent in self.agents.values() if agent.name != DEMO]
        if self.is_usable is not None:
            presets = [self._named(name) for name in PRESETS if name not in self.agents]
            own = [*filter(self.is_usable, own)] or [*filter(self.is_usable, presets)] or own
        if len(own) == 1:
            return own[0]
        if own:
            cure = f'Name one with --agent, or write default_agent = "{own[0].name}" into config.toml.'
            raise BadInputError(f"No agent was chosen among {_listing(a.name for a in own)}. {cure}", field="agent")
        cure = "Name one with --agent (kilo, demo, …), or add [agents.NAME] to config.toml and `boomtown restart`."
        raise BadInputError(f"No agent is configured. {cure}", field="agent")

    def talks(self, name: str) -> bool:
        """Whether the agent `name` is spoken with while it works."""
        agent = self.agents.get(name)
        return agent.kind == "acp" if agent else name in PRESETS

    def shares(self, name: str) -> bool:
        """Whether one process of the agent `name` serves all its polecats of a rig."""
        agent = self.agents.get(name)
        return agent is not None and agent.shared

    def _named(self, name: str) -> AgentSettings:
        agent = self.agents.get(name)
        if agent is None and name in PRESETS:
            return AgentSettings(name, kind="acp", preset=name)
        if agent is None:
            known = _listing(dict.fromkeys([*self.agents, *PRESETS]))
            cure = f"Add [agents.{name}] to config.toml, then `boomtown restart`."
            raise BadInputError(f"There is no agent “{name}”. Known: {known}. {cure}", field="agent")
        return agent


def load(path: Path) -> Settings:
    """The settings in the file at `path`; the defaults where there is none.

    Raises `BadInputError` that names the file, the line and the key of the first mistake, and says what to write.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} can't be read: {error}. Make it a readable UTF-8 text file.") from error
    return parse(text, str(path))


def parse(text: str, name: str = "config.toml") -> Settings:
    """As `load`, from the text of the file; `name` is what messages call it."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(_syntax_message(text, name, str(error))) from error
    table = _Table(values, (), text, name)
    agents = table.take("agents", _table, {})
    durations: dict[str, Any] = {
        f"{key}_s": table.take(key, _seconds, getattr(Settings, f"{key}_s")) for key in _DURATIONS
    }
    settings = Settings(
        default_agent=table.take("default_agent", _word, None),
        max_agents=table.take("max_agents", _whole, None),
        agents={DEMO: demo_agent()} | {key: _agent(table, key, value) for key, value in agents.items()},
        budget=_budget(table.below("budget", table.take("budget", _table, {}))),
        notify=_notify(table.below("notify", table.take("notify", _table, {}))),
        author=table.take("author", _one_of("polecat", "me"), Settings.author),
        memory_keep_free=table.take("memory_keep_free", _bytes, None),
        shared_caches=table.take("shared_caches", _flag, Settings.shared_caches),
        backoff_s=table.take("backoff", _delays, Settings.backoff_s),
        quota_backoff_s=table.take("quota_backoff", _delays, Settings.quota_backoff_s),
        sandbox=table.take("sandbox", _one_of("none", "auto", "bwrap", "landlock"), Settings.sandbox),
        sandbox_read=table.take("sandbox_read", _paths, ()),
        sandbox_write=table.take("sandbox_write", _paths, ()),
        breaker_failures=table.take("breaker_failures", _whole, Settings.breaker_failures),
        **durations,
    )
    table.finish()
    if settings.sandbox != "none" and (shared := [agent.name for agent in settings.agents.values() if agent.shared]):
        cure = 'Write sandbox = "none", or take `shared` out.'
        raise table.error("sandbox", f"is one for each polecat, but [agents.{shared[0]}] is shared by many. {cure}")
    for name in (settings.default_agent or "").split(",") if settings.default_agent else ():
        if name.strip() not in {*settings.agents, *PRESETS}:
            cure = f"Write one of {_listing(settings.agents)}, or add [agents.{name.strip()}]."
            raise table.error("default_agent", f"“{name.strip()}” is not an agent. {cure}")
    return settings


_DURATIONS = (
    "timeout", "stall_after", "stop_grace", "done_grace", "gate_timeout", "setup_timeout", "fetch_max_age",
    "silence_after", "orphan_after", "answer_within", "breaker_window",
)  # fmt: skip


def _notify(table: _Table) -> NotifySettings:
    settings = NotifySettings(table.take("command", _command, ()), table.take("webhook", _web_address, None))
    table.finish()
    return settings


def _budget(table: _Table) -> Limits:
    limits = Limits(**{name: table.take(name, _amount, None) for name in vars(Limits())})
    table.finish()
    return limits


def _agent(parent: _Table, name: str, value: object) -> AgentSettings:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise parent.error("agents", f"“{name}” can't be a name. Use 1 to 64 of A-Z a-z 0-9 . _ -", name)
    if not isinstance(value, dict):
        raise parent.error("agents", f"“{name}” must be a table. Write [agents.{name}].", name)
    table = parent.below("agents", name, value)
    command = table.take("command", _command, ())
    preset = table.take("preset", _one_of(*PRESETS), name if name in PRESETS else None)
    known = preset is not None and not command
    kind = table.take("kind", _one_of("command", "acp"), "acp" if known else "command")
    if kind == "command" and preset is not None and not command:
        raise table.error("kind", f'can\'t be "command": {preset} is spoken with. Leave the line out.')
    if not command and not known:
        cure = f"“{name}” is no preset (those are {_listing(PRESETS)})."
        raise table.error("command", f'is missing: {cure} Write command = ["PROGRAM", "ARGUMENT", …].')
    agent = AgentSettings(
        name=name,
        kind=kind,
        preset=preset if kind == "acp" else None,
        command=command,
        prompt=table.take("prompt", _one_of(*PROMPTS), "stdin"),
        permission=table.take("permission", _one_of("allow", "ask"), "allow"),
        max=table.take("max", _whole, None),
        memory=table.take("memory", _bytes, None),
        memory_limit=table.take("memory_limit", _bytes, None),
        shared=table.take("shared", _flag, False),
        model=table.take("model", _word, None),
        env=table.take("env", _environment, {}),
        config=table.take("config", _table, {}),
        inherit=table.take("inherit", _flag, False),
    )
    if agent.shared and (agent.preset is None or not PRESETS[agent.preset].shells):
        able = _listing(name for name, preset in PRESETS.items() if preset.shells)
        raise table.error("shared", f"can't be true: one process can serve many with {able} only. Leave the line out.")
    table.finish()
    if agent.inherit and agent.preset is None:
        cure = f"It works for {_listing(PRESETS, 'or')}. Leave the line out."
        raise table.error("inherit", f"can't be true: what {name} reads of your own set-up is not known. {cure}")
    return agent


class _WrongError(ValueError):
    """What a value should have been."""


class _Table:
    """One table of the file, read key by key; a key that nobody took is a mistake."""

    def __init__(self, values: dict[str, Any], path: tuple[str, ...], text: str, name: str) -> None:
        self._values, self._path, self._text, self._name = values, path, text, name
        self._known: list[str] = []

    def below(self, *path: Any) -> _Table:
        *keys, values = path
        return _Table(values, (*self._path, *keys), self._text, self._name)

    def take(self, key: str, check: Callable[[Any], T], default: T) -> T:
        self._known.append(key)
        if key not in self._values:
            return default
        try:
            return check(self._values[key])
        except _WrongError as error:
            raise self.error(key, str(error)) from None

    def finish(self) -> None:
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                cure = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(self._known))}."
                raise self.error(key, f"is not a setting. {cure}")

    def error(self, key: str, message: str, *deeper: str) -> BadInputError:
        path = (*self._path, key.split(".")[0], *deeper)
        line = _line_of(self._text, path)
        return BadInputError(f"{self._name}, line {line}: {'.'.join((*self._path, key))} {message}")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _WrongError(f"must be a whole number from 1, not {value!r}.")
    return value


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise _WrongError(f"must be a number above 0, not {value!r}.")
    return float(value)


_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def parse_bytes(value: Any) -> int | None:
    """A number of bytes, or a text such as "1.5 GB" or "512 MiB"; None for what is neither."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?I?B?)", str(value).strip().upper())
    if isinstance(value, bool) or match is None or match[2] not in _UNITS:
        return None
    return int(float(match[1]) * _UNITS[match[2]])


def _bytes(value: Any) -> int:
    found = parse_bytes(value)
    if found is None:
        raise _WrongError(f'must be a size such as "2 GB", or a number of bytes, not {value!r}.')
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongError(f"must be true or false, not {value!r}.")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise _WrongError(f"must be a number of seconds, not {value!r}.")
    return float(value)


def _delays(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise _WrongError(f"must be a list of seconds such as [5, 30, 120, 300], not {value!r}.")
    return tuple(_seconds(item) for item in value)


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongError(f"must be a text in quotes, not {value!r}.")
    return value


def _web_address(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise _WrongError("must be an address such as https://example.org/hook.")
    return value


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise _WrongError(f"must be {_listing(words, 'or')}, not {value!r}.")
        return value

    return check


def _command(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(item, str) and "\0" not in item for item in value)
    ):
        raise _WrongError(f'must be a list of texts such as ["python3", "agent.py"], not {value!r}.')
    if not value[0]:
        raise _WrongError("must begin with a program, not with an empty text.")
    return tuple(value)


def _paths(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(item, str) and item.startswith(("/", "~")) and "\0" not in item for item in value
    ):
        raise _WrongError(f'must be a list of paths that begin with / or ~, such as ["~/.nvm"], not {value!r}.')
    return tuple(value)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _WrongError(f"must be a table, not {value!r}.")
    return value


def _environment(value: Any) -> dict[str, str | FromEnv | FromFile]:
    return {key: _variable(key, item) for key, item in _table(value).items()}


def _variable(key: str, value: Any) -> str | FromEnv | FromFile:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        raise _WrongError(f"has “{key}”, which can't be the name of a variable.")
    match value:
        case str() if "\0" not in value:
            return value
        case {"from_env": str(name)} if len(value) == 1:
            return FromEnv(name)
        case {"from_file": str(path)} if len(value) == 1:
            return FromFile(path)
    # The value may be a secret: it is not repeated.
    raise _WrongError(f'has {key}, which must be a text, {{ from_env = "NAME" }} or {{ from_file = "PATH" }}.')


def _listing(names: Any, last: str = "and") -> str:
    words = list(names)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _syntax_message(text: str, name: str, error: str) -> str:
    """What `tomllib` said, with the line first and the key that stands on it."""
    place = re.search(r"at line (\d+)", error)
    line = int(place[1]) if place else len(text.splitlines()) or 1
    lines = text.splitlines()
    shown, equals, _ = lines[line - 1].partition("=") if line <= len(lines) else ("", "", "")
    key = f"{shown.strip()[:60]}: " if equals else ""
    return f"{name}, line {line}: {key}not valid TOML: {error}. Correct the line; texts need quotes."


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line on which `path`, or as much of it as the file spells out, is set."""
    table: tuple[str, ...] = ()
    best, best_line = 0, 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            table = here = _dotted(header[1])
        elif key := re.match(r"""\s*((?:[A-Za-z0-9_-]|"[^"]*"|'[^']*'|[ \t]*\.[ \t]*)+)[ \t]*=""", line):
            here = (*table, *_dotted(key[1]))
        else:
            continue
        if here == path[: len(here)] and len(here) > best:
            best, best_line = len(here), number
    return best_line


def _dotted(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))
