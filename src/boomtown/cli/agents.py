"""`boomtown agent …`: the programs that beads can be slung to. Works without a server."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from boomtown.cli.client import connect, server_of
from boomtown.cli.output import Column, Output, clean, table, terminal_width
from boomtown.cli.sentences import spent
from boomtown.domain.errors import BadInputError, BoomtownError, NotFoundError, UnavailableError
from boomtown.home import logins
from boomtown.home.agents import installed_program, installed_version, plan, problem
from boomtown.home.config import DEMO, AgentSettings, Settings, load
from boomtown.home.paths import Home
from boomtown.home.presets import PRESETS
from boomtown.home.times import iso


def _settings() -> Settings:
    return load(Home.from_env().config)


def _all(settings: Settings) -> dict[str, AgentSettings]:
    """Those of `config.toml`, then the presets that are not among them."""
    presets = {name: AgentSettings(name, kind="acp", preset=name) for name in PRESETS}
    return {**settings.agents, **{name: agent for name, agent in presets.items() if name not in settings.agents}}


def listing(_args: Namespace, out: Output) -> None:
    """All of `config.toml`, all presets, and the demo agent."""
    settings = _settings()
    agents = [_object(agent, settings) for agent in _all(settings).values()]
    out.show(agents, lambda: _table(agents))


def _object(agent: AgentSettings, settings: Settings) -> dict[str, Any]:
    """An agent without its variables: they may be secrets."""
    command, trouble = _command(agent)
    return {
        "name": agent.name,
        "kind": agent.kind,
        "preset": agent.preset,
        "version": _version(agent),
        "command": list(command),
        "prompt": agent.prompt,
        "permission": agent.permission if agent.kind == "acp" else None,
        "max": agent.max,
        "model": agent.model,
        "usable": trouble is None,
        "login": login.masked if (login := logins.find(Home.from_env(), agent)) else None,
        "default": agent.name == settings.default_agent,
        "note": "stands in for a model" if agent.name == DEMO else trouble,
    }


def _command(agent: AgentSettings) -> tuple[tuple[str, ...], str | None]:
    """What would be started, and why it can't be."""
    home, path = Home.from_env(), os.environ.get("PATH")
    try:
        command = plan(agent, home, path, None).command
    except BoomtownError:
        command = agent.command
    return command, problem(agent, home, path)


def _version(agent: AgentSettings) -> str | None:
    """Of a preset's program that is installed in the home; others are the person's own affair."""
    preset = PRESETS.get(agent.preset or "")
    if preset is None or agent.command or installed_program(preset, Home.from_env()) is None:
        return None
    return installed_version(preset, Home.from_env())


def _table(agents: list[dict[str, Any]]) -> list[str]:
    lines = table(
        agents,
        [
            Column("agent", lambda a: a["name"], "bold"),
            Column("kind", lambda a: a["kind"]),
            Column("version", lambda a: a["version"]),
            Column("default", lambda a: "yes" if a["default"] else ""),
            Column("max", lambda a: a["max"], right=True),
            Column("model", lambda a: a["model"]),
            Column("login", lambda a: a["login"]),
            Column("command", lambda a: " ".join(a["command"])),
            Column("note", lambda a: a["note"]),
        ],
        terminal_width(),
    )
    lines.append(f"Add your own as [agents.NAME] in {Home.from_env().config}.")
    return lines


def _named(name: str) -> AgentSettings:
    agent = _all(_settings()).get(name)
    if agent is None:
        raise NotFoundError(
            f"There is no agent “{name}”. `boomtown agent list` shows them; add [agents.{name}] to config.toml."
        )
    return agent


