"""The merge queue."""

from __future__ import annotations

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import BeadInput, Caller, Ref, RigInput, Seq, gastown
from boomtown.api.trpc import Input


class MergeInput(Input):
    merge_id: Ref


class GetGateOutput(MergeInput):
    since: Seq | None = None


@gastown.query
async def get_merge_queue(caller: Caller, q: RigInput) -> list[shapes.Merge]:
    """All unfinished merges of a rig and the last finished ones."""
    return await caller.town.get_merge_queue(caller.actor, **q.given())


@gastown.query
async def get_gate_output(caller: Caller, q: GetGateOutput) -> shapes.GateOutput:
    """What the gates of a merge print, live: after the byte `since`, else the end of it. `nextSince` goes on."""
    return await caller.town.get_gate_output(caller.actor, **q.given())


@gastown.mutation
async def retry_merge(caller: Caller, q: MergeInput) -> shapes.Merge:
    """Try a merge again that waits for something outside."""
    return await caller.town.retry_merge(caller.actor, **q.given())


@gastown.query
async def get_diff(caller: Caller, q: BeadInput) -> shapes.Diff:
    """A bead's changes against the merge base, uncommitted work included while it is live."""
    return await caller.town.get_diff(caller.actor, **q.given())
