"""Reading what a request carries, up to a limit."""

from __future__ import annotations

from starlette.requests import Request

from boomtown.domain.errors import BoomtownError


class TooLargeError(BoomtownError):
    """More than we read."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


async def read_body(request: Request, most: int) -> bytes:
    """The body, of at most `most` bytes. Raises `TooLargeError` if more is announced, or as soon as more has come."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {most} bytes. Send less.")


def is_json(request: Request) -> bool:
    """Whether the content type says so; no form of a foreign page can say it."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
