"""The seam between a run and an agent program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from boomtown.container.protocol import RunSpec
from boomtown.domain.errors import BadInputError


@dataclass(frozen=True)
class Launch:
    """How to start the program: `argv`, and what it reads on standard input before that is closed (None: nothing)."""

    argv: tuple[str, ...]
    stdin: bytes | None = None


class AgentAdapter(Protocol):
    """One kind of agent program. An instance serves one run."""

    def launch(self, spec: RunSpec, prompt: str, home: Path) -> Launch:
        """What to start. `prompt` is complete; `home` is the polecat's HOME, where files may be put.

        Raises `BadInputError` if it can't be started this way.
        """
        ...

    def kind_of(self, pipe: str) -> str:
        """The kind of the frames that lines of `stdout` or `stderr` become."""
        ...


def adapter_for(name: str) -> AgentAdapter:
    """The adapter by its name in `RunSpec.adapter`. Raises `BadInputError` for one that this version does not have."""
    from boomtown.container.agents.command import CommandAdapter

    if name != "command":
        raise BadInputError(f'Agents of kind "{name}" can\'t be run by this version; kind = "command" can.')
    return CommandAdapter()
