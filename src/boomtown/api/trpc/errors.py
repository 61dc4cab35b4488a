"""tRPC's error codes and the object in which an error travels."""

from __future__ import annotations

from typing import Any

CODES: dict[str, tuple[int, int]] = {
    "PARSE_ERROR": (-32700, 400),
    "BAD_REQUEST": (-32600, 400),
    "UNAUTHORIZED": (-32001, 401),
    "PAYMENT_REQUIRED": (-32002, 402),
    "FORBIDDEN": (-32003, 403),
    "NOT_FOUND": (-32004, 404),
    "METHOD_NOT_SUPPORTED": (-32005, 405),
    "TIMEOUT": (-32008, 408),
    "CONFLICT": (-32009, 409),
    "PRECONDITION_FAILED": (-32012, 412),
    "PAYLOAD_TOO_LARGE": (-32013, 413),
    "UNSUPPORTED_MEDIA_TYPE": (-32015, 415),
    "UNPROCESSABLE_CONTENT": (-32022, 422),
    "PRECONDITION_REQUIRED": (-32028, 428),
    "TOO_MANY_REQUESTS": (-32029, 429),
    "CLIENT_CLOSED_REQUEST": (-32099, 499),
    "INTERNAL_SERVER_ERROR": (-32603, 500),
    "NOT_IMPLEMENTED": (-32603, 501),
    "BAD_GATEWAY": (-32603, 502),
    "SERVICE_UNAVAILABLE": (-32603, 503),
    "GATEWAY_TIMEOUT": (-32603, 504),
}
"""Code → number in JSON-RPC 2.0, HTTP status."""


class TrpcError(Exception):
    """What a caller is told. `code` is one of `CODES`; `data` is added to the error's `data` for programs."""

    def __init__(self, code: str, message: str, *, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data or {}

    @property
    def http_status(self) -> int:
        return CODES[self.code][1]

    def shape(self, path: str | None) -> dict[str, Any]:
        """The error object of the wire, for the procedure at `path` (None: the request as a whole)."""
        data: dict[str, Any] = {**self.data, "code": self.code, "httpStatus": self.http_status}
        if path is not None:
            data["path"] = path
        return {"message": self.message, "code": CODES[self.code][0], "data": data}


def bad_request(message: str) -> TrpcError:
    return TrpcError("BAD_REQUEST", message)
