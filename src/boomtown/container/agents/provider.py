"""How the provider of one session's model behaves: what passes is tried again, what does not ends the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from boomtown.container.agents import refusals
from boomtown.container.agents.refusals import AUTH, BUSY, FAILS, QUOTA, Sign
from boomtown.container.protocol import Refusal

PASSING_S = (2.0, 10.0, 30.0)
"""How long to wait, in a run, before each further try after a trouble that passes; agents have tried often by then."""


class RefusedError(Exception):
    """There is no point in going on now: the provider said so."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


class Provider:
    """One session's. `clock` gives epoch seconds."""

    def __init__(self, preset: str, clock: Callable[[], float] = time.time) -> None:
        self._preset, self._clock = preset, clock
        self._tries = 0
        self._said = ""
        self._resets_at: float | None = None
        self.refusal: Refusal | None = None
        """What was heard beside the conversation: the agent itself would wait."""
        self.failure = ""
        """Why the agent itself tries again, while nothing has worked since."""
        self.answered = False
        """Whether the model has done some work in this session."""

    def begin_turn(self) -> None:
        self._said = ""

    def says(self, text: str) -> None:
        self._said = (self._said + text)[: refusals.LONGEST_SAID + 1]

    def works(self) -> None:
        """A tool is used: whatever was said before was no refusal."""
        self._tries, self.answered, self.failure = 0, True, ""

    def told_meta(self, meta: dict[str, Any] | None) -> None:
        """Claude Code tells so when a limit of its subscription is over."""
        limit = (meta or {}).get("_claude/rateLimit")
        if isinstance(limit, dict) and limit.get("status") == "rejected" and isinstance(limit.get("resetsAt"), int):
            self._resets_at = float(limit["resetsAt"])

    def overhear(self, lines: list[str]) -> bool:
        """Lines of its standard error; whether they say that it is refused."""
        for retry in refusals.retries(lines):
            self.refusal = refusals.read_retry(retry, self._preset, self._clock()) or self.refusal
            self.failure = refusals.shortened(retry.words)
        return self.refusal is not None

    def ended_well(self) -> None:
        """A turn is over. Raises `RefusedError` if all that was said in it is that it was refused."""
        found = refusals.read_turn(self._said, self._preset, self._clock())
        if found is not None:
            raise RefusedError(found)
        self.works()

    def failed(self, words: str) -> float | None:
        """The agent gave an error: after how many seconds to try again; None: that is an end like any other.

        Raises `RefusedError` if the provider means it.
        """
        sign = self.read(words)
        if sign is None:
            return None
        if sign.kind in (QUOTA, AUTH):
            raise RefusedError(refusals.refusal(sign, words))
        if self._tries < len(PASSING_S):
            self._tries += 1
            return PASSING_S[self._tries - 1]
        if sign.kind == BUSY:
            raise RefusedError(refusals.refusal(Sign(QUOTA), words))
        assert sign.kind == FAILS
        return None

    def read(self, words: str) -> Sign | None:
        sign = refusals.read(words, self._preset, self._clock())
        if self._resets_at is not None and sign is not None and sign.kind in (QUOTA, BUSY):
            return Sign(QUOTA, self._resets_at)
        return sign
