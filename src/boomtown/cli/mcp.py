"""`boomtown mcp`: the town's tools for an agent, on standard input and output.

Every agent program has a process of this, so what is imported is what it can't do without, from this package and the
standard library: nothing else is on its path.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Never

from boomtown.api.tools.speech import PARSE_ERROR, Call, failure, reply

if TYPE_CHECKING:
    from argparse import Namespace

    from boomtown.cli.output import Output

PATIENCE_S = 55.0
"""How long a call waits for a server that restarts: less than the minute after which agents give up on us."""
_WITH_MAIL = ("gt_prime", "gt_mail_check")
"""Whose lost answer may have carried mail that counts as delivered now."""


def serve(_args: Namespace, _out: Output) -> Never:
    """Answer until standard input ends."""
    from boomtown.cli.agent_api import Identity

    Identity.from_env()
    speak()


def speak() -> Never:
    """As `serve`, in a bare interpreter: the container gives agents a command that calls this."""
    lock = threading.Lock()

    def say(message: dict[str, Any] | None) -> None:
        if message is not None:
            with lock:
                sys.stdout.write(json.dumps(message) + "\n")
                sys.stdout.flush()

    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            answer = reply(json.loads(line))
        except ValueError:
            answer = failure(None, PARSE_ERROR, "This is no JSON.")
        if isinstance(answer, Call):
            # others are answered while a call waits for the server; one that is lost with us changes nothing
            threading.Thread(target=lambda call=answer: say(_carry_out(call)), daemon=True).start()
        else:
            say(answer)
    os._exit(0)  # whatever a call still waits for: Python's own end aborts if a thread writes just then


def _carry_out(call: Call) -> dict[str, Any]:
    from boomtown.api.tools.words import text_of
    from boomtown.cli.agent_api import AgentApi, Identity
    from boomtown.domain.errors import BoomtownError

    try:
        api = AgentApi(Identity.from_env(), patience_s=PATIENCE_S)
        path = call.path(agent_id=api.identity.agent_id)
        body = call.body
        data = api.get(path) if body is None else api.post(path, body)
        if api.unclear and call.tool.name in _WITH_MAIL:
            mail = api.get(api.own("/mail?all=1"))
            data = data | {"undelivered_mail": mail} if call.tool.name == "gt_prime" else mail
        return call.answer(text_of(call.tool.name, data))
    except BoomtownError as error:
        return call.answer(error.message, failed=True)
