"""`/mcp`: the town's tools over streamable HTTP, with the agent's JWT. Stateless: a restart of the server is nothing.

Each tool goes the way of its route: the same verb of the desk, the same checks, in the same order.
"""

from __future__ import annotations

from typing import Any

import pydantic_core
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from boomtown.api import agents
from boomtown.api.admission import Admission
from boomtown.api.errors import BadMethodError, envelope, expected, json_answer
from boomtown.api.tools.speech import PARSE_ERROR, Call, failure, reply
from boomtown.api.tools.words import text_of
from boomtown.rig.desk import Desk
from boomtown.rig.tokens import Claims

_VERBS = {(method, path): verb for method, path, verb in agents.VERBS}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def mcp_route(desk: Desk, admission: Admission) -> BaseRoute:
    """The one route; only POST is spoken, since nothing is ever sent unasked."""

    async def answer(request: Request) -> Response:
        try:
            claims = admission.admit(request)
            if request.method != "POST":
                raise BadMethodError(f"{request.method} is not for this path; it takes POST.")
            return await _answer(desk, admission, claims, await agents.body_of(request))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the edge of a request; `envelope` logs what nobody expected
            refused = envelope(error, f"{request.method} /mcp")
            if refused.status_code == 401:
                refused.headers["www-authenticate"] = "Bearer"
            if refused.status_code == 405:
                refused.headers["allow"] = "POST"
            return refused

    return Route("/mcp", answer, methods=_METHODS)


async def _answer(desk: Desk, admission: Admission, claims: Claims, body: bytes) -> Response:
    try:
        message = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        return json_answer(failure(None, PARSE_ERROR, "This is no JSON."), 400)
    if isinstance(message, list):  # a batch, which older versions of the protocol have
        for _ in message[1:]:
            admission.count(claims)
        answers = [told for told in [await _one(desk, claims, one) for one in message] if told is not None]
        return json_answer(answers) if answers else Response(status_code=202)
    told = await _one(desk, claims, message)
    return Response(status_code=202) if told is None else json_answer(told)


async def _one(desk: Desk, claims: Claims, message: Any) -> dict[str, Any] | None:
    call = reply(message)
    if not isinstance(call, Call):
        return call
    where = {"town_id": claims.town_id, "rig_id": claims.rig_id, "agent_id": claims.agent_id}
    path = call.arguments | where
    try:
        verb = _VERBS[call.tool.method, call.tool.path]
        data = await verb(desk, agents.Call(claims, path, {}, call.body or {}))
        return call.answer(text_of(call.tool.name, data))
    except Exception as error:  # noqa: BLE001 - the edge of a call: the model reads what went wrong
        told = expected(error, call.tool.name)
        return call.answer(f"{told.message} ({told.code})", failed=True)
