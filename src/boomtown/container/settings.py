"""What a container can be told when it is started, through its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from boomtown.container.protocol import REPORT_EVERY_S
from boomtown.domain.errors import BadInputError

_NAMES = {
    "report_every_s": "BOOMTOWN_REPORT_EVERY_S",
    "orphan_after_s": "BOOMTOWN_ORPHAN_AFTER_S",
    "drain_grace_s": "BOOMTOWN_DRAIN_GRACE_S",
    "shared_idle_s": "BOOMTOWN_SHARED_IDLE_S",
    "warm_worktrees": "BOOMTOWN_WARM_WORKTREES",
    "min_free_bytes": "BOOMTOWN_MIN_FREE_BYTES",
}


@dataclass(frozen=True)
class Settings:
    """Names ending in `_s` are seconds.

    `orphan_after_s`: how long to go on without a server. `shared_idle_s`: how long an agent process that serves many
    stays when it has nobody to serve. `warm_worktrees`: how many at the most to keep checked out in
    advance for each rig. `min_free_bytes`: no worktree is made on a disk with less.
    """

    report_every_s: float = REPORT_EVERY_S
    orphan_after_s: float = 900.0
    drain_grace_s: float = 10.0
    shared_idle_s: float = 30.0
    warm_worktrees: int = 50
    min_free_bytes: int = 200_000_000

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings in `environ`, with defaults. Raises `BadInputError` for what is no number."""
        values: dict[str, float | int] = {}
        for field, name in _NAMES.items():
            if (text := environ.get(name)) is not None:
                kind = int if isinstance(getattr(cls, field), int) else float
                try:
                    values[field] = kind(text)
                except ValueError as error:
                    raise BadInputError(f"{name} is {text!r}; it must be a number.") from error
        return cls(**values)  # type: ignore[arg-type]

    def to_env(self) -> dict[str, str]:
        """The environment that gives a container these settings."""
        return {name: str(getattr(self, field)) for field, name in _NAMES.items()}
