"""From inside a worktree to the server: the agent HTTP API, with the patience that a restart of the server needs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from boomtown.cli.exchange import exchange
from boomtown.cli.patience import patiently
from boomtown.domain.errors import BoomtownError, FencedError, UnavailableError

PATIENCE_S = 60.0
ANSWER_S = 60.0
VARIABLES = (
    "GASTOWN_API_URL",
    "GASTOWN_SESSION_TOKEN",
    "GASTOWN_TOWN_ID",
    "GASTOWN_RIG_ID",
    "GASTOWN_AGENT_ID",
)


class Identity:
    """Who calls, from the environment that the town gave its agent."""

    def __init__(self, url: str, token: str, town_id: str, rig_id: str, agent_id: str) -> None:
        self.url, self.token = url, token
        self.town_id, self.rig_id, self.agent_id = town_id, rig_id, agent_id

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Identity:
        """Raises `UsageError` where this is not an agent's environment."""
        missing = [name for name in VARIABLES if not environ.get(name)]
        if missing:
            from boomtown.cli.parsing import UsageError

            raise UsageError(
                f"This command is for agents: it works inside a worktree of the town, and {missing[0]} is not set here."
            )
        url, token, town_id, rig_id, agent_id = (environ[name] for name in VARIABLES)
        return cls(url.rstrip("/"), token, town_id, rig_id, agent_id)


class AgentApi:
    """Calls the routes of one agent. A call is repeated for `patience_s` while no server answers.

    `unclear` becomes true when an answer was lost on its way, so that the call may have been carried out twice.
    """

    def __init__(self, identity: Identity, patience_s: float = PATIENCE_S) -> None:
        self.identity = identity
        self._patience_s = patience_s
        self.unclear = False

    def get(self, path: str) -> Any:
        """`data` of a GET below the rig's base path. Raises the server's error, or `UnavailableError`."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """As `get`, for a POST."""
        return self._call("POST", path, body)

    def own(self, path: str = "") -> str:
        """The path of one of this agent's own routes."""
        return f"/agents/{self.identity.agent_id}{path}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        return patiently(lambda: self._once(method, path, body), self._patience_s, first_s=0.1)

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        who = self.identity
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        place = f"/api/towns/{who.town_id}/rigs/{who.rig_id}{path}"
        try:
            status, answer = exchange(who.url, method, place, text, headers, ANSWER_S)
        except OSError as error:
            self.unclear = self.unclear or not isinstance(error, ConnectionRefusedError)
            reason = str(error) or type(error).__name__
            raise UnavailableError(
                f"The town's server at {who.url} did not answer ({reason}), though asked for "
                f"{self._patience_s:.0f} s. Your commits are safe; try again later."
            ) from error
        return _data(status, answer, who.url)


def _data(status: int, text: bytes, url: str) -> Any:
    try:
        envelope = json.loads(text)
        if envelope["success"]:
            return envelope.get("data")
        message, code = str(envelope["error"]), envelope.get("code") or "INTERNAL"
    except (ValueError, KeyError, TypeError):
        message, code = f"{url} answered with status {status}, but not as a town does.", "INTERNAL"
    if status in (429, 503):
        raise UnavailableError(message)
    if code == "FENCED":
        raise FencedError(
            "This run is over: the town has ended or replaced it (FENCED), and nothing it calls changes anything now. "
            "Stop here."
        )
    raise BoomtownError(message, code=code)
