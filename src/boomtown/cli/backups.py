"""`boomtown backup` and `boomtown restore`: copies of the database, and going back to one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli import launch
from boomtown.cli.client import connect, server_of
from boomtown.cli.output import Column, Output, clean, table, terminal_width
from boomtown.cli.sentences import ago, megabytes
from boomtown.cli.server import end, pids_of
from boomtown.home.paths import Home


def backup(_args: Namespace, out: Output) -> None:
    """Make one now."""
    made = connect().mutate("createBackup")
    out.say(made, f"{made['path']}\n`boomtown restore {made['name']}` goes back to it.")


def restore(args: Namespace, out: Output) -> None:
    """Go back to a backup; a server that runs is ended first."""
    from boomtown.api import offline

    home = Home.from_env()
    if args.list:
        found = offline.list_backups(home)
        out.show(found, lambda: _table(found) if found else ["No backup yet. Make one: boomtown backup"])
        return
    server = server_of(home)
    if server is not None and launch.running(home) is not None:
        end(home, server, pids_of(home), now=True)
    done = offline.restore(home, args.NAME)
    out.show(done, lambda: _restored(done))


def _table(found: list[dict[str, Any]]) -> list[str]:
    columns = [
        Column("backup", lambda b: b["name"], "bold"),
        Column("made", lambda b: f"{ago(b['created_at'])} ago"),
        Column("size", lambda b: megabytes(b["bytes"]), right=True),
    ]
    return table(found, columns, terminal_width())


def _restored(done: dict[str, Any]) -> Iterator[str]:
    yield f"The home is as it was in {done['backup']}. Every run has ended; all its work is on its branch."
    if done["set_aside"]:
        yield f"What it was before is kept in {done['set_aside']}."
    for sentence in (*done["adopted"], *done["parked"]):
        yield f"  {clean(sentence)}"
    yield "Start it with `boomtown up`."
