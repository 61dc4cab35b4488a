"""Live subscriptions. Every item has a tracked id, from which a client resumes without a gap or a duplicate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any

from pydantic import Field

from boomtown.api.live.feed import Batch, Owner
from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import Caller, Ref, Word, gastown
from boomtown.api.trpc import Burst, Input, Tracked, sse, tracked
from boomtown.domain.errors import BadInputError

EVENTS_AT_ONCE = 500
QUIET_S = 60.0


class Resumable(Input):
    last_event_id: Annotated[
        Word | None, Field(description="The id of the last item received; a reconnecting client sends it by itself.")
    ] = None


class OnEvents(Resumable):
    town_id: Ref | None = None
    rig_id: Ref | None = None


class OnStreams(Resumable):
    rig_id: Ref | None = None
    agent_ids: Annotated[list[Ref] | None, Field(max_length=1000)] = None


class OnLive(OnStreams):
    streams: bool = True


@gastown.subscription
async def on_events(caller: Caller, q: OnEvents) -> AsyncIterator[Tracked[shapes.LedgerEvent]]:
    """Events of the ledger from now on, or after `lastEventId`, which is the `seq` of an event."""
    (since,) = _positions(q.last_event_id, 1)
    async with aclosing(_events(caller.town, q.town_id, q.rig_id, since)) as events:
        async for event in events:
            yield tracked(str(event["seq"]), event)


@gastown.subscription
async def on_streams(caller: Caller, q: OnStreams) -> AsyncIterator[Tracked[shapes.Frame]]:
    """Frames of all runs, of one rig's, or of some agents'. Without an id: first the last 200 of each live run."""
    (position,) = _positions(q.last_event_id, 1)
    wanted = await _wanted(caller, q)
    async with aclosing(caller.feed.batches(position, wanted)) as batches:
        async for together in batches:
            yield _burst(b"".join(batch.events for batch in together), str(together[-1].positions[-1]))


@gastown.subscription
async def on_live(caller: Caller, q: OnLive) -> AsyncIterator[Tracked[shapes.Live]]:
    """The events of the whole home and, with `streams`, the frames of `onStreams`, in one connection."""
    since, position = _positions(q.last_event_id, 2)
    since = caller.town.ledger_end if since is None else since
    sources: list[AsyncGenerator[Any, None]] = [_events(caller.town, None, None, since)]
    if q.streams:
        sources.append(caller.feed.batches(position, await _wanted(caller, q)))
    async with aclosing(_merged(sources)) as items:
        async for item in items:
            if isinstance(item, list):
                position = item[-1].positions[-1]
                yield _burst(b"".join(_frames(batch, since) for batch in item), f"{since}.{position}")
                continue
            since = item["seq"]
            place = "" if position is None else position
            yield tracked(f"{since}.{place}", {"type": "event", "event": item})


def _frames(batch: Batch, since: int) -> bytes:
    data = b'{"type":"frames","frames":' + batch.text + b"}"
    return sse.event(None, data, f"{since}.{batch.positions[-1]}")


def _burst(data: bytes, last_id: str) -> Any:
    """What a subscription promises, as bytes already."""
    return Burst(data, last_id)


def _positions(last_event_id: str | None, count: int) -> list[int | None]:
    """The numbers in an id of ours; None where there is none. Raises `BadInputError` for a foreign id."""
    if not last_event_id:
        return [None] * count
    parts = last_event_id.split(".")
    if len(parts) != count or not all(part == "" or (part.isdecimal() and len(part) < 17) for part in parts):
        raise BadInputError(
            f"lastEventId is {last_event_id[:80]!r}, which is no id of this subscription. Leave it out to begin anew.",
            field="lastEventId",
        )
    return [int(part) if part else None for part in parts]


async def _wanted(caller: Caller, q: OnStreams) -> Callable[[Owner], bool]:
    rig = (await caller.town.get_rig(caller.actor, q.rig_id))["id"] if q.rig_id else None
    agents = {(await caller.town.get_agent(caller.actor, ref))["id"] for ref in q.agent_ids or ()}
    return lambda owner: rig in (None, owner.rig_id) and (q.agent_ids is None or owner.agent_id in agents)


async def _events(town: Any, town_id: str | None, rig_id: str | None, since: int | None) -> AsyncGenerator[Any, None]:
    """Events after `since` (None: from now on), for ever. One from a ledger that has been restored counts as now."""
    end = town.ledger_end
    since = end if since is None else min(since, end)
    while True:
        end = town.ledger_end
        events = await town.events_after(town_id, rig_id, since, EVENTS_AT_ONCE)
        for event in events:
            yield event
        if events:
            since = events[-1]["seq"]
        if len(events) < EVENTS_AT_ONCE:
            since = max(since, end)
            await town.wait_events(since, QUIET_S)


async def _merged(sources: list[AsyncGenerator[Any, None]]) -> AsyncGenerator[Any, None]:
    """Items of several endless sources, each as soon as it is there."""
    following = {asyncio.ensure_future(anext(source)): source for source in sources}
    try:
        while following:
            done, _ = await asyncio.wait(following, return_when=asyncio.FIRST_COMPLETED)
            for ready in done:
                source = following.pop(ready)
                yield ready.result()
                following[asyncio.ensure_future(anext(source))] = source
    finally:
        for task in following:
            task.cancel()
        if following:
            await asyncio.wait(following)
        for source in sources:
            await source.aclose()
