"""Polecats: in the API they are agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from boomtown.api.procedures import shapes
from boomtown.api.procedures.registry import (
    AgentInput,
    BeadInput,
    Caller,
    Empty,
    Limit,
    Ref,
    Seq,
    Text,
    WaitS,
    Word,
    gastown,
)
from boomtown.api.trpc import Input


class ListAgents(Input):
    rig_id: Ref | None = None


class SendMessage(AgentInput):
    message: Text
    now: bool = False


class AnswerAgent(AgentInput):
    answer: Text


class GetStream(Input):
    run_id: Ref | None = None
    agent_id: Ref | None = None
    since: Seq | None = None
    limit: Limit | None = None
    wait_s: WaitS | None = None


class CloseShell(Input):
    session: Word


class AttachAgent(AgentInput):
    pid: Annotated[int, Field(gt=0, description="The process that holds the terminal, on the machine of the town.")]


class DetachAgent(CloseShell):
    then: Literal["continue", "hand-on", "hold"]


@gastown.query
async def list_agents(caller: Caller, q: ListAgents) -> list[shapes.Agent]:
    """The registered polecats, of one rig or of the home."""
    return await caller.town.list_agents(caller.actor, **q.given())


@gastown.query
async def get_agent(caller: Caller, q: AgentInput) -> shapes.Agent:
    """One polecat."""
    return await caller.town.get_agent(caller.actor, **q.given())


@gastown.mutation
async def stop_agent(caller: Caller, q: AgentInput) -> shapes.Agent:
    """End a polecat's run; its work is kept and its bead held."""
    return await caller.town.stop_agent(caller.actor, **q.given())


@gastown.mutation
async def send_message(caller: Caller, q: SendMessage) -> shapes.AgentMessage:
    """Say something to an agent: when its turn ends, or `now` by cutting that short. Without a live run it waits."""
    return await caller.town.send_message(caller.actor, **q.given())


@gastown.mutation
async def answer_agent(caller: Caller, q: AnswerAgent) -> shapes.AgentMessage:
    """Answer what an agent asks; it goes on in the same session."""
    return await caller.town.answer_agent(caller.actor, **q.given())


@gastown.query
async def get_stream(caller: Caller, q: GetStream) -> shapes.StreamPage:
    """Frames after `since` of a run, or of the latest run of a polecat; with `waitS` it waits so long for the first."""
    return await caller.town.get_stream(caller.actor, **q.given())


@gastown.query
async def get_workspace(caller: Caller, q: AgentInput) -> shapes.Workspace:
    """Where a polecat works, and its environment; a value that may be secret is null."""
    return await caller.town.get_workspace(caller.actor, **q.given())


@gastown.query
async def get_resources(caller: Caller, q: AgentInput) -> shapes.Resources:
    """CPU and memory of a polecat's live run over the last 20 minutes."""
    return await caller.town.get_resources(caller.actor, **q.given())


@gastown.mutation
async def open_shell(caller: Caller, q: AgentInput) -> shapes.Shell:
    """A worktree and environment for a person's shell; a bead without a run is held meanwhile."""
    return await caller.town.open_shell(caller.actor, **q.given())


@gastown.mutation
async def attach_agent(caller: Caller, q: AttachAgent) -> shapes.AttachedAgent:
    """Give a live run's session to a person, in the agent's own interface; the town does not drive meanwhile.

    `env` holds secrets of the run. When the process `pid` is gone, the town goes on.
    """
    return await caller.town.attach_agent(caller.actor, **q.given())


@gastown.mutation
async def detach_agent(caller: Caller, q: DetachAgent) -> shapes.Detached:
    """The person has left: the town continues, git decides as after `done`, or the bead is held."""
    return await caller.town.detach_agent(caller.actor, **q.given())


@gastown.mutation
async def open_trial(caller: Caller, q: BeadInput) -> shapes.Trial:
    """A scratch worktree with what a bead has come to, and the commands that set it up and run it."""
    return await caller.town.open_trial(caller.actor, **q.given())


@gastown.mutation
async def close_trial(caller: Caller, q: CloseShell) -> Empty:
    """The person is done trying: the scratch worktree goes."""
    return await caller.town.close_trial(caller.actor, **q.given())


@gastown.mutation
async def close_shell(caller: Caller, q: CloseShell) -> Empty:
    """The person has left the shell."""
    return await caller.town.close_shell(caller.actor, **q.given())
