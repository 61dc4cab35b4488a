"""Git LFS, for rigs with `lfs = true`: large files in worktrees, and on the remote before what names them.

The filter that git runs is in the configuration that only the town writes (see `guard`), as is the address that objects
come from: that of `.lfsconfig` on the default branch, which people have let in. What a polecat's branch says there is
not believed. All worktrees share one store of objects, which nothing is ever deleted from.

Where a rig has no LFS, a filter of the user's own configuration is switched off: it would put the only copy of a file
into a store that is never pushed.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import structlog

from boomtown.container.clones import Clone
from boomtown.container.git import GitError
from boomtown.container.prepare import base_or_ours
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import BoomtownError

log = structlog.get_logger()

MISSING = "git-lfs is not installed. Install it (for instance `apt-get install git-lfs`)"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_LARGEST_POINTER = 1024
_AT_ONCE = 200


class LfsError(BoomtownError):
    """Large files could not be brought or sent."""

    code = "LFS_FAILED"


async def fill(trees: Worktrees, slug: str, path: Path, default_branch: str) -> None:
    """Put the large files into the worktree at `path`, where pointers to them are. Raises `LfsError`, with the cure."""
    clone = trees.clone
    _check_tool(clone)
    clone.use_lfs(await _address(clone, default_branch))
    record = trees.record(slug)
    commit = await clone.run("rev-parse", "--verify", "--quiet", "HEAD", cwd=path, git_dir=record, ok=(0, 1))
    if commit.code != 0:
        return
    try:
        await clone.speak_lfs("fetch", "town", commit.text)
        await clone.run("lfs", "checkout", cwd=path, git_dir=record, work_tree=path)
    except GitError as error:
        raise LfsError(f"The large files (Git LFS) could not be brought: {error.message}") from error


async def send(clone: Clone, commit: str) -> None:
    """Bring the large files to the remote that `commit` names and no branch over there does.

    Raises `LfsError` where one of them is nowhere, or the remote does not take it.
    """
    if not clone.uses_lfs:
        return
    _check_tool(clone)
    wanted = await _named(clone, commit)
    missing = {oid for oid, size in wanted.items() if not _has(clone, oid, size)}
    if missing:  # an agent may have named what is only on the remote
        fetched = await clone.speak_lfs("fetch", "town", commit, ok=None)
        missing = {oid for oid in missing if not _has(clone, oid, wanted[oid])}
        if missing:
            names = ", ".join(sorted(missing)[:3])
            raise LfsError(f"The branch names large files (Git LFS) that are nowhere: {names}. {fetched.words}")
    there = sorted(wanted)
    for start in range(0, len(there), _AT_ONCE):
        done = await clone.speak_lfs("push", "--object-id", "town", *there[start : start + _AT_ONCE], ok=None)
        if done.code != 0:
            raise LfsError(f"Large files (Git LFS) could not be sent: {done.words}")
    if there:
        log.info("lfs.sent", rig=clone.name, commit=commit, objects=len(there))


def _check_tool(clone: Clone) -> None:
    if shutil.which("git-lfs") is None:
        raise LfsError(f"The rig uses Git LFS, but {MISSING}, or `boomtown rig set {clone.name} lfs=false`.")


async def _address(clone: Clone, default_branch: str) -> str | None:
    base = await base_or_ours(clone, default_branch)
    if base is None:
        return None
    said = await clone.run("config", "--blob", f"{base}:.lfsconfig", "--get", "lfs.url", ok=None)
    return said.text if said.code == 0 and said.text.isprintable() else None


async def _named(clone: Clone, commit: str) -> dict[str, int]:
    """Size by id of the objects that `commit` and what is below it name, and that no branch of the remote has."""
    small = f"--filter=blob:limit={_LARGEST_POINTER}"
    listed = await clone.run("rev-list", "--objects", small, commit, "--not", "--remotes=origin")
    names = b"".join(line.split(b" ", 1)[0] + b"\n" for line in listed.out.splitlines())
    kinds = await clone.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=names)
    blobs = b"".join(line.split()[0] + b"\n" for line in kinds.out.splitlines() if line.endswith(b" blob"))
    if not blobs:
        return {}
    found = await clone.run("cat-file", "--batch", stdin=blobs)
    return {match[1].decode(): int(match[2]) for match in _POINTER.finditer(found.out)}


def _has(clone: Clone, oid: str, size: int) -> bool:
    try:
        return (clone.large_files / "objects" / oid[:2] / oid[2:4] / oid).stat().st_size == size
    except OSError:
        return False
