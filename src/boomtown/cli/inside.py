"""Commands for agents, from inside their worktree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.api.tools import words
from boomtown.cli.agent_api import AgentApi, Identity
from boomtown.cli.output import Output, clean
from boomtown.domain.beads import wants_report
from boomtown.domain.errors import BadInputError, NotFoundError


def done(args: Namespace, out: Output) -> None:
    """Hand the branch on. A repeat gets the first answer."""
    api = AgentApi(Identity.from_env())
    branch = os.environ.get("BOOMTOWN_BRANCH") or _current_branch()
    body = {"branch": branch} | ({"summary": _text(args.summary)} if args.summary else {})
    merge = api.post(api.own("/done"), body)
    out.say(merge, f"Handed on {branch}. The town lands it; you are finished.")


def _current_branch() -> str:
    found = subprocess.run(["git", "branch", "--show-current"], capture_output=True, text=True, check=False)
    branch = found.stdout.strip()
    if not branch:
        raise BadInputError("BOOMTOWN_BRANCH is not set and no branch is checked out. Check your branch out again.")
    return branch


def prime(_args: Namespace, out: Output) -> None:
    """Who I am, what to do, what others wrote."""
    api = AgentApi(Identity.from_env())
    data = api.get(api.own("/prime"))
    if api.unclear:  # the lost answer may have carried mail that now counts as delivered
        data["undelivered_mail"] = api.get(api.own("/mail?all=1"))
    out.show(data, lambda: _primed(data))


def _primed(data: dict[str, Any]) -> Iterator[str]:
    yield from map(clean, words.primed(data))
    if data["hooked_bead"] is not None:
        yield ""
        if wants_report(data["hooked_bead"]["metadata"]):
            yield "A report is wanted, no commit. Run with it as input: boomtown done --summary -"
        else:
            yield 'Commit your work, then run: boomtown done --summary "what you did"'
        yield "If you can't go on: boomtown escalate TITLE --body TEXT"


def mail_check(args: Namespace, out: Output) -> None:
    """New mail, or all of it."""
    api = AgentApi(Identity.from_env())
    mail = api.get(api.own("/mail?all=1" if args.all else "/mail"))
    if api.unclear and not args.all:  # the lost answer may have carried what now counts as delivered
        mail = api.get(api.own("/mail?all=1"))
    out.show(mail, lambda: [clean(line) for line in words.letters(mail)] or ["No new mail."])


def mail_send(args: Namespace, out: Output) -> None:
    """Write to another agent, by name or id."""
    api = AgentApi(Identity.from_env())
    body = {
        "from_agent_id": api.identity.agent_id,
        "to_agent_id": _agent_id(api, args.TO),
        "subject": args.SUBJECT,
        "body": _text(args.BODY),
    }
    out.say(api.post("/mail", body), f"Sent to {args.TO}.")


def _agent_id(api: AgentApi, name: str) -> str:
    agents = api.get("/agents")
    for agent in agents:
        if name == agent["id"] or name.casefold() in (agent["name"].casefold(), agent["identity"].casefold()):
            return agent["id"]
    if len(name) == 36:
        return name
    names = ", ".join(agent["name"] for agent in agents)
    raise NotFoundError(f"There is no agent “{name}” here. There are: {names}.")


def escalate(args: Namespace, out: Output) -> None:
    """Ask for a person."""
    api = AgentApi(Identity.from_env())
    given = {"title": args.TITLE, "body": args.body, "priority": args.priority}
    bead = api.post("/escalations", {key: value for key, value in given.items() if value is not None})
    out.say(bead, "A person will see it. Go on with what you can do, or commit and stop.")


def ask(args: Namespace, out: Output) -> None:
    """Ask a person; the run ends and the bead is held until there is an answer."""
    api = AgentApi(Identity.from_env())
    body = {"question": _text(args.QUESTION), "options": args.option or []}
    out.say(api.post(api.own("/ask"), body), "Asked. End your turn now: you go on when a person has answered.")


def checkpoint_get(_args: Namespace, out: Output) -> None:
    """What was noted last, also by an earlier attempt."""
    api = AgentApi(Identity.from_env())
    data = api.get(api.own("/checkpoint"))["data"]
    out.show(data, lambda: ["No checkpoint yet."] if data is None else words.pretty(data).splitlines())


def checkpoint_set(args: Namespace, out: Output) -> None:
    """Note something for the next attempt; JSON is kept as it is, other text as a text."""
    api = AgentApi(Identity.from_env())
    text = _text(args.DATA)
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    out.say(api.post(api.own("/checkpoint"), {"data": data}), "Noted.")


def _text(argument: str) -> str:
    return sys.stdin.read() if argument == "-" else argument
