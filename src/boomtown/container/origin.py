"""A repository on this machine that a rig was made from: what is checked out there, and how landings reach it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from boomtown.container.clones import Clone
from boomtown.container.urls import local_path

Checkouts = tuple[tuple[Path, str | None], ...]


@dataclass(frozen=True)
class LocalOrigin:
    """A local origin as it was found. `checkouts` has each work tree with its full branch name (None: detached)."""

    clone: Clone
    path: Path
    git_dir: Path
    checkouts: Checkouts
    unborn: str | None
    """The branch that HEAD names although it has no commit yet."""

    @classmethod
    async def of(cls, clone: Clone) -> LocalOrigin | None:
        """The origin of this clone; None if it is elsewhere."""
        path = local_path(clone.url)
        if path is None:
            return None
        git_dir = Path((await clone.plain("rev-parse", "--absolute-git-dir", cwd=path)).text)
        checkouts = await _checkouts(clone, path)
        head = await clone.plain("symbolic-ref", "--quiet", "--short", "HEAD", cwd=path, ok=(0, 1))
        return cls(clone, path, git_dir, checkouts, head.text or None)

    def checked_out(self, branch: str) -> Path | None:
        """The work tree that has `branch` checked out; such a branch is never moved."""
        return _with_branch(self.checkouts, branch)

    @property
    def writable(self) -> bool:
        """Whether this user may add objects and refs."""
        return all(os.access(self.git_dir / name, os.W_OK | os.X_OK) for name in ("objects", "refs"))

    async def notes(self, default: str) -> list[str]:
        """Sentences about what is in the checkout and polecats won't see."""
        notes: list[str] = []
        here = self.checked_out(default)
        if here:
            notes.append(
                f"{default} is checked out in {here}, so landings go to boomtown/{default} there; "
                f"`boomtown pull {self.clone.name}` brings them into the checkout."
            )
        for path, _ in self.checkouts:
            if path.exists() and (count := await self._uncommitted(path)):
                files = "1 file in" if count == 1 else f"{count} files in"
                notes.append(f"{files} {path} are not committed: polecats won't see them. Commit what they need.")
        if ahead := await self._branches_ahead(default):
            notes.append(f"Polecats start at {default}; they won't see the commits that are only on {ahead}.")
        return notes

    async def _uncommitted(self, path: Path) -> int:
        status = await self.clone.plain("status", "--porcelain", "-z", "--no-renames", cwd=path)
        return len(status.names)

    async def _branches_ahead(self, default: str) -> str:
        """Branches with commits that the default branch lacks, for people."""
        if self.clone.ref(f"refs/remotes/origin/{default}") is None:
            return ""
        form = "--format=%(refname:lstrip=3)"
        base = f"--no-merged=refs/remotes/origin/{default}"
        listed = await self.clone.run("for-each-ref", form, base, "refs/remotes/origin")
        names = [name for name in listed.text.splitlines() if not name.startswith(("polecat/", "boomtown/"))]
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more branches" if len(names) > 5 else "")


async def checked_out_there(clone: Clone, branch: str) -> bool:
    """Whether the origin is on this machine and has `branch` checked out: one look, for each landing."""
    path = local_path(clone.url)
    return path is not None and _with_branch(await _checkouts(clone, path), branch) is not None


async def _checkouts(clone: Clone, path: Path) -> Checkouts:
    return tuple(_parse((await clone.plain("worktree", "list", "--porcelain", "-z", cwd=path)).out))


def _with_branch(checkouts: Checkouts, branch: str) -> Path | None:
    return next((path for path, name in checkouts if name == f"refs/heads/{branch}"), None)


def _parse(listed: bytes) -> list[tuple[Path, str | None]]:
    """Work trees and branches in `git worktree list --porcelain -z`; bare repositories have none."""
    found: list[tuple[Path, str | None]] = []
    for block in listed.decode("utf-8", "surrogateescape").split("\0\0"):
        lines = {key: value for key, _, value in (line.partition(" ") for line in block.split("\0"))}
        if "worktree" in lines and "bare" not in lines:
            found.append((Path(lines["worktree"]), lines.get("branch")))
    return found
