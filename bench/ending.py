"""An interrupted bench takes its towns down: a signal ends it as an exception does, but not while it does that."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ending:
    shields = 0
    asked: int | None = None


def end_orderly() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise `SystemExit`."""
    for number in _SIGNALS:
        signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    if _Ending.shields:
        _Ending.asked = number
    else:
        raise SystemExit(128 + number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that comes meanwhile counts from the end of this on."""
    _Ending.shields += 1
    try:
        yield
    finally:
        _Ending.shields -= 1
    if _Ending.asked is not None and not _Ending.shields:
        number, _Ending.asked = _Ending.asked, None
        raise SystemExit(128 + number)
