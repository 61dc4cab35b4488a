"""Keeps each rig ready for its next runs: fetched, with worktrees checked out in advance, as many as it may have runs.

Work is done only after something happened (a clone, a start, an exit) and never while a run is starting: an idle town
forks nothing.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable

import structlog

from boomtown.container.prepare import base_or_ours
from boomtown.container.settings import Settings
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import BoomtownError

log = structlog.get_logger()

FRESH_S = 10.0
"""A fetch not older than this need not be repeated after an exit."""
_QUIET_S = 0.2
_MOST_FILES = 200_000
"""Of all warm worktrees of a rig together."""
_ROOMY = 10
"""Only a disk with so many times the space that a worktree needs at least gets warm ones."""
_SHARE = 20
"""The warm worktrees of a rig take at most one part in so many of the free disk."""


class Keeper:
    """`starting` says whether a run is being started at the moment."""

    def __init__(self, settings: Settings, starting: Callable[[], bool]) -> None:
        self._settings = settings
        self._starting = starting
        self._at_work: set[str] = set()

    async def refresh(self, trees: Worktrees, default_branch: str, fetch: bool) -> None:
        """Fetch (if asked) and fill up the warm worktrees of a rig; one at a time for each."""
        rig = trees.clone.name
        if rig in self._at_work:
            return
        self._at_work.add(rig)
        try:
            if fetch:
                await trees.clone.fetch(FRESH_S)
            await self._fill(trees, default_branch)
        except (BoomtownError, OSError) as error:
            log.warning("warm.stopped", rig=rig, error=str(error))
        finally:
            self._at_work.discard(rig)

    async def _fill(self, trees: Worktrees, default_branch: str) -> None:
        while len(trees.warm()) < self._wanted(trees):
            if self._starting():
                await asyncio.sleep(_QUIET_S)
                continue
            base = await base_or_ours(trees.clone, default_branch)
            if base is None:
                return
            await trees.warm_up(base)

    def _wanted(self, trees: Worktrees) -> int:
        """How many warm worktrees the rig shall have: what it may need at once, within what they may cost."""
        free = shutil.disk_usage(trees.clone.paths.root).free
        if free < _ROOMY * self._settings.min_free_bytes:
            return 0
        affordable = min(_MOST_FILES // max(1, trees.size.files), free // _SHARE // max(1, trees.size.taken_bytes))
        return min(trees.at_once, self._settings.warm_worktrees, affordable)
