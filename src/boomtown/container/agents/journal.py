"""What a polecat's HOME remembers of its session, so that a later run can go on with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Page:
    """`session` of the agent `agent` in the folder `cwd`, held last by `run`; `words`: a digest of what the bead said.

    `delivered`: ids of messages that a session of this polecat took. `shared`: its sessions in processes that have
    those of others, too.
    """

    agent: str = ""
    session: str | None = None
    cwd: str = ""
    run: str = ""
    words: str = ""
    delivered: tuple[str, ...] = field(default=())
    shared: tuple[str, ...] = field(default=())


class Journal:
    """One page, written whole or not at all."""

    def __init__(self, home: Path) -> None:
        self._path = home / ".boomtown" / "session.json"
        self.page = self._read()

    def _read(self) -> Page:
        try:
            known: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            known["delivered"] = tuple(known["delivered"])
            known["shared"] = tuple(known.get("shared", ()))
            return Page(**known)
        except (OSError, ValueError, KeyError, TypeError):
            return Page()

    def write(self, **changes: Any) -> None:
        """Change some of it, if it is a change."""
        page = replace(self.page, **changes)
        if page == self.page:
            return
        self.page = page
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(page)), encoding="utf-8")
        draft.replace(self._path)

    def can_resume(self, agent: str, cwd: str) -> bool:
        return self.page.session is not None and (self.page.agent, self.page.cwd) == (agent, cwd)
