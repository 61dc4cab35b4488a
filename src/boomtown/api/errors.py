"""Errors at the edges: the one place where `BoomtownError`s become tRPC codes, HTTP statuses and envelopes."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from starlette.responses import Response

from boomtown.api.trpc import TrpcError
from boomtown.api.trpc.encoding import to_json
from boomtown.domain.errors import BoomtownError, TooManyError

log = structlog.get_logger()

_TRPC_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    501: "NOT_IMPLEMENTED",
    503: "SERVICE_UNAVAILABLE",
}


class BadMethodError(BoomtownError):
    """A known path, but not in this way."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405


def expected(error: Exception, where: str) -> BoomtownError:
    """`error`, if it is for the caller's eyes; else it is logged under a number, which is all that the caller gets."""
    if isinstance(error, BoomtownError):
        return error
    incident = secrets.token_hex(4)
    log.error("request.failed", where=where, incident=incident, exc_info=error)
    return BoomtownError(f"Something went wrong in the server; its log has more (incident {incident}).")


def to_trpc(error: Exception, path: str | None) -> TrpcError:
    """The tRPC error for anything that a procedure raised. `data.reason` is the stable code."""
    told = expected(error, path or "/trpc")
    data: dict[str, Any] = {**told.data, "reason": told.code}
    if field := told.data.get("field"):
        data["issues"] = [{"path": [field], "message": told.message, "code": told.code}]
    return TrpcError(_TRPC_CODES.get(told.http_status, "INTERNAL_SERVER_ERROR"), told.message, data=data)


def json_answer(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")


def envelope(error: Exception, where: str) -> Response:
    """The answer of the agent API to anything that was raised."""
    told = expected(error, where)
    body = {"success": False, "error": told.message, "code": told.code}
    answer = json_answer(body, told.http_status)
    if isinstance(told, TooManyError):
        answer.headers["retry-after"] = str(told.data["retry_after_s"])
    return answer
