"""`boomtown rig …`: repositories under management."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boomtown.cli.client import connect
from boomtown.cli.output import Column, Output, paint, table, terminal_width
from boomtown.cli.parsing import UsageError
from boomtown.cli.polecats import polecat_table
from boomtown.cli.sentences import short

TRUST = "Give the town only work and agents that you trust with that."


def add(args: Namespace, out: Output) -> None:
    """Clone a repository and say what its polecats won't see."""
    town = connect()
    rig = town.mutate(
        "createRig",
        name=args.NAME,
        gitUrl=_absolute(args.GIT_URL),
        defaultBranch=args.branch,
        maxPolecats=args.max_polecats,
        agent=args.agent,
        gates=args.gate,
        merge=args.merge,
    )
    out.show(rig, lambda: _added(rig, town.query("getStatus")))


def _absolute(git_url: str) -> str:
    """A path as this shell means it; the server stands somewhere else. URLs are left alone."""
    if "://" in git_url or git_url.startswith("-"):
        return git_url
    path = Path(git_url).expanduser()
    looks_remote = ":" in git_url.split("/")[0]
    return str(path.absolute()) if path.exists() or not looks_remote else git_url


def _added(rig: dict[str, Any], status: dict[str, Any]) -> Iterator[str]:
    yield f"Rig {rig['name']} is ready: {rig['git_url']}, default branch {rig['default_branch']}."
    for note in rig.get("notes") or ():
        yield f"  {note}"
    yield _how_it_lands(rig)
    if status["sandbox"] == "none":
        yield paint(f"{status['sandbox_note']} {TRUST}", "yellow")
    else:
        yield f"Sandbox: {status['sandbox']}. {status['sandbox_note']}"
    yield f'Next: boomtown sling {rig["name"]} "what to do"'


def _how_it_lands(rig: dict[str, Any]) -> str:
    gates = rig["gates"]
    tested = f" after {len(gates)} gate{'s' * (len(gates) != 1)}" if gates else ", with no gate (--gate CMD adds one)"
    how = {
        "review": "Beads wait for your `boomtown approve`, then land",
        "direct": "Beads land by themselves",
        "branch": "Beads are pushed as branches",
    }
    return f"{how[rig['merge']]}{tested}."


def listing(_args: Namespace, out: Output) -> None:
    """All rigs of all towns."""
    rigs = connect().query("listRigs")
    out.show(rigs, lambda: rig_table(rigs) if rigs else ["No rig yet. Add one: boomtown rig add NAME GIT_URL"])


def rig_table(rigs: list[dict[str, Any]]) -> list[str]:
    return table(
        rigs,
        [
            Column("rig", lambda r: r["name"], "bold"),
            Column("status", lambda r: r["status"]),
            Column("live", lambda r: f"{r['live']} of {r['max_polecats']}", right=True),
            Column("branch", lambda r: r["default_branch"]),
            Column("merge", lambda r: r["merge"]),
            Column("gates", lambda r: len(r["gates"]) or "", right=True),
            Column("agent", lambda r: r["agent"]),
            Column("repository", lambda r: r["git_url"]),
        ],
        terminal_width(),
    )


def show(args: Namespace, out: Output) -> None:
    """One rig with its settings and polecats."""
    rig = connect().query("getRig", rigId=args.RIG)
    out.show(rig, lambda: _details(rig))


def _details(rig: dict[str, Any]) -> Iterator[str]:
    yield f"{paint(rig['name'], 'bold')}  {rig['status']}  {short(rig['id'])}"
    yield f"repository   {rig['git_url']}"
    yield f"branch       {rig['default_branch']}"
    yield f"polecats     {rig['live']} of {rig['max_polecats']} at work"
    yield f"agent        {rig['agent'] or 'the default one'}"
    yield f"merge        {rig['merge']}, landing {rig['landing']}"
    for gate in rig["gates"]:
        yield f"gate         {gate}"
    for key, value in sorted((rig.get("settings") or {}).items()):
        yield f"{key:<12} {json.dumps(value, ensure_ascii=False)}"
    if agents := rig.get("agents"):
        yield ""
        yield from polecat_table(agents)


def check(args: Namespace, out: Output) -> int:
    """Run the gates on the default branch; exit status 1 if one is red."""
    result = connect().mutate("checkRig", rigId=args.RIG)
    out.show(result, lambda: _checked(result))
    return 0 if result["green"] else 1


def _checked(result: dict[str, Any]) -> Iterator[str]:
    if result["green"]:
        yield f"Green on the default branch, in {result['seconds']:.1f} s."
        return
    yield from (result.get("tail") or "").splitlines()
    yield f"Red on the default branch: {result['failed']}"


def change(args: Namespace, out: Output) -> None:
    """Change settings; all of them or none."""
    settings = dict(_setting(text) for text in args.SETTING)
    rig = connect().mutate("updateRig", rigId=args.RIG, settings=settings)
    out.show(rig, lambda: _details(rig))


def _setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; a VALUE that is a JSON number, true, false, null or list is one, anything else is text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"“{text}” is not KEY=VALUE. Write, for example, merge=direct.")
    try:
        decoded = json.loads(value)
    except ValueError:
        decoded = value
    return key.strip().replace("-", "_"), value if isinstance(decoded, (str, dict)) else decoded


def remove(args: Namespace, out: Output) -> None:
    """Forget a rig."""
    result = connect().mutate("deleteRig", rigId=args.RIG, discard=args.discard or None)
    out.say(result if result is not None else {}, f"Rig {args.RIG} is removed. Its origin was not touched.")
