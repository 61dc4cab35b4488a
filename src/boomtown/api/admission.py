"""Which agents are let in: those with a good token, and each only so often."""

from __future__ import annotations

import math

from starlette.requests import Request

from boomtown.api.auth import bearer
from boomtown.domain.errors import TooManyError, UnauthorizedError
from boomtown.rig.tokens import Claims, Tokens

CALLS_PER_S = 30.0
"""What an agent may go on with for ever."""
CALLS_AT_ONCE = 300.0
"""What it may ask at once after a pause."""
_REMEMBERED = 10_000
"""Agents whose calls are counted, before those are forgotten that have been quiet."""


class Admission:
    """Verifies tokens, and counts calls by agent: a bucket of calls for each, which fills up again by itself."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens, self._clock = tokens, tokens.clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Calls that were left, and when."""

    def admit(self, request: Request) -> Claims:
        """Whose request it is. Raises `UnauthorizedError`, or `TooManyError` with `retry_after_s` in its data."""
        token = bearer(request.scope)
        if token is None:
            raise UnauthorizedError(
                "The agent's token is missing. Send `Authorization: Bearer $GASTOWN_SESSION_TOKEN`."
            )
        claims = self._tokens.verify(token)
        self.count(claims)
        return claims

    def count(self, claims: Claims) -> None:
        """One more call. Raises `TooManyError` if the agent has none left; that costs it nothing."""
        now = self._clock.monotonic()
        left = self._left(claims.agent_id, now)
        if left < 1:
            wait_s = max(1, math.ceil((1 - left) / CALLS_PER_S))
            raise TooManyError(
                f"This agent calls too often: more than {CALLS_PER_S:g} times a second for long. "
                f"Wait {wait_s} s, then go on more slowly.",
                data={"retry_after_s": wait_s},
            )
        if len(self._buckets) >= _REMEMBERED:
            self._buckets = {key: known for key, known in self._buckets.items() if self._left(key, now) < CALLS_AT_ONCE}
        self._buckets[claims.agent_id] = (left - 1, now)

    def _left(self, agent_id: str, now: float) -> float:
        left, since = self._buckets.get(agent_id, (CALLS_AT_ONCE, now))
        return min(CALLS_AT_ONCE, left + (now - since) * CALLS_PER_S)
