"""Reading a ref without a process; the layout is git's own, see gitrepository-layout(5). Writing is git's."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from boomtown.container.plain import read_line

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def is_commit(text: str) -> bool:
    """Whether it is the full name of an object, and nothing else."""
    return _COMMIT.fullmatch(text) is not None


def read_ref(repo: Path, name: str) -> str | None:
    """The commit that `name` (a full one, `refs/…`) points to in a repository of ours; None if there is no such ref."""
    with contextlib.suppress(OSError):
        value = read_line(repo / name)
        if _COMMIT.fullmatch(value):
            return value
    with contextlib.suppress(OSError), open(repo / "packed-refs") as packed:
        ending = f" {name}\n"
        for line in packed:
            if line.endswith(ending) and _COMMIT.fullmatch(line[: -len(ending)]):
                return line[: -len(ending)]
    return None
