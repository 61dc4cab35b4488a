"""Logging in and out in a browser: `/session` and `/login`."""

from __future__ import annotations

from typing import Any

import pydantic_core
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from boomtown.api.auth import People
from boomtown.api.bodies import TooLargeError, is_json, read_body
from boomtown.api.errors import json_answer
from boomtown.api.sessions import SESSION_S
from boomtown.domain.errors import BoomtownError, TooManyError

MAX_BODY = 10_000


def login_routes(people: People) -> list[BaseRoute]:
    async def log_in(request: Request) -> Response:
        token = await _token(request)
        if token is None:
            return _said(400, 'Send {"token": "…"} as application/json.')
        try:
            person = await people.with_token(token)
        except BoomtownError as error:
            answer = _said(error.http_status, error.message)
            if isinstance(error, TooManyError):
                answer.headers["retry-after"] = str(error.data["retry_after_s"])
            return answer
        return _with_session(Response(status_code=204), person.id)

    async def log_out(request: Request) -> Response:
        people.sessions.end(request.cookies.get(people.sessions.cookie, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(people.sessions.cookie, httponly=True, samesite="strict")
        return answer

    async def follow_link(request: Request) -> Response:
        answer = RedirectResponse("/", 303)
        who = people.sessions.use_link(request.query_params.get("code", ""))
        return answer if who is None else _with_session(answer, who)

    def _with_session(answer: Response, who: str) -> Response:
        sessions = people.sessions
        answer.set_cookie(
            sessions.cookie, sessions.begin(who), max_age=SESSION_S, path="/", httponly=True, samesite="strict"
        )
        return answer

    return [
        Route("/session", log_in, methods=["POST"]),
        Route("/session", log_out, methods=["DELETE"]),
        Route("/login", follow_link, methods=["GET"]),
    ]


async def _token(request: Request) -> str | None:
    """The token in the body; None where there is none."""
    try:
        value: Any = pydantic_core.from_json(await read_body(request, MAX_BODY)) if is_json(request) else None
    except (ValueError, TooLargeError):
        return None
    token = value.get("token") if isinstance(value, dict) else None
    return token.strip() if isinstance(token, str) else None


def _said(status: int, sentence: str) -> Response:
    return json_answer({"error": sentence}, status)
