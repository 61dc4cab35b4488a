"""The container's own log: one line an event, on standard error, which is `logs/container.log`."""

from __future__ import annotations

import sys

import structlog


def write_plain_lines() -> None:
    """Key-value lines with times; tracebacks as plain text."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
