"""A request taken apart: which procedures it calls, with which raw inputs, and how it wants the answer."""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pydantic_core

from boomtown.api.trpc.errors import TrpcError, bad_request
from boomtown.api.trpc.router import Procedure, Router

C = TypeVar("C")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

METHODS = {"query": "GET", "mutation": "POST", "subscription": "GET"}


@dataclass(frozen=True)
class Request(Generic[C]):
    """Calls in their order (procedure None: there is none at that path), the same for all: kind and form of answer."""

    method: str
    paths: tuple[str, ...]
    procedures: tuple[Procedure[C] | None, ...]
    batch: bool
    stream: bool
    kind: str | None
    query: dict[str, str]
    last_event_id: str | None
    content_type: str
    announced: int = 0
    """Bytes that the body is said to have."""

    def raw_input(self, inputs: dict[int, Any], index: int) -> Any:
        """The input of one call; a subscription's also has the id to resume from, wherever the client put it."""
        raw = inputs.get(index)
        if self.kind != "subscription" or not self.last_event_id:
            return raw
        return {**(raw if isinstance(raw, dict) else {}), "lastEventId": self.last_event_id}


def read_request(scope: MutableMapping[str, Any], router: Router[C], max_batch: int) -> Request[C]:
    """Everything but the body. Raises `TrpcError` where the request as a whole makes no sense."""
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
    query = dict(urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
    batch = query.get("batch") == "1"
    paths = tuple(path.split(",")) if batch else (path,)
    if len(paths) > max_batch:
        raise bad_request(f"The batch has {len(paths)} calls; at most {max_batch} fit. Set the client's maxItems.")
    procedures = tuple(router.get(name) for name in paths)
    kinds = sorted({procedure.kind for procedure in procedures if procedure})
    if len(kinds) > 1:
        raise bad_request(f"One batch can't mix kinds of procedures ({', '.join(kinds)}).")
    accepts = headers.get("trpc-accept") or headers.get("accept", "")
    stream = "application/jsonl" in (part.strip() for part in accepts.split(","))
    if stream and not batch:
        raise bad_request("A streamed answer needs a batch; a batch of one will do.")
    return Request(
        method=scope["method"],
        paths=paths,
        procedures=procedures,
        batch=batch,
        stream=stream,
        kind=kinds[0] if kinds else None,
        query=query,
        last_event_id=headers.get("last-event-id") or query.get("lastEventId") or query.get("Last-Event-Id"),
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        announced=int(length[:20]) if (length := headers.get("content-length", "")).isdecimal() else 0,
    )


async def read_inputs(request: Request[C], receive: Receive, max_body: int) -> dict[int, Any]:
    """Raw inputs by the number of their call. Raises `TrpcError` for what is no JSON, or too much of it (bytes)."""
    if request.method == "GET":
        text: str | bytes = request.query.get("input", "")
        where = "The query parameter `input`"
    elif request.method == "POST":
        if request.content_type != "application/json":
            sent = f"“{request.content_type}”" if request.content_type else "none"
            message = f"The content type must be application/json; the request has {sent}."
            raise TrpcError("UNSUPPORTED_MEDIA_TYPE", message)
        if request.announced > max_body:
            raise _too_large(max_body)
        text = await _read_body(receive, max_body)
        where = "The body"
    else:
        return {}
    if not text:
        return {}
    try:
        value = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise bad_request(f"{where} is not valid JSON: {error}.") from None
    if not request.batch:
        return {0: value}
    if not isinstance(value, dict):
        raise bad_request(f'{where} of a batch must be an object of inputs, {{"0": …, "1": …}}.')
    return {index: value[str(index)] for index in range(len(request.paths)) if str(index) in value}


async def _read_body(receive: Receive, max_body: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TrpcError("CLIENT_CLOSED_REQUEST", "The client left before its request was complete.")
        body += message.get("body", b"")
        if len(body) > max_body:
            raise _too_large(max_body)
        if not message.get("more_body"):
            return bytes(body)


def _too_large(max_body: int) -> TrpcError:
    return TrpcError("PAYLOAD_TOO_LARGE", f"The body is larger than {max_body} bytes. Send it in parts.")
