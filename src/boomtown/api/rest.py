"""The same procedures as plain HTTP: `GET /api/gastown.listBeads?rigId=web`, `POST /api/gastown.sling` with JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pydantic_core
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from boomtown.api.auth import Scope
from boomtown.api.bodies import is_json, read_body
from boomtown.api.errors import BadMethodError, envelope, json_answer
from boomtown.api.procedures import Caller, gastown
from boomtown.api.trpc import Procedure, TrpcError
from boomtown.domain.errors import BadInputError, NotFoundError

MAX_BODY = 16 * 1024 * 1024
VERBS = {"query": "GET", "mutation": "POST"}


def rest_routes(context: Callable[[Scope], Awaitable[Caller]]) -> list[BaseRoute]:
    """One route for all procedures. Answers are in the envelope of the agent API."""

    async def answer(request: Request) -> Response:
        name = request.path_params["procedure"]
        procedure = gastown.get(name)
        try:
            if procedure is None or procedure.kind not in VERBS:
                raise NotFoundError(f"There is no procedure “{name[:100]}” here. /docs lists them.")
            if request.method not in (VERBS[procedure.kind], "HEAD"):
                raise BadMethodError(f"{name} is a {procedure.kind}: it takes {VERBS[procedure.kind]}.")
            caller = await context(request.scope)
            procedure.admit(caller)
            arguments = await _arguments(procedure, request)
            return json_answer({"success": True, "data": await procedure.call(caller, arguments)})
        except TrpcError as error:
            told = {"success": False, "error": error.message, "code": error.code, **error.data}
            return json_answer(told, error.http_status)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the edge of a request; `envelope` logs what nobody expected
            refused = envelope(error, name)
            if isinstance(error, BadMethodError) and procedure is not None:
                refused.headers["allow"] = VERBS[procedure.kind]
            return refused

    return [Route("/api/{procedure}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]


async def _arguments(procedure: Procedure[Caller], request: Request) -> tuple[Any, ...]:
    if procedure.kind == "query":
        given = request.query_params.items()  # a form sends the fields that were left empty, too
        return procedure.parse_texts({name: text for name, text in given if text or name not in procedure.fields})
    body = await read_body(request, MAX_BODY)
    if not is_json(request):
        raise BadInputError("Send the input as JSON, with the content type application/json.")
    try:
        raw = pydantic_core.from_json(body, allow_inf_nan=False) if body.strip() else None
    except ValueError as error:
        raise BadInputError(f"The body is not valid JSON: {error}.") from None
    return procedure.parse(raw)
