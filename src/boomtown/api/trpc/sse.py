"""Subscriptions as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from typing import Any

from boomtown.api.trpc.encoding import to_json
from boomtown.api.trpc.router import Burst, Tracked

HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


def event(name: str | None, data: str | bytes, event_id: str | None = None) -> bytes:
    """One event; `name` None: a plain message, which is data of the subscription."""
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    tail = f"\nid: {event_id}\n\n".encode() if event_id is not None else b"\n\n"
    return head + (data if isinstance(data, bytes) else data.encode()) + tail


async def chunks(
    source: AsyncIterator[Any],
    *,
    options: dict[str, Any],
    ping_s: float,
    last_event_id: str | None,
    ends: Collection[asyncio.Future[Any]],
    shape: Callable[[Exception], dict[str, Any]],
) -> AsyncGenerator[bytes, None]:
    """The bytes of one subscription for one client.

    `options` go to the client first; after `ping_s` seconds without an event a ping is sent. It ends when the source
    does, or when one of `ends` is done (the client left, the server stops): then without `return`, so that the client
    comes back. `shape` turns what the source raised into the wire's error object.
    """
    yield event("connected", to_json(options))
    following: asyncio.Future[Any] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(source))
            while not following.done():
                await asyncio.wait({following, *ends}, timeout=ping_s, return_when=asyncio.FIRST_COMPLETED)
                if any(end.done() for end in ends):
                    return
                if not following.done():
                    yield event("ping", "")
            value = following.result()
            yield _message(value, last_event_id)
            if isinstance(value, Tracked):
                last_event_id = value.id
            elif isinstance(value, Burst):
                last_event_id = value.last_id
    except StopAsyncIteration:
        yield event("return", "")
    except Exception as error:  # noqa: BLE001 - the edge of a subscription; `shape` logs what nobody expected
        yield event("serialized-error", to_json(shape(error)))
    finally:
        await _release(source, following)


def _message(value: Any, last_event_id: str | None) -> bytes:
    if isinstance(value, Burst):
        return value.data
    if isinstance(value, Tracked):
        return event(None, to_json(value.value), value.id)
    if last_event_id is None:
        return event(None, to_json(value))
    # an event without an id must not look like the last one that had one: forget the id, then set it back
    return event(None, to_json(value), "") + event("restore-id", "", last_event_id)


async def _release(source: AsyncIterator[Any], following: asyncio.Future[Any] | None) -> None:
    if following is not None and not following.done():
        following.cancel()
        await asyncio.wait({following})
    if isinstance(source, AsyncGenerator):
        await source.aclose()
