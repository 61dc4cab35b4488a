"""One connection to a container: requests with their answers, and what it says on its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import structlog

from boomtown.container import wire
from boomtown.container.protocol import to_wire
from boomtown.domain.errors import UnavailableError

log = structlog.get_logger()


class Connection:
    """`lost` is done once the other end is gone; then all unanswered requests raise `UnavailableError`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[dict[str, Any]], None]
    ) -> None:
        self._reader, self._writer, self._heard = reader, writer, heard
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self._listening = loop.create_task(self._listen(), name="container connection")

    @classmethod
    async def open(cls, socket: str, heard: Callable[[dict[str, Any]], None]) -> Connection:
        """Connect; `heard` gets every message. Raises OSError."""
        reader, writer = await asyncio.open_unix_connection(socket, limit=wire.LIMIT)
        return cls(reader, writer, heard)

    @property
    def waiting(self) -> bool:
        """Whether a request has no answer yet."""
        return bool(self._answers)

    async def call(self, op: str, args: dict[str, Any]) -> Any:
        """One request. Raises what the container raised, or `UnavailableError` if its answer was lost."""
        if self.lost.done():
            raise UnavailableError("The container is gone.")
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(wire.encode({"id": number, "op": op, "args": to_wire(args)}))
            return await answer
        finally:
            self._answers.pop(number, None)

    async def _listen(self) -> None:
        try:
            while (message := await wire.receive(self._reader)) is not None:
                self._take(message)
        finally:
            self._writer.close()
            if not self.lost.done():
                self.lost.set_result(None)
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(UnavailableError("The container is gone; whether it did it is not known."))

    def _take(self, message: dict[str, Any]) -> None:
        try:
            self._heard(message)
        except Exception:
            log.exception("report.failed")
        answer = self._answers.get(message.get("id", 0))
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(wire.error_from_wire(message["error"]))
        else:
            answer.set_result(message["result"])

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
