"""The seam between a run and an agent program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from boomtown.container.protocol import Message, Question, Refusal, RunSpec, Usage
from boomtown.container.streams import StreamWriter
from boomtown.domain.errors import BadInputError


@dataclass(frozen=True)
class Ending:
    """How a conversation ended, as an exit status; `error` says why it is not 0. `hung_up`: the program did so."""

    code: int
    error: str | None = None
    refusal: Refusal | None = None
    hung_up: bool = False


@dataclass(frozen=True)
class Heard:
    """What a conversation has come to so far; see `RunState`."""

    session: str | None = None
    question: Question | None = None
    usage: Usage | None = None
    delivered: tuple[str, ...] = ()
    trouble: str | None = None
    answered: bool = False
    report: str = ""


class Conversation(Protocol):
    """Speaking with a program over its standard input and output, until one of both has enough."""

    ends_on_eof: bool
    """Whether the program ends, with all it started, when its standard input does."""

    @property
    def heard(self) -> Heard: ...

    async def hold(self, stdin: int, stdout: int, stream: StreamWriter, changed: Callable[[], None]) -> Ending:
        """Speak until it is over. Owns the descriptors; returns when the program closes its end, too.

        `changed` is called when `heard` has something new that should be known at once.
        """
        ...

    def stop(self, gently: bool) -> None:
        """Come to an end soon. `gently`: what the program is just saying it may finish."""
        ...

    def tell(self, messages: tuple[Message, ...]) -> None:
        """Pass these on; one that is known already changes nothing."""
        ...

    def overhear(self, lines: list[str]) -> None:
        """What the program writes on its standard error."""
        ...

    @property
    def complaints(self) -> str:
        """The last lines of that: where programs say why they crash."""
        ...

    def follow(self, earlier: Conversation) -> None:
        """It goes on where that one was cut, in the same run: what was used there is counted on."""
        ...

    async def settle(self) -> None:
        """The program is gone: count what it used."""
        ...


@dataclass(frozen=True)
class Launch:
    """How to start the program: `argv`, more of its environment, and what to do with its standard input.

    `stdin`: what it reads there before that is closed (None: nothing). `conversation`: it is spoken with instead.
    """

    argv: tuple[str, ...]
    stdin: bytes | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    conversation: Conversation | None = None


class AgentAdapter(Protocol):
    """One kind of agent program. An instance serves one run."""

    def launch(self, spec: RunSpec, prompt: str, cwd: Path, home: Path) -> Launch:
        """What to start in `cwd`. `prompt` is complete; `home` is the polecat's HOME, where files may be put.

        Raises `BadInputError` if it can't be started this way.
        """
        ...

    def kind_of(self, pipe: str) -> str:
        """The kind of the frames that lines of `stdout` or `stderr` become."""
        ...


def adapter_for(name: str) -> AgentAdapter:
    """The adapter by its name in `RunSpec.adapter`. Raises `BadInputError` for one that this version does not have."""
    match name:
        case "command":
            from boomtown.container.agents.command import CommandAdapter

            return CommandAdapter()
        case "acp":
            from boomtown.container.agents.acp import AcpAdapter

            return AcpAdapter()
    raise BadInputError(f'Agents of kind "{name}" can\'t be run by this version; "command" and "acp" can.')
