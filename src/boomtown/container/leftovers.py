"""What can lie around in a rig's clone, and how each of it is mended. Nothing that may be work is ever deleted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from boomtown.container.clones import Clone
from boomtown.container.git import GitError
from boomtown.container.salvage import BRANCHES, empty_worktree, slugs

LOCK_AGE_S = 600.0
"""A lock file of git that is older than this was left by a process that is gone."""
PARKED = "refs/boomtown/parked/"


@dataclass(frozen=True)
class Leftover:
    """One thing: what it is called, a sentence about it, and what mending it does."""

    kind: str
    name: str
    text: str
    cure: str


async def leftovers(clone: Clone, worktrees: Collection[str], branches: Collection[str]) -> list[Leftover]:
    """What nobody knows any more, in the order to mend it in. `worktrees`: paths of runs; `branches`: of beads."""
    found = [
        Leftover("lock", str(path), f"{path} was left by a git that is gone.", "it is removed")
        for path in _locks(clone)
    ]
    found += [
        Leftover(
            "worktree", slug, f"The worktree {clone.paths.worktree(slug)} belongs to no run.",
            "its files are committed to its branch, then it is removed",
        )
        for slug in slugs(clone)
        if str(clone.paths.worktree(slug)) not in worktrees
    ]  # fmt: skip
    refs = (await clone.run("for-each-ref", "--format=%(refname)", BRANCHES)).text.split()
    found += [
        Leftover("branch", name, f"The branch {name} belongs to no bead.", f"it is kept as {PARKED}{name}")
        for name in (ref.removeprefix("refs/heads/") for ref in refs)
        if name not in branches
    ]
    return found


async def mend(clone: Clone, leftover: Leftover) -> None:
    """Only while no container runs."""
    match leftover.kind:
        case "worktree":
            await empty_worktree(clone, leftover.name)
        case "branch":
            tip = clone.branch(leftover.name)
            if tip is not None:
                await clone.move_refs(
                    f"update {PARKED}{leftover.name} {tip}", f"delete refs/heads/{leftover.name} {tip}"
                )
        case "lock":
            _remove(leftover.name)


async def remote_problem(clone: Clone) -> str | None:
    """What the remote says if it can't be reached."""
    try:
        await clone.speak("ls-remote", "--quiet", "town", "HEAD")
    except GitError as error:
        return error.message
    return None


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _locks(clone: Clone) -> Iterator[Path]:
    now = time.time()
    places = [*clone.repo.glob("*.lock"), *clone.repo.glob("refs/**/*.lock"), *clone.repo.glob("worktrees/*/*.lock")]
    return (path for path in places if now - path.stat().st_mtime > LOCK_AGE_S)
