"""The home's own logins for agent programs: keys in private files, handed to runs as variables and nowhere else.

A login is a key or a long-lived token: nothing that a program would refresh. So it can serve any number of runs at
once, and neither a HOME of a polecat nor a person's own login file is ever written for it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boomtown.domain.errors import BadInputError
from boomtown.home.config import AgentSettings
from boomtown.home.paths import Home
from boomtown.home.presets import PRESETS, LoginWay

LONGEST_SECRET = 8192
SHORTEST_SECRET = 8
"""What is shorter is no secret: hiding it would hide common words."""


@dataclass(frozen=True)
class Login:
    """What is stored for an agent. `provider`: whose key it is, where the program knows several."""

    agent: str
    secret: str
    provider: str | None = None
    made_at: float = 0.0

    @property
    def masked(self) -> str:
        """As people may see it: enough to tell one key from another."""
        return f"{self.secret[:6]}…{self.secret[-4:]}" if len(self.secret) >= 24 else "…"

    @property
    def expires_at(self) -> float | None:
        """When it expires (epoch seconds), if it says so itself, as tokens in the form of a JWT do."""
        parts = self.secret.split(".")
        if len(parts) != 3:
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except (binascii.Error, ValueError):
            return None
        expires = claims.get("exp") if isinstance(claims, dict) else None
        return float(expires) if isinstance(expires, (int, float)) else None


def ways(agent: AgentSettings) -> tuple[LoginWay, ...]:
    """How `agent` can be given a login. Raises `BadInputError` with the cure where it can't."""
    if agent.preset is None:
        cure = f'Give it its key as KEY = {{ from_file = "PATH" }} below [agents.{agent.name}.env] in config.toml.'
        raise BadInputError(f"Boomtown does not know how {agent.name} logs in. {cure}", field="agent")
    return PRESETS[agent.preset].logins


def store(home: Home, agent: AgentSettings, secret: str, provider: str | None, now: float) -> Login:
    """Keep a secret for `agent`, readable by the user alone, in place of the one before. Raises `BadInputError`."""
    secret = secret.strip()
    if not secret:
        raise BadInputError("There was no key on standard input. Paste it, or pipe it in: it is never an argument.")
    if secret.startswith("{"):
        raise BadInputError(
            "That is a login file, not a key. Its program refreshes it, and of two copies one would end the other: it "
            f"can't serve several polecats. Give {agent.name} an API key or a long-lived token. Nothing was stored."
        )
    if len(secret) > LONGEST_SECRET or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise BadInputError("That is no key: a key is one line without spaces. Nothing was stored.")
    way = _way(agent, secret, provider)
    login = Login(agent.name, secret, provider or way.provider, now)
    path = _path(home, agent.name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump({"secret": login.secret, "provider": login.provider, "made_at": login.made_at}, file)
    draft.replace(path)
    return login


def remove(home: Home, agent_name: str) -> bool:
    """Forget a login; False if there was none."""
    path = _path(home, agent_name)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def find(home: Home, agent: AgentSettings) -> Login | None:
    """The login for `agent`: its own, else that of its preset."""
    for name in dict.fromkeys((agent.name, agent.preset or agent.name)):
        try:
            known: dict[str, Any] = json.loads(_path(home, name).read_text(encoding="utf-8"))
            return Login(name, known["secret"], known["provider"], known["made_at"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            cure = f"`boomtown agent login {name}` writes it anew."
            raise BadInputError(f"{_path(home, name)} can't be read ({type(error).__name__}). {cure}") from error
    return None


def variables(home: Home, agent: AgentSettings) -> dict[str, str]:
    """What a run of `agent` gets in its environment to be logged in; empty where no login is stored."""
    login = find(home, agent)
    if login is None or agent.preset is None:
        return {}
    way = _way(agent, login.secret, login.provider)
    if not way.as_json:
        return {way.variable: login.secret}
    return {way.variable: json.dumps({login.provider: {"type": "api", "key": login.secret}})}


def secrets(home: Home, agent: AgentSettings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What runs of `agent` know and nobody may be told: its login, and variables that come from elsewhere."""
    login = find(home, agent)
    named = [key for key, value in agent.env.items() if not isinstance(value, str)]
    known = [login.secret] if login else []
    known += [value for key, value in agent.environment(environ).items() if key in named]
    return tuple(secret for secret in known if len(secret) >= SHORTEST_SECRET)


def configuration(home: Home, agent: AgentSettings) -> Mapping[str, Any]:
    """What the program's configuration must say for the login to be used."""
    if agent.preset is None or find(home, agent) is None:
        return {}
    return PRESETS[agent.preset].login_config


def _way(agent: AgentSettings, secret: str, provider: str | None) -> LoginWay:
    """The first way that fits the secret."""
    known = ways(agent)
    if provider is None and all(way.as_json and way.provider is None for way in known):
        cure = f"Say it: boomtown agent login {agent.name} --provider anthropic (or openai, openrouter, google, …)."
        raise BadInputError(f"{agent.name} knows many providers; whose key is it? {cure}", field="provider")
    if provider is not None and not any(way.as_json for way in known):
        raise BadInputError(f"{agent.name} has one provider; leave --provider out.", field="provider")
    fitting = [way for way in known if secret.startswith(way.begins)]
    if not fitting:
        raise BadInputError(f"{agent.name} takes a key that begins with {known[-1].begins}. Nothing was stored.")
    return fitting[0]


def _path(home: Home, agent_name: str) -> Path:
    return home.root / "logins" / f"{agent_name}.json"
