"""The ASGI application that answers tRPC requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from boomtown.api.trpc import sse
from boomtown.api.trpc.encoding import to_json
from boomtown.api.trpc.errors import TrpcError, bad_request
from boomtown.api.trpc.request import METHODS, Receive, Request, read_inputs, read_request
from boomtown.api.trpc.router import Procedure, Router

C = TypeVar("C")
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = {"content-type": "application/json"}
_VARY = {"vary": "trpc-accept, accept"}


@dataclass(frozen=True)
class Options:
    """Limits and intervals. A client that hears nothing for `reconnect_after_s` seconds connects again."""

    max_batch: int = 256
    max_body: int = 16 * 1024 * 1024
    ping_s: float = 10.0
    reconnect_after_s: float = 30.0


@dataclass(frozen=True)
class _Answer:
    """One call's `{"result": …}` or `{"error": …}`, as JSON."""

    status: int
    text: str


class Endpoint(Generic[C]):
    """Answers requests with the procedures of `router`.

    `context(scope)` makes what procedures get first; whatever it raises, each call of the request is answered with.
    `explain(error, path)` makes a `TrpcError` of anything that a procedure raised, and logs what nobody expected.
    """

    def __init__(
        self,
        router: Router[C],
        *,
        context: Callable[[Scope], Awaitable[C]],
        explain: Callable[[Exception, str | None], TrpcError],
        options: Options | None = None,
    ) -> None:
        self._router = router
        self._context = context
        self._explain = explain
        self._options = options or Options()
        self._streams: set[asyncio.Future[None]] = set()
        self._queries: set[asyncio.Future[Any]] = set()

    def close(self) -> None:
        """Let no reader keep the server from ending; mutations go on.

        Queries, which may be waiting for news, are answered SERVICE_UNAVAILABLE.
        """
        self.end_streams()
        for query in self._queries:
            query.cancel()

    def end_streams(self) -> None:
        """End all subscriptions without saying goodbye, so that their clients come back, here or to the next server."""
        for closing in self._streams:
            if not closing.done():
                closing.set_result(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await _respond(send, 204, {}, b"")
            return
        try:
            request = read_request(scope, self._router, self._options.max_batch)
        except TrpcError as error:
            await _respond_json(send, error.http_status, to_json({"error": error.shape(None)}))
            return
        try:
            context = await self._context(scope)
            inputs = await read_inputs(request, receive, self._options.max_body)
        except Exception as error:  # noqa: BLE001 - the edge of a request; `_told` logs what nobody expected
            await self._refuse(request, error, receive, send)
            return
        if request.kind == "subscription" and not request.batch:
            await self._subscribe(request, context, inputs, receive, send)
        elif request.stream:
            await self._stream(request, context, inputs, send)
        else:
            await self._answer(request, context, inputs, send)

    async def _answer(self, request: Request[C], context: C, inputs: dict[int, Any], send: Send) -> None:
        calls = (self._run(request, context, inputs, index) for index in range(len(request.paths)))
        answers = await asyncio.gather(*calls)
        statuses = {answer.status for answer in answers}
        text = ",".join(answer.text for answer in answers)
        body = f"[{text}]" if request.batch else text
        await _respond_json(send, statuses.pop() if len(statuses) == 1 else 207, body, _allow(request))

    async def _stream(self, request: Request[C], context: C, inputs: dict[int, Any], send: Send) -> None:
        """A batch as JSON Lines: first which answer has which number, then each answer when it is ready."""
        numbers = range(len(request.paths))
        head = {str(number): [[0], [None, 0, number]] for number in numbers}
        await _start(send, 200, {**_JSON, **_VARY})
        await _send_part(send, f"{to_json(head)}\n")

        async def answer(number: int) -> str:
            return f"[{number},0,[[{(await self._run(request, context, inputs, number)).text}]]]\n"

        for ready in asyncio.as_completed([answer(number) for number in numbers]):
            await _send_part(send, await ready)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _run(self, request: Request[C], context: C, inputs: dict[int, Any], index: int) -> _Answer:
        path = request.paths[index]
        try:
            procedure = _callable(request, index)
            if procedure.kind == "subscription":
                raise bad_request(f"{path} is a subscription; it can't be part of a batch.")
            procedure.admit(context)
            call = procedure.call(context, procedure.parse(request.raw_input(inputs, index)))
            data = await (self._query(call) if procedure.kind == "query" else call)
            return _Answer(200, f'{{"result":{{"data":{to_json(data)}}}}}')
        except Exception as error:  # noqa: BLE001 - the edge of a call; `_told` logs what nobody expected
            told = self._told(error, path)
            return _Answer(told.http_status, to_json({"error": told.shape(path)}))

    async def _query(self, call: Awaitable[Any]) -> Any:
        query = asyncio.ensure_future(call)
        self._queries.add(query)
        try:
            await asyncio.wait({query})
        finally:
            self._queries.discard(query)
            query.cancel()
        if query.cancelled():
            raise TrpcError("SERVICE_UNAVAILABLE", "The server is stopping. Ask again in a moment.")
        return query.result()

    async def _subscribe(
        self, request: Request[C], context: C, inputs: dict[int, Any], receive: Receive, send: Send
    ) -> None:
        path = request.paths[0]
        try:
            procedure = _callable(request, 0)
            procedure.admit(context)
            source = procedure.subscribe(context, procedure.parse(request.raw_input(inputs, 0)))
        except Exception as error:  # noqa: BLE001 - the edge of a call
            source = _raising(error)
        await self._send_events(request, path, source, receive, send)

    async def _send_events(
        self, request: Request[C], path: str, source: AsyncIterator[Any], receive: Receive, send: Send
    ) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._streams.add(closing)
        chunks = sse.chunks(
            source,
            options={"reconnectAfterInactivityMs": round(self._options.reconnect_after_s * 1000)},
            ping_s=self._options.ping_s,
            last_event_id=request.last_event_id,
            ends=(gone, closing),
            shape=lambda error: self._told(error, path).shape(path),
        )
        try:
            await _start(send, 200, {**sse.HEADERS, **_VARY})
            async with aclosing(chunks):
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(closing)
            gone.cancel()

    async def _refuse(self, request: Request[C], error: Exception, receive: Receive, send: Send) -> None:
        """Answer every call of a request with the same error, in the form in which the client waits for it."""
        if request.kind == "subscription" and not request.batch:
            await self._send_events(request, request.paths[0], _raising(error), receive, send)
            return
        told = self._told(error, None)
        answers: list[Any] = [{"error": told.shape(path)} for path in request.paths]
        told_each = request.batch and not request.stream
        await _respond_json(send, told.http_status, to_json(answers if told_each else answers[0]))

    def _told(self, error: Exception, path: str | None) -> TrpcError:
        return error if isinstance(error, TrpcError) else self._explain(error, path)


def _callable(request: Request[C], index: int) -> Procedure[C]:
    procedure, path = request.procedures[index], request.paths[index]
    if procedure is None:
        raise TrpcError("NOT_FOUND", f"There is no procedure “{path}”.")
    if request.method != METHODS[procedure.kind]:
        allowed = METHODS[procedure.kind]
        message = f"{path} is a {procedure.kind}: it takes {allowed}, not {request.method}."
        raise TrpcError("METHOD_NOT_SUPPORTED", message)
    return procedure


def _allow(request: Request[C]) -> dict[str, str]:
    """The header that a 405 must have."""
    if request.kind is None or request.method == METHODS[request.kind]:
        return {}
    return {"allow": METHODS[request.kind]}


async def _raising(error: Exception) -> AsyncIterator[Any]:
    raise error
    yield


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _respond_json(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    await _respond(send, status, {**_JSON, **_VARY, **(headers or {})}, text.encode())


async def _send_part(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    await _start(send, status, {**headers, "content-length": str(len(body))} if body else headers)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
