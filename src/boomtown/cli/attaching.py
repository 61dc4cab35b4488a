"""`boomtown attach`: a polecat's session in its agent's own interface, here in this terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from argparse import Namespace
from typing import Any

from boomtown.cli.client import connect
from boomtown.cli.output import Output
from boomtown.cli.polecats import in_the_foreground
from boomtown.domain.errors import ConflictError

CHOICES = ("continue", "hand-on", "hold")
_QUESTION = "The town goes on with it (c), hands its commits on (h), or holds it for you (w)? [c] "
_WORDS = {"": "continue", "c": "continue", "h": "hand-on", "w": "hold"} | {word: word for word in CHOICES}
_SAID = {
    "continue": "The town goes on in the same session.",
    "hand-on": "Left to git: commits are handed on, as after `done`.",
    "hold": "Its work is kept and its bead held. `boomtown bead start` goes on.",
}
_RESTORE = "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[?25h\x1b[0m\r"
"""Leaves the other screen, mouse, bracketed paste, odd keyboards and colours: an interface that was killed didn't."""


def attach(args: Namespace, _out: Output) -> int:
    """Take the place of the town until the interface ends; then say how it goes on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConflictError(f"attach needs a terminal. `boomtown message {args.POLECAT} TEXT` speaks without one.")
    client = connect()
    found = client.mutate("attachAgent", agentId=args.POLECAT, pid=os.getpid())
    name = found["name"]
    print(f"You have the session of {name}. Leave its interface to give it back.", flush=True)
    then = "continue"
    try:
        killed = _run(found) < 0  # by the town, mostly: there is nothing to ask then
        then = args.then or ("continue" if killed else _ask())
    finally:  # also where the terminal is gone: the town goes on
        theirs = client.mutate("detachAgent", session=found["session"], then=then)["theirs"]
    print(_SAID[then] if theirs else f"{name} was not yours any more: `boomtown bead show {name}` says what happened.")
    return 0 if theirs else 1


def _run(found: dict[str, Any]) -> int:
    """The interface, in the foreground; its exit status. Where it is killed, the terminal is put right after it."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    environment = {**found["env"], "TERM": os.environ.get("TERM", "xterm-256color")}
    if colours := os.environ.get("COLORTERM"):
        environment["COLORTERM"] = colours
    try:
        status = in_the_foreground(found["argv"], found["path"], environment)
    finally:
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
    if status != 0:
        print(_RESTORE, end="", flush=True)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        print(f"The interface {how}.")
    return status


def _ask() -> str:
    while True:
        try:
            word = input(_QUESTION).strip().lower()
        except EOFError:
            return "continue"
        if word in _WORDS:
            return _WORDS[word]
