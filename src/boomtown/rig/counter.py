"""What all calls of agents share: who makes them, whether they may, and what is in their body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

from boomtown.domain.errors import BadInputError, FencedError, ForbiddenError
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Views
from boomtown.rig.tokens import Claims
from boomtown.rig.transaction import Tx
from boomtown.store import runs, sql, tables

T = TypeVar("T")
Body = dict[str, Any] | None
Place = tuple[str, str, str | None]
"""Town, rig and agent of the route; None where it names no agent."""

LONGEST_TEXT = 64 * 1024
READING_AT_ONCE = 2
WRITING_AT_ONCE = 1


class Call:
    """A checked call: who makes it, in which run, on which rig."""

    def __init__(self, db: Connection, claims: Claims, town_id: str, rig_id: str, agent_id: str | None) -> None:
        if (claims.town_id, claims.rig_id) != (town_id, rig_id):
            raise ForbiddenError("This token is for another rig.")
        if agent_id is not None and claims.agent_id != agent_id:
            raise ForbiddenError("This token is for another agent.")
        rig = sql.by_id(db, tables.rigs, rig_id)
        run = runs.by_number(db, rig_id, claims.run)
        if rig is None or run is None or run["polecat_id"] != claims.agent_id or run["ended_at"] is not None:
            raise FencedError(f"Run {claims.run} is over or was superseded. Stop working.")
        self.rig, self.run = rig, run
        bead, polecat = (
            sql.by_id(db, tables.beads, run["bead_id"]),
            sql.by_id(db, tables.polecats, run["polecat_id"]),
        )
        assert bead is not None
        assert polecat is not None
        self.bead, self.polecat = bead, polecat

    @property
    def actor(self) -> str:
        return f"agent:{self.polecat['id']}"


class Counter:
    """Checks each call in the transaction that acts, and notes that its agent was heard of.

    However many agents call, only so many of their calls are at the database at once: the others stand in line here,
    so that people and the rigs themselves never wait for more than those.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = asyncio.Semaphore(READING_AT_ONCE)
        self._writers = asyncio.Semaphore(WRITING_AT_ONCE)

    async def _read(
        self, claims: Claims, path: tuple[str, str, str | None], work: Callable[[Connection, Call], T]
    ) -> T:
        def checked(db: Connection) -> tuple[str, T]:
            call = Call(db, claims, *path)
            return call.run["id"], work(db, call)

        async with self._readers:
            run_id, result = await self._engine.read(checked)
        self._engine.observed.called(run_id, self._engine.clock.now())
        return result

    async def _act(
        self,
        claims: Claims,
        path: Place,
        work: Callable[[Tx, Call], T],
        answer: Callable[[Tx, T], Any] | None = None,
    ) -> Any:
        def checked(tx: Tx) -> tuple[str, T]:
            call = Call(tx.db, claims, *path)
            tx.actor = call.actor
            return call.run["id"], work(tx, call)

        def answered(tx: Tx, made: tuple[str, T]) -> tuple[str, Any]:
            return made[0], answer(tx, made[1]) if answer else made[1]

        async with self._writers:
            run_id, result = await self._engine.command(f"agent:{claims.agent_id}", claims.rig_id, checked, answered)
        self._engine.observed.called(run_id, self._engine.clock.now())
        return result

    def _views(self, db: Connection) -> Views:
        return Views(db, self._engine.settings, self._engine.observed, self._engine.clock.now())


def object_of(body: Body) -> dict[str, Any]:
    if body is None:
        raise BadInputError("The body must be a JSON object.")
    return body


def text_of(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInputError(f"{name} must be a text, not {type(value).__name__}.", field=name)
    if len(value) > LONGEST_TEXT:
        raise BadInputError(f"{name} has {len(value)} characters; at most {LONGEST_TEXT} fit.", field=name)
    return value


def json_of(value: Any) -> Any:
    """Accepted as JSON or as JSON text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def words_of(fields: dict[str, Any], name: str) -> str:
    text = text_of(fields, name)
    if not text:
        raise BadInputError(f"{name} is empty.", field=name)
    return text
