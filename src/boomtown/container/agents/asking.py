"""Permissions: answered by policy, or by a person while the agent waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    ToolCallUpdate,
)

from boomtown.container.agents.updates import Recorder
from boomtown.container.protocol import Message, Question

_YES = ("y", "yes", "allow", "ok", "okay", "approve")
_NO = ("n", "no", "reject", "deny", "refuse")
_ONCE_FIRST = {
    True: ("allow_once", "allow_always"),
    False: ("reject_once", "reject_always"),
}
"""`allow_always` makes some agents write their settings into the worktree."""


class Permissions:
    """One run's. `policy`: allow, or ask. `changed` is called when a question comes or goes."""

    def __init__(self, policy: str, recorder: Recorder, changed: Callable[[], None]) -> None:
        self._policy, self._recorder, self._changed = policy, recorder, changed
        self._waiting: dict[str, asyncio.Future[PermissionOption | None]] = {}
        self._questions: dict[str, tuple[Question, Sequence[PermissionOption]]] = {}

    @property
    def question(self) -> Question | None:
        """The oldest one that nobody has answered."""
        return next((question for question, _ in self._questions.values()), None)

    async def request(self, tool: ToolCallUpdate, options: list[PermissionOption]) -> RequestPermissionResponse:
        """The answer to an agent that wants to use a tool."""
        if self._policy != "ask":
            chosen = _of_kind(options, allow=True)
            self._record(tool, options, chosen)
            return _response(chosen)
        question = Question(str(uuid4()), _wants(tool), tuple(option.name for option in options))
        waiting = self._waiting[question.id] = asyncio.get_running_loop().create_future()
        self._questions[question.id] = question, options
        self._record(tool, options, None)
        self._changed()
        try:
            chosen = await waiting
        finally:
            del self._waiting[question.id], self._questions[question.id]
            self._changed()
        self._record(tool, options, chosen)
        return _response(chosen)

    def answer(self, message: Message) -> bool:
        """Take a person's answer. False if it is more than a choice, and should be said to the agent as well."""
        waiting = self._waiting.get(message.answers or "")
        if waiting is None or waiting.done():
            return False
        options = self._questions[message.answers or ""][1]
        chosen = _meant(options, message.text)
        waiting.set_result(chosen or _of_kind(options, allow=False))
        return chosen is not None

    def withdraw(self) -> None:
        """The turn is cancelled: so is every question of it."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)

    def _record(self, tool: ToolCallUpdate, options: list[PermissionOption], chosen: PermissionOption | None) -> None:
        names = [option.name for option in options]
        answer = chosen.name if chosen else None
        self._recorder.event("permission", id=tool.tool_call_id, title=_wants(tool), options=names, answer=answer)


def _wants(tool: ToolCallUpdate) -> str:
    given = tool.raw_input if isinstance(tool.raw_input, dict) else {}
    detail = given.get("command") or given.get("filePath") or given.get("file_path") or ""
    title = tool.title or tool.kind or "a tool"
    return title if not isinstance(detail, str) or detail in title else f"{title}: {detail}"[:2000]


def _of_kind(options: Sequence[PermissionOption], allow: bool) -> PermissionOption | None:
    return next((option for kind in _ONCE_FIRST[allow] for option in options if option.kind == kind), None)


def _meant(options: Sequence[PermissionOption], text: str) -> PermissionOption | None:
    """The option that a person named, by name, id, number or plain yes and no."""
    said = text.strip().casefold().rstrip(".!")
    for number, option in enumerate(options, 1):
        if said in (option.name.casefold(), option.option_id.casefold(), str(number)):
            return option
    if said in _YES or said in _NO:
        return _of_kind(options, said in _YES)
    return None


def _response(chosen: PermissionOption | None) -> RequestPermissionResponse:
    if chosen is None:
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
    return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=chosen.option_id))
