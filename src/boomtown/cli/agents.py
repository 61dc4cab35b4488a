"""`boomtown agent …`: the programs that beads can be slung to. Works without a server."""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from typing import Any

from boomtown.cli.output import Column, Output, table, terminal_width
from boomtown.domain.errors import BadInputError, NotFoundError
from boomtown.home.config import DEMO, PRESETS, AgentSettings, Settings, load
from boomtown.home.paths import Home


def _settings() -> Settings:
    return load(Home.from_env().config)


def listing(_args: Namespace, out: Output) -> None:
    """All of `config.toml`, and the demo agent."""
    settings = _settings()
    agents = [_object(agent, settings) for agent in settings.agents.values()]
    out.show(agents, lambda: _table(agents))


def _object(agent: AgentSettings, settings: Settings) -> dict[str, Any]:
    """An agent without its variables: they may be secrets."""
    return {
        "name": agent.name,
        "kind": agent.kind,
        "command": list(agent.command),
        "prompt": agent.prompt,
        "max": agent.max,
        "model": agent.model,
        "usable": agent.refusal is None,
        "default": agent.name == settings.default_agent,
        "note": "stands in for a model" if agent.name == DEMO else agent.refusal,
    }


def _table(agents: list[dict[str, Any]]) -> list[str]:
    lines = table(
        agents,
        [
            Column("agent", lambda a: a["name"], "bold"),
            Column("kind", lambda a: a["kind"]),
            Column("default", lambda a: "yes" if a["default"] else ""),
            Column("max", lambda a: a["max"], right=True),
            Column("model", lambda a: a["model"]),
            Column("command", lambda a: " ".join(a["command"])),
            Column("note", lambda a: "" if a["usable"] and a["name"] != DEMO else a["note"]),
        ],
        terminal_width(),
    )
    if len(agents) == 1:
        lines.append(f"Add your own as [agents.NAME] in {Home.from_env().config}.")
    return lines


def check(args: Namespace, out: Output) -> None:
    """Whether a program can be started, and its variables are there. Nothing is run."""
    agent = _settings().agents.get(args.NAME)
    if agent is None:
        agent = AgentSettings(args.NAME, kind="preset") if args.NAME in PRESETS else None
    if agent is None:
        raise NotFoundError(
            f"There is no agent “{args.NAME}”. `boomtown agent list` shows them; "
            f"add [agents.{args.NAME}] to config.toml."
        )
    if agent.refusal:
        raise BadInputError(agent.refusal)
    program = shutil.which(agent.command[0])
    if program is None:
        raise BadInputError(
            f"The agent “{agent.name}” can't start: {agent.command[0]} was not found or can't be executed. "
            "Install it, or write its full path into config.toml."
        )
    variables = agent.environment(os.environ)
    data = {"name": agent.name, "program": program, "variables": sorted(variables), "ok": True}
    with_them = f" Its variables are set: {', '.join(sorted(variables))}." if variables else ""
    out.say(data, f"{agent.name} can start: {program}.{with_them}")
