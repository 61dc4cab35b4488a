"""Patience with a server that is away for a moment: it may be restarting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from boomtown.domain.errors import UnavailableError

T = TypeVar("T")


def patiently(call: Callable[[], T], patience_s: float, first_s: float = 0.05) -> T:
    """`call()`, repeated with back-off while it raises `UnavailableError`, for at most `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    pause_s = first_s
    while True:
        try:
            return call()
        except UnavailableError:
            if time.monotonic() + pause_s > deadline:
                raise
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 2.0)
