"""Beads: slung, read, edited, ended; and their review."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import BeadInput, Caller, Limit, Ref, RigInput, Seq, Text, WaitS, Word, gastown
from boomtown.api.trpc import Input
from boomtown.domain.beads import BeadStatus, BeadType, Priority

OnePriority = Annotated[Priority, Field(strict=False)]


class TaskInput(Input):
    title: Text
    body: Text | None = None
    model: Word | None = None
    agent: Word | None = None
    priority: OnePriority | None = None
    timeout_s: float | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    hold: bool | None = None
    report: Annotated[
        bool | None, Field(description="The agent's text is wanted, no commit; `metadata.report` of the bead.")
    ] = None
    depends_on: Annotated[list[int | Ref] | None, Field(description="Indexes into the same list, or bead ids.")] = None


class SlingOne(RigInput, TaskInput):
    pass


class SlingMany(RigInput):
    tasks: list[TaskInput]
    hold: bool = False
    idempotency_key: Word | None = None


def _one_or_many(value: Any) -> str:
    many = "tasks" in value if isinstance(value, dict) else isinstance(value, SlingMany)
    return "|many" if many else "|one"


Sling = Annotated[Annotated[SlingOne, Tag("|one")] | Annotated[SlingMany, Tag("|many")], Discriminator(_one_or_many)]


class ListBeads(RigInput):
    status: Annotated[BeadStatus | None, Field(strict=False)] = None
    type: Annotated[BeadType | None, Field(strict=False)] = None
    limit: Limit | None = None
    cursor: Word | None = None
    newest: Annotated[bool, Field(description="The newest first.")] = False
    direction: Annotated[
        Literal["forward", "backward"] | None,
        Field(exclude=True, description="Sent by TanStack Query with every page; pages only go forward."),
    ] = None


class GetBeadEvents(Input):
    rig_id: Ref | None = None
    bead_id: Ref | None = None
    since: Seq | None = None
    before: Annotated[
        Seq | None, Field(description="The last entries before this one, instead of those after `since`.")
    ] = None
    limit: Limit | None = None
    wait_s: WaitS | None = None


class UpdateBead(BeadInput):
    # factories, so that the descriptions name no default: what is not given stays as it is
    title: Annotated[Text, Field(default_factory=str)]
    body: Annotated[Text, Field(default_factory=str)]
    priority: Annotated[OnePriority, Field(default_factory=lambda: Priority.MEDIUM)]
    agent: Word | None = None
    model: Word | None = None
    timeout_s: float | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    depends_on: Annotated[list[Ref], Field(default_factory=list)]


class ReworkBead(BeadInput):
    comment: Text


@gastown.mutation
async def sling(caller: Caller, q: Sling) -> shapes.Slung | shapes.SlungMany:
    """Make a bead, or with `tasks` many of them, all or none. The same `idempotencyKey`: the first answer again."""
    return await caller.town.sling(caller.actor, **q.given())


@gastown.query
async def list_beads(caller: Caller, q: ListBeads) -> shapes.BeadPage:
    """The beads of a rig in the order in which they were made."""
    return await caller.town.list_beads(caller.actor, **q.given())


@gastown.query
async def get_bead(caller: Caller, q: BeadInput) -> shapes.BeadWithMerge:
    """A bead with its attempts and its latest merge."""
    return await caller.town.get_bead(caller.actor, **q.given())


@gastown.query
async def get_bead_events(caller: Caller, q: GetBeadEvents) -> shapes.EventPage:
    """Entries of the ledger after `since`, or the last ones before `before`; with `waitS` waits for the first."""
    return await caller.town.get_bead_events(caller.actor, **q.given())


@gastown.mutation
async def update_bead(caller: Caller, q: UpdateBead) -> shapes.Bead:
    """Change what is given; the rest stays."""
    return await caller.town.update_bead(caller.actor, **q.given())


@gastown.mutation
async def start_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Let a held bead go, or one that waits for its back-off."""
    return await caller.town.start_bead(caller.actor, **q.given())


@gastown.mutation
async def cancel_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Give a bead up; its process is ended, its work kept."""
    return await caller.town.cancel_bead(caller.actor, **q.given())


@gastown.mutation
async def retry_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Open a failed or cancelled bead again, with a new set of attempts."""
    return await caller.town.retry_bead(caller.actor, **q.given())


@gastown.mutation
async def close_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Close an escalation that was dealt with."""
    return await caller.town.close_bead(caller.actor, **q.given())


@gastown.mutation
async def approve_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Let a reviewed bead land."""
    return await caller.town.approve_bead(caller.actor, **q.given())


@gastown.mutation
async def rework_bead(caller: Caller, q: ReworkBead) -> shapes.Bead:
    """Send a bead back to its polecat with a comment; this costs no attempt."""
    return await caller.town.rework_bead(caller.actor, **q.given())


@gastown.mutation
async def discard_bead(caller: Caller, q: BeadInput) -> shapes.Bead:
    """Give up a bead and its branch; the branch's tip stays in the clone."""
    return await caller.town.discard_bead(caller.actor, **q.given())
