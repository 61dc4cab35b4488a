"""The server's log: one event a line, as JSON for programs or as text for a terminal, without secrets."""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes after which a log file is put aside; two old ones are kept."""

_SECRET_NAMES = re.compile(r"token|secret|password|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?<=://)[^/@\s]*(?=@)|(?<=Bearer )\S+|\bbt_[\w-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]+")
HIDDEN = "[hidden]"


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out what is named like a secret, and passwords in URLs, bearer tokens and JWTs anywhere in a text."""
    for key, value in event.items():
        event[key] = _hidden(key, value)
    return event


def _hidden(name: str, value: Any) -> Any:
    return HIDDEN if _SECRET_NAMES.search(name) else _without_secrets(value)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item) for item in value]
    return value


def configure(file: Path | None = None) -> None:
    """Send structlog's events and the standard library's warnings to `file`, or to standard error.

    A file and anything that is no terminal get JSON.
    """
    handler: logging.Handler
    if file is not None:
        file.touch(mode=0o600)
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=LARGEST_FILE, backupCount=2, encoding="utf-8")
    else:
        handler = logging.StreamHandler(sys.stderr)
    plain = file is None and sys.stderr.isatty()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    render = structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render if plain else structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("uvicorn", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
