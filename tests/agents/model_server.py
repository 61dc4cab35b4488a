"""A model server of our own on 127.0.0.1, so that real agent programs can be tested without a model or a network.

It speaks OpenAI chat completions and responses, Anthropic messages and Gemini; what it answers is in `script`. It
keeps every request, so that a test can see what an agent remembers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.agents.refusals import refusal
from tests.agents.script import REFUSALS, Move, Trouble, Turn, next_move, position
from tests.agents.wires import Chat, Event, Gemini, Messages, Responses, Wire

MODEL = "fake-model"


@dataclass(frozen=True)
class Seen:
    """One request as it came. `turns`: the conversation in it. `at`: seconds of the monotonic clock."""

    path: str
    body: dict[str, Any]
    turns: list[Turn]
    tools: list[str]
    answer: str
    at: float = field(default_factory=time.monotonic)

    def says(self, words: str) -> bool:
        """Whether a user's turn of it holds `words`."""
        return any(turn.who == "user" and words in turn.text for turn in self.turns)


class ModelServer:
    """Serves while the `with` block lasts. `delay_s` is waited before every answer."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.requests: list[Seen] = []
        self._troubles: Counter[tuple[str, int, int]] = Counter()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="model server", daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def asked(self, words: str = "") -> list[Seen]:
        """The requests with tools whose conversation has `words` in a user's turn, oldest first."""
        return [seen for seen in self.requests if seen.tools and seen.says(words)]

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(Chat.path, self._on(Chat()), methods=["POST"]),
                Route("/chat/completions", self._on(Chat()), methods=["POST"]),
                Route(Messages.path, self._on(Messages()), methods=["POST"]),
                Route("/v1/messages/count_tokens", _count_tokens, methods=["POST"]),
                Route(Responses.path, self._on(Responses()), methods=["POST"]),
                Route("/responses", self._on(Responses()), methods=["POST"]),
                Route("/v1beta/models/{model:path}", self._on(Gemini()), methods=["POST"]),
                Route("/v1/models", _models),
            ]
        )

    def _on(self, wire: Wire) -> Any:
        async def answer(request: Request) -> Response:
            return await self._answer(wire, request)

        return answer

    async def _answer(self, wire: Wire, request: Request) -> Response:
        body = await request.json()
        if request.url.path.endswith(":countTokens"):
            return JSONResponse({"totalTokens": 100})
        turns, tools = wire.turns(body), wire.tools(body)
        troubles, move = next_move(turns, tools, _words(body))
        trouble = self._due(turns, troubles)
        names = [tool.name for tool in tools]
        self.requests.append(Seen(request.url.path, body, turns, names, repr(trouble or move)))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        streamed = body.get("stream") or "streamGenerateContent" in request.url.path
        if trouble is not None:
            return await _make(trouble, wire, request, body, move)
        if not streamed:
            return JSONResponse(wire.whole(body, move))
        return StreamingResponse(_stream(wire.events(body, move)), media_type="text/event-stream")

    def _due(self, turns: list[Turn], troubles: list[Trouble]) -> Trouble | None:
        """The first trouble that has not happened often enough."""
        prompt, done = position(turns)
        for index, trouble in enumerate(troubles):
            key = (prompt, done, index)
            self._troubles[key] += 1
            if trouble.times is None or self._troubles[key] <= trouble.times:
                return trouble
        return None


def _words(body: dict[str, Any]) -> str:
    """All text of a request but that of its tools, which talk of paths in general."""
    said = {key: value for key, value in body.items() if key not in ("tools", "config")}
    return json.dumps(said, ensure_ascii=False)


async def _stream(events: Any) -> AsyncIterator[bytes]:
    for name, data in events:
        yield _frame((name, data))


def _frame(event: Event) -> bytes:
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


class _CutError(Exception):
    """The connection is to be cut."""


async def _make(trouble: Trouble, wire: Wire, request: Request, body: dict[str, Any], move: Move) -> Response:
    match trouble.kind:
        case "fail":
            error = {"type": "error", "error": {"type": "api_error", "message": "the scripted model failed"}}
            return JSONResponse(error, trouble.status, {"retry-after": "0"})
        case "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response(status_code=499)
        case why if why in REFUSALS:
            status, said, headers = refusal(wire, why, trouble.reset_s)
            return JSONResponse(said, status, headers)

    async def cut() -> AsyncIterator[bytes]:
        yield _frame(next(iter(wire.events(body, move))))
        raise _CutError

    return StreamingResponse(cut(), media_type="text/event-stream")


async def _count_tokens(_request: Request) -> Response:
    return JSONResponse({"input_tokens": 100})


async def _models(_request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "us"}]})


if __name__ == "__main__":
    with ModelServer() as server:
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
