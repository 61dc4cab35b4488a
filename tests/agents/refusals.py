"""How each provider refuses a request: a limit that is used up, too many requests, a key that is none or has expired.

Bodies, statuses and headers are those of the providers' own documentation.
"""

from __future__ import annotations

import time
from typing import Any

from tests.agents.wires import Chat, Gemini, Messages, Responses, Wire

Refusal = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body, headers."""


def refusal(wire: Wire, why: str, reset_s: int = 0) -> Refusal:
    """`why`: limit, busy, login or expired. `reset_s`: after how many seconds it is over; 0: not said."""
    match wire:
        case Messages():
            return _anthropic(why, reset_s)
        case Gemini():
            return _google(why, reset_s)
        case Chat() | Responses():
            return _openai(why, reset_s)


def _anthropic(why: str, reset_s: int) -> Refusal:
    kind, message = {
        "limit": ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
        "busy": ("rate_limit_error", "Number of requests has exceeded your per-minute rate limit."),
        "login": ("authentication_error", "invalid x-api-key"),
        "expired": (
            "authentication_error",
            "OAuth token has expired. Please obtain a new token or refresh your token.",
        ),
    }[why]
    headers = {}
    if reset_s:
        reset = str(int(time.time()) + reset_s)
        headers = {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": reset,
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
        }
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return _status(why), error, headers | _retry_after(reset_s)


def _openai(why: str, reset_s: int) -> Refusal:
    kind, code, message = {
        "limit": (
            ("usage_limit_reached", None, "The usage limit has been reached")
            if reset_s
            else (
                "insufficient_quota",
                "insufficient_quota",
                "You exceeded your current quota, please check your plan and billing details.",
            )
        ),
        "busy": ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 20s."),
        "login": ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: dummy."),
        "expired": (
            "invalid_request_error",
            "token_expired",
            "Provided authentication token is expired. Please try signing in again.",
        ),
    }[why]
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    if reset_s:
        error |= {"plan_type": "plus", "resets_at": int(time.time()) + reset_s, "resets_in_seconds": reset_s}
    return _status(why), {"error": error}, _retry_after(reset_s)


def _google(why: str, reset_s: int) -> Refusal:
    details: list[dict[str, Any]] = []
    if reset_s:
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{reset_s}s"}]
    status, word, message = {
        "limit": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing."),
        "busy": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        "login": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "expired": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    }[why]
    if why == "login":
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    return status, {"error": {"code": status, "message": message, "status": word, "details": details}}, {}


def _status(why: str) -> int:
    return 429 if why in ("limit", "busy") else 401


def _retry_after(reset_s: int) -> dict[str, str]:
    return {"retry-after": str(reset_s)} if reset_s else {}
