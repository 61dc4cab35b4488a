"""Commands that the contract names and this version does not have yet."""

from __future__ import annotations

from argparse import Namespace

from boomtown.cli.output import Output
from boomtown.domain.errors import UnsupportedError

_INSTEAD = {
    "ask": "`boomtown escalate` asks for a person.",
    "answer": "Reply with `boomtown rework BEAD -m TEXT` or `boomtown bead edit`.",
    "message": "Send a comment with `boomtown rework BEAD -m TEXT` once it is in review.",
    "doctor": "`boomtown status` and `boomtown agent check NAME` say how things stand.",
    "backup": "With the town down, copy the whole home.",
    "restore": "With the town down, copy the whole home back.",
    "agent install": "Install the program yourself and name it in config.toml.",
    "agent login": "Log in with the program itself and name its credentials in config.toml.",
    "mcp": "`boomtown prime`, `done`, `mail` and `escalate` do the same.",
}


def refuse(args: Namespace, _out: Output) -> int:
    """Say that it comes later, and what to do until then."""
    raise UnsupportedError(f"`boomtown {args.words}` comes in a later version. {_INSTEAD[args.words]}")
