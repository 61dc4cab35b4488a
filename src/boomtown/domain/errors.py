"""One tree of errors with stable codes. Each edge turns them into an exit status, an HTTP status or a tRPC code."""

from __future__ import annotations

from typing import Any


class BoomtownError(Exception):
    """Something a caller did, or met, that has a cure.

    `message` says what was wrong, with the offending value, and what to do. `code` is stable; programs match on it.
    `http_status` is what the agent API answers; `data` is for programs.
    """

    code = "INTERNAL"
    http_status = 500

    def __init__(self, message: str, *, code: str | None = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data or {}
        if code is not None:
            self.code = code


class BadInputError(BoomtownError):
    """A value that can't be taken. `field` names it, in the caller's own spelling."""

    code = "BAD_REQUEST"
    http_status = 400

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code, data={"field": field} if field else None)
        self.field = field


class UnauthorizedError(BoomtownError):
    """No token, a wrong one, or an expired one."""

    code = "UNAUTHORIZED"
    http_status = 401


class ForbiddenError(BoomtownError):
    """A good token, used on what is somebody else's."""

    code = "FORBIDDEN"
    http_status = 403


class NotFoundError(BoomtownError):
    """Nothing by that name or id."""

    code = "NOT_FOUND"
    http_status = 404


class ConflictError(BoomtownError):
    """The thing is not in a state from which this is possible."""

    code = "CONFLICT"
    http_status = 409


class FencedError(ConflictError):
    """The caller's run has ended or was superseded. It changes nothing any more."""

    code = "FENCED"


class AlreadyRunningError(ConflictError):
    """A second dispatch of what already runs."""

    code = "ALREADY_RUNNING"


class TooManyError(BoomtownError):
    """More of it, in a short time, than is looked at."""

    code = "TOO_MANY_REQUESTS"
    http_status = 429


class UnavailableError(BoomtownError):
    """Something outside (remote, container, disk) can't be used now."""

    code = "UNAVAILABLE"
    http_status = 503


class UnsupportedError(BoomtownError):
    """A word of the contract that this version does not speak yet."""

    code = "NOT_IMPLEMENTED"
    http_status = 501
