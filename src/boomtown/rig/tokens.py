"""An agent's token: HS256, key kept in the home; CONTRACT section 3."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import jwt

from boomtown.domain.errors import UnauthorizedError
from boomtown.domain.seams import Clock
from boomtown.home.paths import Home

AFTER_DEADLINE_S = 3600
REMEMBERED = 4096


@dataclass(frozen=True)
class Claims:
    """Whose call it is. `run` is the fence."""

    town_id: str
    rig_id: str
    agent_id: str
    run: int
    role: str


class Tokens:
    """Issues and verifies tokens of one home."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._key = secret_file(home.jwt_key)
        self.clock = clock
        self._verified: dict[str, tuple[Claims, float]] = {}
        """Claims and expiry of good tokens: agents come with the same one all day."""

    def issue(self, claims: Claims, deadline_at: float) -> str:
        """A token that lives one hour past the run's deadline (epoch seconds); the run number ends it earlier.

        Time in which the machine was suspended does not count, as for the deadline.
        """
        body = {
            "townId": claims.town_id,
            "rigId": claims.rig_id,
            "agentId": claims.agent_id,
            "run": claims.run,
            "role": claims.role,
            "iat": int(self.clock.now()),
            "exp": int(deadline_at) + AFTER_DEADLINE_S,
        }
        return jwt.encode(body, self._key, algorithm="HS256")

    def verify(self, token: str) -> Claims:
        """The claims of a good token. Raises `UnauthorizedError` for any other."""
        known = self._verified.get(token)
        if known is None:
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            known = self._verified[token] = self._decode(token)
        claims, expires_at = known
        if expires_at <= self.clock.now() - self.clock.asleep():
            raise UnauthorizedError("The agent's token has expired.")
        return claims

    def _decode(self, token: str) -> tuple[Claims, float]:
        try:
            body = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                options={"require": ["exp", "iat"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise UnauthorizedError(f"The agent's token is not valid ({error}).") from error
        exp, run = body.get("exp"), body.get("run")
        names = [name for key in ("townId", "rigId", "agentId", "role") if isinstance(name := body.get(key), str)]
        if isinstance(run, bool) or not isinstance(run, int) or len(names) < 4:
            raise UnauthorizedError("The agent's token lacks a claim.")
        if not isinstance(exp, (int, float)):
            raise UnauthorizedError("The agent's token has expired.")
        return Claims(names[0], names[1], names[2], run, names[3]), exp


def secret_file(path: Path) -> str:
    """The secret kept at `path`, made where it is missing; only the user can read it (0600)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = path.read_text(encoding="ascii").strip()
        if secret:
            return secret
        descriptor = os.open(path, os.O_WRONLY, 0o600)
    secret = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return secret