def login(args: Namespace, out: Output) -> None:
    """Give an agent the home's own key, or take it away. A server that runs lets its beads start at once."""
    home, agent = Home.from_env(), _named(args.NAME)
    logins.ways(agent)
    if args.remove:
        if not logins.remove(home, agent.name):
            raise NotFoundError(f"The home has no login for {agent.name}.")
        out.say({"agent": agent.name, "removed": True}, f"The home's login for {agent.name} is removed.")
        return
    made = logins.store(home, agent, _secret(agent.name), args.provider, time.time())
    going_on = _tell_server(home, agent.name)
    data = _login(made) | {"agent": agent.name, "server_told": going_on}
    out.say(data, f"{agent.name} is logged in as {made.masked}. `boomtown agent check {agent.name}` tries it.")


def _secret(name: str) -> str:
    """From a terminal without echo, else all of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"The key for {name} (not shown): ")
    return sys.stdin.read(logins.LONGEST_SECRET + 2)


def _tell_server(home: Home, name: str) -> bool:
    """Let what waited for this agent go on, if a server runs for this home; without one, its start does."""
    if server_of(home) is None:
        return False
    try:
        connect().mutate("tryAgent", agent=name)
    except UnavailableError:
        return False
    return True


def _login(known: logins.Login) -> dict[str, Any]:
    return {"account": known.masked, "provider": known.provider, "expires_at": iso(known.expires_at)}


def _login_words(agent: AgentSettings, known: logins.Login | None, variables: Mapping[str, str], now: float) -> str:
    """Who pays for it, and until when, as far as that can be known without asking the provider."""
    if known is None:
        ways = PRESETS[agent.preset].logins if agent.preset else ()
        given = [way.variable for way in ways if way.variable in variables]
        return f" Logged in by {given[0]} of config.toml." if given else " The home keeps no login for it."
    whose = f" for {known.provider}" if known.provider else ""
    until = ", which does not say when it expires"
    if known.expires_at is not None:
        until = f", {'expired since' if known.expires_at <= now else 'good until'} {iso(known.expires_at)}"
    return f" Logged in as {known.masked}{whose}{until}."


def check(args: Namespace, out: Output) -> None:
    """Whether an agent can be started; one that is spoken with is started, greeted and asked for one word."""
    agent = _named(args.NAME)
    command, trouble = _command(agent)
    if trouble is not None:
        raise BadInputError(f"The agent “{agent.name}” can't start: {trouble}")
    variables = agent.environment(os.environ)
    known = logins.find(Home.from_env(), agent)
    data = {
        "name": agent.name,
        "program": shutil.which(command[0]),
        "variables": sorted(variables),
        "login": _login(known) if known else None,
        "ok": True,
    }
    if agent.kind == "acp":
        from boomtown.cli.trial import attempt

        words = _login_words(agent, known, variables, time.time())
        try:
            tried = attempt(agent, Home.from_env(), variables)
        except UnavailableError as error:
            raise UnavailableError(error.message + words) from error
        _tell_server(Home.from_env(), agent.name)
        sentence = (
            f"{agent.name} works: {tried['agent'] or agent.name} {tried['version'] or ''}, model "
            f"{tried['model'] or 'not told'}, answered “{clean(tried['answer'])}” in {tried['seconds']:.1f} s"
        )
        used = f" ({spent(tried['usage'])})." if tried["usage"] else "."
        out.say({**data, **tried}, sentence + used + words)
        return
    with_them = f" Its variables are set: {', '.join(sorted(variables))}." if variables else ""
    out.say(data, f"{agent.name} can start: {data['program']}.{with_them}")


def install(args: Namespace, out: Output) -> None:
    """Install a preset's program."""
    from boomtown.cli.installing import install_preset

    preset = PRESETS.get(args.NAME)
    if preset is None:
        raise NotFoundError(f"“{args.NAME}” is no preset. There are: {', '.join(PRESETS)}.")
    program = install_preset(preset, Home.from_env())
    data = {"name": preset.name, "version": preset.version, "program": str(program)}
    out.say(data, f"{preset.title} {preset.version} is installed. `boomtown agent check {preset.name}` tries it.")
