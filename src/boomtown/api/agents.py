"""The agent HTTP API of CONTRACT section 4: routes, tokens and the envelope around `rig.desk.Desk`.

The order of the checks: 401 and 429 here, then 403, 409 FENCED, 404 and 400 in the desk, in the transaction that acts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pydantic_core
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from boomtown import __version__
from boomtown.api.admission import Admission
from boomtown.api.bodies import read_body
from boomtown.api.errors import BadMethodError, envelope, json_answer
from boomtown.domain.errors import BadInputError, NotFoundError
from boomtown.rig.counter import Body
from boomtown.rig.desk import Desk
from boomtown.rig.tokens import Claims

MAX_BODY = 1024 * 1024
"""Bytes of a request."""
LAST_SEQ = 2**53


@dataclass(frozen=True)
class Call:
    """One call, its token already good. `body` is None where it is no JSON object; the desk says so in its turn."""

    claims: Claims
    path: dict[str, str]
    query: dict[str, str]
    body: Body

    @property
    def rig(self) -> tuple[Claims, str, str]:
        return self.claims, self.path["town_id"], self.path["rig_id"]

    @property
    def agent(self) -> tuple[Claims, str, str, str]:
        return *self.rig, self.path["agent_id"]

    @property
    def bead(self) -> tuple[Claims, str, str, str]:
        return *self.rig, self.path["bead_id"]


async def _events(desk: Desk, call: Call) -> Any:
    since = call.query.get("since") or "0"
    good = since.isdecimal() and len(since) < 16
    answer = await desk.events(*call.rig, int(since) if good else LAST_SEQ)  # whose token it is comes before 400
    if not good:
        raise BadInputError(f"since is {since[:80]!r}; it must be 0 or the seq of an event.", field="since")
    return answer


Verb = Callable[[Desk, Call], Awaitable[Any]]
BASE = "/api/towns/{town_id}/rigs/{rig_id}"
VERBS: tuple[tuple[str, str, Verb], ...] = (
    ("GET", "/agents/{agent_id}/prime", lambda desk, call: desk.prime(*call.agent)),
    ("POST", "/agents/{agent_id}/done", lambda desk, call: desk.done(*call.agent, call.body)),
    ("POST", "/agents/{agent_id}/heartbeat", lambda desk, call: desk.heartbeat(*call.agent, call.body)),
    ("POST", "/agents/{agent_id}/checkpoint", lambda desk, call: desk.put_checkpoint(*call.agent, call.body)),
    ("GET", "/agents/{agent_id}/checkpoint", lambda desk, call: desk.get_checkpoint(*call.agent)),
    ("POST", "/agents/{agent_id}/ask", lambda desk, call: desk.ask(*call.agent, call.body)),
    ("GET", "/agents/{agent_id}/mail", lambda desk, call: desk.mail(*call.agent, all=call.query.get("all") == "1")),
    ("POST", "/agents/{agent_id}/completed", lambda desk, call: desk.completed(*call.agent, call.body)),
    ("GET", "/agents/{agent_id}/molecule/current", lambda desk, call: desk.molecule(*call.agent)),
    ("GET", "/beads", lambda desk, call: desk.list_beads(*call.rig)),
    ("POST", "/beads", lambda desk, call: desk.create_bead(*call.rig, call.body)),
    ("GET", "/beads/{bead_id}", lambda desk, call: desk.get_bead(*call.bead)),
    ("POST", "/beads/{bead_id}/close", lambda desk, call: desk.close_bead(*call.bead, call.body)),
    ("PATCH", "/beads/{bead_id}/status", lambda desk, call: desk.set_bead_status(*call.bead, call.body)),
    ("GET", "/agents", lambda desk, call: desk.list_agents(*call.rig)),
    ("GET", "/agents/{agent_id}", lambda desk, call: desk.get_agent(*call.agent)),
    ("POST", "/agents/{agent_id}/hook", lambda desk, call: desk.hook(*call.agent, call.body)),
    ("DELETE", "/agents/{agent_id}/hook", lambda desk, call: desk.unhook(*call.agent)),
    ("POST", "/mail", lambda desk, call: desk.send_mail(*call.rig, call.body)),
    ("POST", "/nudge", lambda desk, call: desk.nudge(*call.rig, call.body)),
    ("POST", "/escalations", lambda desk, call: desk.escalate(*call.rig, call.body)),
    ("GET", "/events", _events),
)


async def health(_request: Request) -> Response:
    """That the server answers; no token needed."""
    return _success({"status": "ok", "version": __version__})


def agent_routes(desk: Desk, admission: Admission) -> list[BaseRoute]:
    """All routes below `/api/towns`, with an envelope for what is not there."""
    paths: dict[str, dict[str, Verb]] = {}
    for method, path, verb in VERBS:
        paths.setdefault(path, {})[method] = verb
    known = [_route(path, verbs, desk, admission) for path, verbs in paths.items()]
    elsewhere = Route("/api/towns/{rest:path}", _unknown(admission), methods=METHODS)
    return [Route(f"{BASE}/health", health, methods=["GET"]), *known, elsewhere]


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def _route(path: str, verbs: dict[str, Verb], desk: Desk, admission: Admission) -> BaseRoute:
    async def answer(request: Request) -> Response:
        try:
            claims = admission.admit(request)
            verb = verbs.get("GET" if request.method == "HEAD" else request.method)
            if verb is None:
                raise BadMethodError(f"{request.method} is not for this path; it takes {' and '.join(verbs)}.")
            body = _object(await body_of(request))
            call = Call(claims, request.path_params, dict(request.query_params), body)
            return _success(await verb(desk, call))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the edge of a request; `envelope` logs what nobody expected
            refused = envelope(error, f"{request.method} {path}")
            if isinstance(error, BadMethodError):
                refused.headers["allow"] = ", ".join(verbs)
            return refused

    return Route(BASE + path, answer, methods=METHODS)


def _unknown(admission: Admission) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            admission.admit(request)
            raise NotFoundError(f"There is no path {request.url.path[:200]} here.")
        except Exception as error:  # noqa: BLE001 - as above
            return envelope(error, request.method)

    return answer


async def body_of(request: Request) -> bytes:
    """All that was sent. Raises `TooLargeError` while reading."""
    return await read_body(request, MAX_BODY)


def _object(body: bytes) -> Body:
    """The JSON object sent; `{}` for no body at all, None for anything else."""
    if not body.strip():
        return {}
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _success(data: Any) -> Response:
    return json_answer({"success": True, "data": data})
