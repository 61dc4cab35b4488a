"""`boomtown user …`: people with tokens of their own."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli.client import connect
from boomtown.cli.output import Column, Output, table, terminal_width
from boomtown.cli.sentences import ago


def add(args: Namespace, out: Output) -> None:
    """Make a token and show it, this once."""
    client = connect()
    user = client.mutate("addUser", name=args.NAME, role=args.role)
    out.show(user, lambda: _added(user, client.server.url))


def _added(user: dict[str, Any], url: str) -> Iterator[str]:
    yield f"{user['name']} is a {user['role']} now. The token, which is shown only this once:"
    yield ""
    yield f"  {user['token']}"
    yield ""
    yield f"In the browser: {url}, and paste it. On the command line:"
    yield f"  export BOOMTOWN_URL={url} BOOMTOWN_TOKEN=…"


def listing(_args: Namespace, out: Output) -> None:
    """All users; the owner of the home is none of them."""
    users = connect().query("listUsers")
    none = ["No user but you. Add one: boomtown user add NAME --role viewer|operator|admin"]
    out.show(users, lambda: _table(users) if users else none)


def _table(users: list[dict[str, Any]]) -> list[str]:
    columns = [
        Column("user", lambda u: u["name"], "bold"),
        Column("role", lambda u: u["role"]),
        Column("added", lambda u: f"{ago(u['created_at'])} ago"),
        Column("by", lambda u: u["created_by"].removeprefix("user:")),
    ]
    return table(users, columns, terminal_width())


def remove(args: Namespace, out: Output) -> None:
    """End a token."""
    gone = connect().mutate("removeUser", name=args.NAME)
    out.say(gone, f"{args.NAME} is removed; their token and sessions have ended.")
