"""The registry, and what its procedures have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from boomtown.api.auth import Person
from boomtown.api.live.feed import Feed
from boomtown.api.procedures.roles import admit
from boomtown.api.sessions import Sessions
from boomtown.api.trpc import Input, Router
from boomtown.api.trpc.validation import OWN


@dataclass(frozen=True)
class Caller:
    """Who calls, and the `rig.town.Town` that answers. `end_streams` has all live subscriptions begin anew.

    `town` is untyped here because its answers are plain JSON data and the procedures say their exact shape; tests hold
    both together.
    """

    person: Person
    town: Any
    feed: Feed
    sessions: Sessions
    end_streams: Callable[[], None]

    @property
    def actor(self) -> str:
        """As the ledger names them."""
        return f"user:{self.person.name}"


gastown: Router[Caller] = Router("gastown", admit=admit)


def _one_line(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise PydanticCustomError(OWN, "has a line break or control character. Use one line.")
    return text


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError(OWN, "has a NUL character. Remove it.")
    return text


Ref = Annotated[
    str,
    Field(max_length=300, description="An id, a unique beginning of one (4 characters or more), or a name."),
    AfterValidator(_one_line),
]
"""How a caller names a rig, polecat, bead, merge or run."""
Word = Annotated[str, Field(max_length=300), AfterValidator(_one_line)]
"""A name or another short text on one line."""
Text = Annotated[str, AfterValidator(_no_nul)]
"""Text of any length; what is too long, `Town` says."""
Seq = Annotated[int, Field(ge=0, le=2**53 - 1, description="A position in the ledger or in a stream.")]
Limit = Annotated[int, Field(ge=1, le=10_000, description="At most so many; there is an upper bound anyway.")]
WaitS = Annotated[float, Field(ge=0, le=60, description="Seconds to wait for something new before answering.")]


class RigInput(Input):
    rig_id: Ref


class BeadInput(Input):
    bead_id: Ref


class AgentInput(Input):
    agent_id: Ref


Empty = dict[str, Any]
"""`{}`: done, and there is nothing to say."""
