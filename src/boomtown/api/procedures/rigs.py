"""Rigs: one git repository each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import Caller, Empty, Ref, RigInput, Text, Word, gastown
from boomtown.api.trpc import Input
from boomtown.domain.merges import MergeMode

SettingValue = TypeAliasType("SettingValue", Text | int | float | bool | list[Text] | None)


class CreateRig(Input):
    name: Word
    git_url: Word
    town_id: Ref | None = None
    default_branch: Word | None = None
    max_polecats: int | None = None
    agent: Word | None = None
    gates: list[Text] | None = None
    merge: Annotated[MergeMode | None, Field(strict=False)] = None


class ListRigs(Input):
    town_id: Ref | None = None


class UpdateRig(RigInput):
    settings: Annotated[
        dict[str, SettingValue], Field(default_factory=dict, description="Setting → value; null: its default.")
    ]
    max_polecats: int | None = None
    agent: Word | None = None
    gates: list[Text] | None = None
    merge: Annotated[MergeMode | None, Field(strict=False)] = None


class DeleteRig(RigInput):
    discard: bool = False


@gastown.query
async def list_rigs(caller: Caller, q: ListRigs) -> list[shapes.Rig]:
    """All rigs, of one town or of the home."""
    return await caller.town.list_rigs(caller.actor, **q.given())


@gastown.query
async def get_rig(caller: Caller, q: RigInput) -> shapes.RigAtWork:
    """A rig with its agents and the beads in progress."""
    return await caller.town.get_rig(caller.actor, **q.given())


@gastown.mutation
async def create_rig(caller: Caller, q: CreateRig) -> shapes.RigAdded:
    """Clone a repository and put it under management; a failed try leaves nothing."""
    return await caller.town.create_rig(caller.actor, **q.given())


@gastown.mutation
async def update_rig(caller: Caller, q: UpdateRig) -> shapes.Rig:
    """Change settings of a rig, those of `createRig` also by their names there. A lower cap stops nothing that runs."""
    return await caller.town.update_rig(caller.actor, **q.given())


@gastown.mutation
async def delete_rig(caller: Caller, q: DeleteRig) -> Empty:
    """Remove a rig; refused with unfinished beads or unmerged branches unless `discard`."""
    return await caller.town.delete_rig(caller.actor, **q.given())


@gastown.mutation
async def check_rig(caller: Caller, q: RigInput) -> shapes.Checked:
    """Run the gates on the default branch."""
    return await caller.town.check_rig(caller.actor, **q.given())


@gastown.mutation
async def pull_rig(caller: Caller, q: RigInput) -> shapes.Message:
    """Fast-forward the local checkout that a rig was made from."""
    return await caller.town.pull_rig(caller.actor, **q.given())
