"""`kind = "acp"`: agents that speak the Agent Client Protocol over standard input and output."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boomtown.container.agents.adapter import Conversation, Ending, Heard, Launch
from boomtown.container.agents.journal import Journal
from boomtown.container.agents.meter import Meter
from boomtown.container.agents.refusals import LONGEST_WORDS, RETRY_MARK
from boomtown.container.agents.transport import PipeTransport
from boomtown.container.plain import place_below
from boomtown.container.protocol import Message, RunSpec
from boomtown.container.streams import StreamWriter
from boomtown.domain.errors import BadInputError

if TYPE_CHECKING:
    from boomtown.container.agents.line import Line
    from boomtown.container.agents.session import Session

MOST_COMPLAINTS = 5


class AcpAdapter:
    """Writes the files that the preset wants, and speaks with the agent."""

    def launch(self, spec: RunSpec, prompt: str, cwd: Path, home: Path) -> Launch:
        if spec.talk is None:
            raise BadInputError(f"The agent {spec.agent_kind} has no word on how to speak with it.")
        for files, always in ((spec.talk.files, True), (spec.talk.first_files, False)):
            for name, text in files.items():
                _write(place_below(home, name), text, always)
        return Launch(spec.command, conversation=AcpConversation(spec, prompt, cwd, home))

    def kind_of(self, pipe: str) -> str:
        return pipe


def _write(path: Path, text: str, always: bool) -> None:
    if always or not path.exists():
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


class AcpConversation:
    """Light until it is held: then the session is imported. `books`: the agent's HOME, if it serves others too."""

    def __init__(self, spec: RunSpec, prompt: str, cwd: Path, home: Path, books: Path | None = None) -> None:
        assert spec.talk is not None
        self.ends_on_eof = spec.talk.ends_on_eof
        self._spec, self._prompt, self._cwd = spec, prompt, cwd
        self._journal = Journal(home)
        self._meter = Meter(spec.talk.usage, home, books, lambda: self._journal.page.shared)
        self._session: Session | None = None
        self._told: tuple[Message, ...] = ()
        self._stopped = False
        self._complaints: deque[str] = deque(maxlen=MOST_COMPLAINTS)

    @property
    def heard(self) -> Heard:
        return self._session.heard if self._session else Heard()

    async def hold(self, stdin: int, stdout: int, stream: StreamWriter, changed: Callable[[], None]) -> Ending:
        transport = PipeTransport(stdin, stdout, lambda line: stream.lines("stdout", [line]))
        try:
            return await self._speak(stream, changed, lambda session: session.hold(transport))
        finally:
            transport.end_input()

    async def visit(self, line: asyncio.Future[Line], stream: StreamWriter, changed: Callable[[], None]) -> Ending:
        """Speak on a line that others use too, once it is open. What is `open` then is not over."""

        return await self._speak(stream, changed, lambda session: session.visit(line))

    async def _speak(
        self, stream: StreamWriter, changed: Callable[[], None], how: Callable[[Session], Awaitable[Ending]]
    ) -> Ending:
        await self._meter.begin()
        session, recorder = await asyncio.to_thread(_load)
        if self._stopped:
            return Ending(0)
        self._session = session(
            self._spec, self._prompt, self._cwd, self._journal, recorder(stream), self._meter, changed
        )
        self._session.tell(self._told)
        ending = await how(self._session)
        if ending.error:
            stream.lines("error", [ending.error])
        return ending

    @property
    def open(self) -> set[asyncio.Task[Any]]:
        """What the agent was asked and has not answered: it may still work at that."""
        return set(self._session.open) if self._session else set()

    async def leave(self) -> bool:
        """See `Session.leave`."""
        return await self._session.leave() if self._session else True

    def stop(self, gently: bool) -> None:
        self._stopped = True
        if self._session:
            self._session.stop(gently)

    def tell(self, messages: tuple[Message, ...]) -> None:
        if self._session:
            self._session.tell(messages)
        else:
            self._told += messages

    @property
    def complaints(self) -> str:
        return "\n".join(self._complaints)

    def overhear(self, lines: list[str]) -> None:
        words = (line.strip() for line in lines if not line.startswith(RETRY_MARK))
        self._complaints.extend(line[:LONGEST_WORDS] for line in words if any(map(str.isalnum, line)))
        if self._session:
            self._session.overhear(lines)

    def follow(self, earlier: Conversation) -> None:
        if isinstance(earlier, AcpConversation):
            self._meter = earlier._meter

    async def settle(self) -> None:
        await self._meter.settle()


async def open_line(transport: PipeTransport) -> Line:
    """A line to a process that many use; it has been greeted."""
    line = await asyncio.to_thread(_load_line)
    return await line(transport).open()


def _load_line() -> type[Line]:
    from boomtown.container.agents.line import Line

    return Line


def _load() -> tuple[type[Session], type]:
    from boomtown.container.agents.session import Session
    from boomtown.container.agents.updates import Recorder

    return Session, Recorder
