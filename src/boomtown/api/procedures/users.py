"""People and their roles."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import Caller, Empty, Word, gastown
from boomtown.api.trpc import Input
from boomtown.domain.users import Role


class UserInput(Input):
    name: Word


class AddUser(UserInput):
    role: Annotated[Role, Field(strict=False)]


@gastown.query
async def get_me(caller: Caller) -> shapes.Me:
    """Who calls, and what they may do."""
    return {"name": caller.person.name, "role": caller.person.role}


@gastown.query
async def list_users(caller: Caller) -> list[shapes.User]:
    """The people who have a token of their own."""
    return await caller.town.list_users(caller.actor)


@gastown.mutation
async def add_user(caller: Caller, q: AddUser) -> shapes.UserAdded:
    """Give somebody a token of their own. It is shown this once: only its digest is kept."""
    return await caller.town.add_user(caller.actor, **q.given())


@gastown.mutation
async def remove_user(caller: Caller, q: UserInput) -> Empty:
    """Take somebody's token back; their sessions and live subscriptions end at once."""
    removed = await caller.town.remove_user(caller.actor, **q.given())
    caller.end_streams()
    return removed
