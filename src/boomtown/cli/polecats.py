"""The workers: who they are, what they do, and stopping them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from typing import Any

from boomtown.cli.client import Client, connect
from boomtown.cli.output import Column, Output, table, terminal_width
from boomtown.cli.sentences import ago, megabytes, short, spent
from boomtown.home.paths import Home


def listing(args: Namespace, out: Output) -> None:
    """The registered polecats, of one rig or of all."""
    agents = connect().query("listAgents", rigId=args.RIG)
    out.show(agents, lambda: polecat_table(agents) if agents else ["No polecat is registered. Sling something."])


_STYLE = {"working": "green", "stalled": "yellow", "dead": "dim", "idle": "dim"}


def _activity(agent: dict[str, Any]) -> str:
    """Its status; or who has its session, in the place of the town."""
    return f"{by} has it" if (by := agent.get("attached_by")) else agent["status"]


def polecat_table(agents: list[dict[str, Any]]) -> list[str]:
    return table(
        agents,
        [
            Column("polecat", lambda a: a["identity"].replace("/polecats/", "/"), "bold"),
            Column("status", _activity, lambda a: _STYLE.get(a["status"], "")),
            Column("for", lambda a: ago(a["started_at"]), right=True),
            Column("heard", lambda a: f"{ago(a['last_activity_at'])} ago" if a["last_activity_at"] else "", right=True),
            Column("cpu", lambda a: "" if a["cpu_percent"] is None else f"{a['cpu_percent']:.0f} %", right=True),
            Column("memory", lambda a: megabytes(a["memory_bytes"]), right=True),
            Column("agent", lambda a: a["agent_kind"]),
            Column("used", lambda a: spent(a["usage"])),
            Column("bead", lambda a: short(a["bead_id"])),
            Column("branch", lambda a: a["branch"]),
        ],
        terminal_width(),
    )


def message(args: Namespace, out: Output) -> None:
    """Say something; it is delivered when the agent's session took it."""
    said = connect().mutate("sendMessage", agentId=args.POLECAT, message=text_of(args.TEXT), now=args.now or None)
    when = "at once" if args.now else "when its turn ends, or its next run begins"
    out.say(
        said, f"Queued for {args.POLECAT}: it is delivered {when}. `boomtown bead show {args.POLECAT}` says whether."
    )


def answer(args: Namespace, out: Output) -> None:
    """Answer its question."""
    said = connect().mutate("answerAgent", agentId=args.POLECAT, answer=text_of(args.TEXT))
    out.say(said, f"Answered. {args.POLECAT} goes on where it was.")


def text_of(argument: str) -> str:
    """The argument, or standard input for `-`."""
    return sys.stdin.read() if argument == "-" else argument


def stop(args: Namespace, out: Output) -> None:
    """Stop one; its work is kept and its bead held."""
    agent = connect().mutate("stopAgent", agentId=args.POLECAT)
    ref = short((agent or {}).get("bead_id")) or args.POLECAT
    out.say(agent, f"Stopping {args.POLECAT}; its work is kept. `boomtown bead start {ref}` goes on.")


def pause(args: Namespace, out: Output) -> None:
    """Start nothing new."""
    result = connect().mutate("pause", rigId=args.RIG, stop=args.stop or None)
    running = "what runs is stopped, its work kept" if args.stop else "what runs goes on"
    cure = f"boomtown resume {args.RIG}" if args.RIG else "boomtown resume"
    out.say(result or {}, f"Paused {args.RIG or 'the whole home'}; {running}. `{cure}` goes on.")


def resume(args: Namespace, out: Output) -> None:
    """Go on."""
    result = connect().mutate("resume", rigId=args.RIG)
    out.say(result or {}, f"{args.RIG or 'The whole home'} goes on.")


def path(args: Namespace, out: Output) -> None:
    """Where a worktree is."""
    workspace = connect().query("getWorkspace", agentId=args.POLECAT)
    out.say({"path": workspace["path"], "live": workspace["live"]}, workspace["path"])


def shell(args: Namespace, _out: Output) -> int:
    """An interactive shell in a worktree; its exit status is ours. A bead without a run is held meanwhile."""
    client = connect()
    opened = client.mutate("openShell", agentId=args.POLECAT)
    try:
        return _run_shell(opened)
    finally:
        if opened.get("session"):
            _close(client, opened["session"])


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _run_shell(opened: dict[str, Any]) -> int:
    program = os.environ.get("SHELL") or "/bin/sh"
    home = str(Home.from_env().root)  # the shell has the polecat's HOME, and `boomtown` goes on working in it
    environment = {**opened["env"], "BOOMTOWN_HOME": home, "TERM": os.environ.get("TERM", "dumb"), "SHELL": program}
    return in_the_foreground([program], opened["path"], environment)


def in_the_foreground(argv: list[str], folder: str, environment: dict[str, str]) -> int:
    """Run a program that has the terminal; its exit status. Raises `SystemExit` when the terminal is gone."""
    for number in (signal.SIGHUP, signal.SIGTERM):  # it is left all the same
        signal.signal(number, _leave)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for what runs in it
    return subprocess.run(argv, cwd=folder, env=environment, check=False).returncode


def _close(client: Client, session: str) -> None:
    client.mutate("closeShell", session=session)
