"""Tells people outside what the inbox has: once for each cause, over restarts too."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import Callable
from typing import Any

import structlog

from boomtown.home.config import NotifySettings
from boomtown.rig import reading
from boomtown.rig.engine import Engine
from boomtown.store import notified

log = structlog.get_logger()

Send = Callable[[dict[str, Any]], None]
"""Blocking. Raises `OSError` or `subprocess.SubprocessError` if it can't be told."""
AGAIN_S = 60.0
QUIET_S = 3600.0
SEND_S = 30.0


class Notifier:
    """Sleeps until something happens; then sends what is new in the inbox, and forgets what is not in it any more.

    What can't be sent is tried again each minute while it is still true. A crash between sending and storing that may
    send one a second time; it never leaves one out.
    """

    def __init__(self, engine: Engine, send: Send) -> None:
        self._engine, self._send = engine, send

    async def run(self) -> None:
        """For ever."""
        while True:
            seen = self._engine.last_seq
            all_told = await self.look()
            await self._engine.wait_for_news(seen, QUIET_S if all_told else AGAIN_S)

    async def look(self) -> bool:
        """Send what is new; False if some of it could not be sent."""
        engine = self._engine
        items = await engine.read(lambda db: reading.inbox(db, engine))
        told = await engine.read(notified.causes)
        current = {_cause(item): item for item in items}
        failed = False
        for cause, item in current.items():
            if cause not in told:
                failed = not await self._tell(cause, item) or failed
        if over := told - set(current):
            await engine.database.write(lambda db: notified.forget(db, over))
        return not failed

    async def _tell(self, cause: str, item: dict[str, Any]) -> bool:
        try:
            await asyncio.to_thread(self._send, item)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("notify.failed", cause=cause, error=str(error))
            return False
        await self._engine.database.write(lambda db: notified.add(db, cause, self._engine.clock.now()))
        return True


def _cause(item: dict[str, Any]) -> str:
    return f"{item['kind']}:{item['bead_id'] or item['rig_id'] or (item['title'] if item['kind'] == 'auth' else '')}"


def sender(settings: NotifySettings) -> Send:
    """Runs the command with the item as JSON on its standard input, posts it to the webhook, or both."""

    def send(item: dict[str, Any]) -> None:
        body = json.dumps(item, ensure_ascii=False).encode()
        if settings.command:
            subprocess.run(settings.command, input=body, check=True, capture_output=True, timeout=SEND_S)
        if settings.webhook:
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(settings.webhook, body, headers, method="POST")  # noqa: S310 - http(s) only
            with urllib.request.urlopen(request, timeout=SEND_S):  # noqa: S310 - checked by config
                pass

    return send
