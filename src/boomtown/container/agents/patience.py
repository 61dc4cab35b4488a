"""How long to wait for an agent in the middle of a turn, and how often to begin a turn again."""

from __future__ import annotations

import asyncio
import re

from boomtown.container.agents.updates import Recorder
from boomtown.container.protocol import Talk

TOOL_STARTS_WITHIN = 6
"""A call of a tool that was announced and does not begin counts as silence after so many times the limit."""
CUT_S = 20.0
"""How long an agent may wait for a network after the connection to its model broke."""
MOST_CUT = 5
"""How many turns in a row are begun again for that, with no tool at work in between."""
MOST_SILENT = 1


class LostError(Exception):
    """There is no point in going on; the message says why."""


class Patience:
    """One session's. Times are the event loop's."""

    def __init__(self, talk: Talk, recorder: Recorder) -> None:
        self._talk, self._recorder = talk, recorder
        self._heard_at = 0.0
        self.cut: str | None = None
        """How the connection to its model broke, while it has not been heard of since."""
        self._begun_again = 0
        self.trouble: str | None = None
        """Why the turn was begun again, while nothing has worked since."""

    def heard(self, *, worked: bool = False) -> None:
        """The agent has said something. `worked`: a tool has done its work, or the turn has ended by itself."""
        self._heard_at, self.cut = asyncio.get_running_loop().time(), None
        if worked:
            self._begun_again, self.trouble = 0, None

    def overhear(self, lines: list[str]) -> bool:
        """Lines of its standard error; whether they say that the connection to its model is cut."""
        found = [cut[1] for line in lines if self._talk.cut and (cut := re.search(self._talk.cut, line))]
        if found:
            self._heard_at, self.cut = asyncio.get_running_loop().time(), found[-1]
        return bool(found)

    def ends_at(self, asks: bool) -> float | None:
        """When silence will have lasted too long; None while there is a reason for it: `asks`, or a tool at work."""
        limit_s = self._talk.answer_within_s
        if self.cut is not None:
            return self._heard_at + min(CUT_S, limit_s)
        if asks or self._recorder.tools("in_progress"):
            return None
        return self._heard_at + limit_s * (TOOL_STARTS_WITHIN if self._recorder.tools("pending") else 1)

    def lost(self, cut: str | None, cancelled: bool, failure: str = "") -> str:
        """Why the turn that was cut short has to be begun again. Raises `LostError` if that was done often enough.

        `cut`: what that was before its end. `cancelled`: the agent at least let it be cancelled. `failure`: why it
        tried again itself.
        """
        if cut is not None:
            said, most = f"The connection to the agent's model broke: {cut}.", MOST_CUT
        else:
            why = f"its model fails ({failure})" if failure else "its model does not answer"
            said = f"The agent was silent for {self._talk.answer_within_s:g} s: {why}."
            most = MOST_SILENT
        if self._begun_again >= most or not cancelled:
            raise LostError(said)
        self._begun_again += 1
        self.trouble = f"{said} Its turn was begun again."
        return self.trouble
