"""What a run's agent is told: the bead, as the server wrote it, and what only the container can see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from boomtown.container.plain import read_below
from boomtown.container.protocol import ROLE_FILE, RunSpec

LONGEST_ROLE = 64 * 1024
"""Bytes."""


def whole_prompt(spec: RunSpec, worktree: Path, conflicts: Sequence[str]) -> str:
    """The prompt with the rules of the role, and the files in conflict if there are."""
    parts = [spec.prompt]
    if role := _role(spec, worktree):
        parts.append(f"\n{role}\n")
    if conflicts and spec.conflict_note:
        files = "\n".join(f"- {name if name.isprintable() else repr(name)}" for name in conflicts)
        parts.append(f"\n\n{spec.conflict_note.replace('{files}', files)}\n")
    return "".join(parts)


def _role(spec: RunSpec, worktree: Path) -> str:
    """The repository's own words, else the home's; `{name}`, `{rig}` and `{branch}` are filled in."""
    text = spec.role
    if text and (own := read_below(worktree, ROLE_FILE, LONGEST_ROLE)) is not None:
        text = own.decode("utf-8", "replace")
    for name, value in (("name", spec.name), ("rig", spec.rig), ("branch", spec.branch)):
        text = text.replace(f"{{{name}}}", value)
    return text.strip()
