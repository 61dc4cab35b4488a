"""Making a worktree readable for git again, whatever an agent did to git's own files in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import structlog

from boomtown.container.clones import Clone
from boomtown.container.git import GitError
from boomtown.container.plain import read_plain
from boomtown.container.refs import is_commit
from boomtown.container.worktrees import Worktrees

log = structlog.get_logger()

T = TypeVar("T")


async def mended(trees: Worktrees, slug: str, branch: str, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives; if git could not do it, once more after mending what can be mended. Raises `GitError`."""
    drop_strange_files(trees.clone, trees.record(slug), branch)
    try:
        return await work()
    except GitError as error:
        if not await _mend(trees, slug, branch):
            raise
        log.warning("worktree.mended", rig=trees.clone.name, branch=branch, git=error.message)
        return await work()


def drop_strange_files(clone: Clone, record: Path, branch: str) -> None:
    """Take away links and pipes where git has files, and a branch that stands for another one."""
    ref = clone.repo / "refs" / "heads" / branch
    for folder in (record, ref.parent):
        if folder.is_dir() and not folder.is_symlink():
            for entry in os.scandir(folder):
                kind = entry.stat(follow_symlinks=False).st_mode
                if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                    Path(entry.path).unlink()
    if ref.is_file() and read_plain(ref, 5) == b"ref: ":
        ref.unlink()


async def _mend(trees: Worktrees, slug: str, branch: str) -> bool:
    """Whether anything was mended: a branch or HEAD at a commit that is not all there, an index that can't be used."""
    clone, record = trees.clone, trees.record(slug)
    tip = was = clone.branch(branch)
    if was is not None and not await _is_whole(clone, was):
        tip = await _earlier(clone, branch)
        (clone.repo / "refs" / "heads" / branch).unlink(missing_ok=True)
        if tip is not None:
            await clone.move_refs(f"update refs/heads/{branch} {tip}")
        log.warning("branch.set_back", rig=clone.name, branch=branch, lost=was, tip=tip)
    changed = tip != was
    if trees.exists(slug) and not await _works(trees, slug, "log", "-1", "HEAD", "--"):
        (record / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        changed = True
    if trees.exists(slug) and not ((record / "index").exists() and await _works(trees, slug, "write-tree")):
        (record / "index").unlink(missing_ok=True)
        if tip is not None:
            await trees.in_worktree(slug, "read-tree", tip)
        changed = True
    return changed


async def _works(trees: Worktrees, slug: str, *args: str) -> bool:
    return (await trees.in_worktree(slug, *args, ok=None)).code == 0


async def _is_whole(clone: Clone, commit: str) -> bool:
    """Whether all that the commit needs, and no other branch has, is in the clone."""
    others = ("--not", "--remotes=origin")
    found = await clone.run("rev-list", "--objects", "--quiet", commit, *others, ok=None)
    return found.code == 0


async def _earlier(clone: Clone, branch: str) -> str | None:
    """The newest commit at which the branch ever was and that is whole."""
    try:
        lines = read_plain(clone.repo / "logs" / "refs" / "heads" / branch).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    known = [word for line in reversed(lines) for word in line.split(" ")[1::-1] if is_commit(word)]
    for commit in dict.fromkeys(known):
        if commit.strip("0") and await _is_whole(clone, commit):
            return commit
    return None
