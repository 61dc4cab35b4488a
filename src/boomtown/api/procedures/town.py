"""Towns, the state of the whole, and what stops it and lets it go on."""

from __future__ import annotations

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import Caller, Empty, Ref, Word, gastown
from boomtown.api.trpc import Input


class CreateTown(Input):
    name: Word


class TownInput(Input):
    town_id: Ref


class MaybeRig(Input):
    rig_id: Ref | None = None


class Pause(MaybeRig):
    stop: bool = False


class AgentInput(Input):
    agent: Word


class Shutdown(Input):
    now: bool = False
    keep_container: bool = False


@gastown.query
async def list_towns(caller: Caller) -> list[shapes.Town]:
    """All towns of this home."""
    return await caller.town.list_towns(caller.actor)


@gastown.query
async def get_town(caller: Caller, q: TownInput) -> shapes.TownWithRigs:
    """A town and its rigs."""
    return await caller.town.get_town(caller.actor, **q.given())


@gastown.mutation
async def create_town(caller: Caller, q: CreateTown) -> shapes.Town:
    """Add a town."""
    return await caller.town.create_town(caller.actor, **q.given())


@gastown.mutation
async def delete_town(caller: Caller, q: TownInput) -> Empty:
    """Remove a town that has no rigs."""
    return await caller.town.delete_town(caller.actor, **q.given())


@gastown.query
async def get_status(caller: Caller) -> shapes.Status:
    """Server and container, rigs with live and cap, queue, merges, the sandbox in force, last errors."""
    return await caller.town.get_status(caller.actor)


@gastown.query
async def get_inbox(caller: Caller) -> list[shapes.InboxItem]:
    """What waits for a person, oldest first."""
    return await caller.town.get_inbox(caller.actor)


@gastown.mutation
async def create_login_link(caller: Caller) -> shapes.LoginLink:
    """A path that logs a browser in, once, within ten minutes."""
    path = caller.sessions.path_of_link(caller.person.id)
    await caller.town.note(caller.actor, "login.link_made")
    return {"path": path}


@gastown.mutation
async def pause(caller: Caller, q: Pause) -> shapes.Paused:
    """Dispatch nothing more in one rig, or without `rigId` in the whole home. `stop` also ends what runs."""
    return await caller.town.pause(caller.actor, **q.given())


@gastown.mutation
async def resume(caller: Caller, q: MaybeRig) -> shapes.Paused:
    """Dispatch again; this also re-arms the breaker."""
    return await caller.town.resume(caller.actor, **q.given())


@gastown.mutation
async def try_agent(caller: Caller, q: AgentInput) -> shapes.Tried:
    """Start one run of an agent that waits for a login or for a limit's end; if it is answered, the rest follows."""
    return await caller.town.try_agent(caller.actor, **q.given())


@gastown.mutation
async def create_backup(caller: Caller) -> shapes.Backup:
    """Copy the database now, beside the copies that are made every 15 minutes."""
    return await caller.town.create_backup(caller.actor)


@gastown.query
async def list_backups(caller: Caller) -> list[shapes.Backup]:
    """The copies of the database that there are, newest first."""
    return await caller.town.list_backups(caller.actor)


@gastown.mutation
async def shutdown(caller: Caller, q: Shutdown) -> Empty:
    """End the server once this is answered. Agents are stopped and their work is kept, unless `keepContainer`."""
    return await caller.town.shutdown(caller.actor, **q.given())
