"""Commands that the contract names and this version does not have yet."""

from __future__ import annotations

from argparse import Namespace

from boomtown.cli.output import Output
from boomtown.domain.errors import UnsupportedError

_INSTEAD = {
    "agent login": "Log in with the program itself and name its credentials in config.toml.",
}


def refuse(args: Namespace, _out: Output) -> int:
    """Say that it comes later, and what to do until then."""
    raise UnsupportedError(f"`boomtown {args.words}` comes in a later version. {_INSTEAD[args.words]}")
