"""A polecat's branch: `polecat/<slug>/<prefix>`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OUTSIDE = re.compile(r"[^a-z0-9]+")
PREFIX_LENGTH = 6
BRANCHES = "polecat/"


def slug(name: str) -> str:
    """The name in lower case; runs of anything outside `a-z0-9` become one `-`, none at the ends."""
    return _OUTSIDE.sub("-", name.lower()).strip("-")


def prefix(bead_id: str, others: Iterable[str]) -> str:
    """The first six characters of the bead id, more where another bead of the rig begins alike."""
    rivals = [other for other in others if other != bead_id]
    length = PREFIX_LENGTH
    while length < len(bead_id) and any(other.startswith(bead_id[:length]) for other in rivals):
        length += 1
    return bead_id[:length].rstrip("-")


def branch_name(name: str, bead_prefix: str) -> str:
    """The branch of the polecat `name` for the bead whose id begins with `bead_prefix`."""
    return f"{BRANCHES}{slug(name)}/{bead_prefix}"
