"""Worktrees: one folder per live run, made in one git process, or in none but a rename if a warm one is there.

`git worktree add` makes its record in several steps, and other git commands fail when they meet a half-made one. So the
record (gitrepository-layout(5): `worktrees/<id>/{HEAD,commondir,gitdir,locked}`) is written aside and renamed into
place, and renamed out again before it is deleted. `locked` keeps a `git worktree prune` of an agent away from it;
`unfinished` says that no agent has been there yet: after a crash, what it holds is nobody's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from boomtown.container.clones import Clone
from boomtown.container.git import Done
from boomtown.container.plain import read_line
from boomtown.container.protocol import AT_ONCE
from boomtown.domain.errors import UnavailableError
from boomtown.home.steps import reach

log = structlog.get_logger()

MIN_FREE_BYTES = 200_000_000
_WARM_NEW = ".new-"
_UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Size:
    """What a worktree takes of a disk."""

    files: int
    taken_bytes: int


class Worktrees:
    """The worktrees of one rig."""

    def __init__(self, clone: Clone, checkouts: asyncio.Semaphore, min_free_bytes: int = MIN_FREE_BYTES) -> None:
        """`checkouts` bounds how many folders are filled with files at a time, over all rigs."""
        self.clone = clone
        self._checkouts = checkouts
        self._min_free = min_free_bytes
        self._records = clone.repo / "worktrees"
        self._emptying = False
        self.at_once = AT_ONCE
        """How many runs the rig may have at a time."""
        self.size = Size(0, 0)
        """Of the first warm worktree; nothing while that is not known."""

    def path(self, slug: str) -> Path:
        return self.clone.paths.worktree(slug)

    def record(self, slug: str) -> Path:
        """Git's own folder for the worktree: HEAD, index, a merge in progress."""
        return self._records / slug

    def exists(self, slug: str) -> bool:
        """Whether folder and record are both there, and were whole once."""
        real = all(path.is_dir() and not path.is_symlink() for path in (self.path(slug), self.record(slug)))
        return real and not self.half_made(slug)

    def half_made(self, slug: str) -> bool:
        """Whether no run was in this worktree yet."""
        return (self.record(slug) / _UNFINISHED).exists()

    def made_for(self, slug: str) -> str | None:
        """The branch that a worktree was made for, whatever its HEAD says by now; None without a worktree.

        HEAD is believed only where there is no word of the town, and it names a branch that can be nobody else's.
        """
        if not self.record(slug).exists():
            return None
        if (known := self.clone.guard.owned(slug)) is not None:
            return known
        with contextlib.suppress(OSError):
            head = read_line(self.record(slug) / "HEAD").removeprefix("ref: refs/heads/")
            return head if re.fullmatch(rf"polecat/{re.escape(slug)}/[\w-]+", head) else None
        return None

    def check_disk(self) -> None:
        """Raise `UnavailableError`, with figures, if the disk is too full for one more worktree."""
        free = shutil.disk_usage(self.clone.paths.root).free
        if free < self._min_free:
            raise UnavailableError(
                f"Too little disk space for a worktree: {free // 1_000_000} MB free at {self.clone.paths.root}, "
                f"{self._min_free // 1_000_000} MB needed. Free some.",
                code="DISK_FULL",
            )

    async def create(self, slug: str, branch: str, base: str | None) -> Path:
        """A worktree at the tip of `branch`, which is made at `base` if there is none; nothing must be at its place.

        With `base` None and no branch the worktree is empty, on a branch without a commit. Until `finish` it counts as
        half made.
        """
        path, head = self.path(slug), f"ref: refs/heads/{branch}"
        self.clone.guard.own(slug, branch)
        tip = self.clone.branch(branch)
        commit = tip or base
        if commit is None:
            self._register(path, slug, head)
            return path
        warm_at = self._claim_warm(slug, head)
        if warm_at is None:
            self._register(path, slug, head)
        if warm_at != commit:
            async with self._checkouts:
                # where HEAD is a branch without a commit, this makes it
                await self.in_worktree(slug, "reset", "--hard", "--quiet", commit)
        elif tip is None:
            await self.clone.run("update-ref", f"refs/heads/{branch}", commit, "")
        return path

    def finish(self, slug: str) -> None:
        """From now on, what is in the worktree is work."""
        (self.record(slug) / _UNFINISHED).unlink(missing_ok=True)

    async def in_worktree(
        self, slug: str, *args: str, ok: tuple[int, ...] | None = (0,), env: Mapping[str, str] | None = None
    ) -> Done:
        """A git command of the town in a worktree, whatever its own `.git` file says by now."""
        path = self.path(slug)
        return await self.clone.run(*args, cwd=path, git_dir=self.record(slug), work_tree=path, ok=ok, env=env)

    async def create_detached(self, path: Path, slug: str, commit: str, *, gently: bool = False) -> Path:
        """A worktree without a branch, for gates and for the warm pool. `gently`: at a low priority."""
        self._register(path, slug, commit)
        record = self.record(slug)
        async with self._checkouts:
            await self.clone.run("reset", "--hard", "--quiet", cwd=path, git_dir=record, work_tree=path, gently=gently)
        return path

    def remove(self, path: Path, slug: str) -> None:
        """Take folder and record away at once. The files are deleted by `empty_trash`.

        The folder first: one without a record would be taken for work that nobody knows, and kept.
        """
        self.discard(path)
        reach("worktree half removed")
        self.discard(self.record(slug))
        self.clone.guard.disown(slug)

    def discard(self, path: Path) -> None:
        """Move a folder or file out of everybody's sight, to be deleted."""
        if not path.is_symlink() and not path.exists():
            return
        self.clone.trash.mkdir(exist_ok=True)
        path.rename(self.clone.trash / uuid.uuid4().hex)

    def set_aside(self, path: Path, why: str) -> Path:
        """Keep something that is in the way and that git does not know, outside the worktrees."""
        self.clone.found.mkdir(exist_ok=True)
        place = self.clone.found / f"{path.name}-{uuid.uuid4().hex[:8]}"
        path.rename(place)
        log.warning("worktree.set_aside", path=str(path), kept_at=str(place), why=why)
        return place

    async def empty_trash(self) -> None:
        """Delete what was taken away, one tree at a time."""
        if self._emptying or not self.clone.trash.exists():
            return
        self._emptying = True
        tried: set[Path] = set()
        try:
            while found := set(self.clone.trash.iterdir()) - tried:
                tree = found.pop()
                tried.add(tree)
                await asyncio.to_thread(_delete, tree)
        finally:
            self._emptying = False

    def _register(self, path: Path, slug: str, head: str) -> None:
        """Make an empty worktree and its record."""
        aside = self.clone.paths.root / f".record-{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            for name, line in (
                ("HEAD", head),
                ("commondir", "../.."),
                ("gitdir", str(path / ".git")),
                ("locked", "Boomtown"),
                (_UNFINISHED, ""),
            ):
                (aside / name).write_text(f"{line}\n")
            path.mkdir(parents=True)
            reach("worktree half registered")
            (path / ".git").write_text(f"gitdir: {self.record(slug)}\n")
            self._records.mkdir(exist_ok=True)
            aside.rename(self.record(slug))
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    # warm worktrees: checked out in advance, detached, below warm/

    def warm(self) -> list[Path]:
        """The warm worktrees that can be claimed."""
        with contextlib.suppress(FileNotFoundError):
            found = (Path(entry.path) for entry in os.scandir(self.clone.paths.warm))
            return sorted(path for path in found if not path.name.startswith(_WARM_NEW))
        return []

    async def warm_up(self, commit: str) -> None:
        """Add one warm worktree."""
        name = f"warm-{uuid.uuid4().hex[:12]}"
        made, place = self.clone.paths.warm / f"{_WARM_NEW}{name}", self.clone.paths.warm / name
        try:
            await self.create_detached(made, name, commit, gently=True)
            if self.size.files == 0:
                self.size = await asyncio.to_thread(_measure, made)
            _write_line(self.record(name) / "gitdir", str(place / ".git"))
            made.rename(place)
        except BaseException:  # else each try on a machine that lacks something would leave one
            self.remove(made, name)
            raise

    def _claim_warm(self, slug: str, head: str) -> str | None:
        """Make a warm worktree the one of `slug` with this HEAD; returns the commit its files are at, None without."""
        for warm in self.warm():
            record = self.record(warm.name)
            try:
                commit = read_line(record / "HEAD")
            except OSError:  # a leftover; `tidy` takes it
                continue
            path = self.path(slug)
            _write_line(record / "HEAD", head)
            _write_line(record / "gitdir", str(path / ".git"))
            record.rename(self.record(slug))
            reach("worktree half claimed")
            _write_line(warm / ".git", f"gitdir: {self.record(slug)}")
            warm.rename(path)
            return commit
        return None

    def tidy(self) -> None:
        """After a crash: take away what is half made or half removed.

        A worktree of a run that has both folder and record stays: it may hold work, and its bead will ask for it.
        """
        for aside in self.clone.paths.root.glob(".record-*"):
            self.discard(aside)
        warm = {path.name for path in self.warm()}
        for record in list(self._records.iterdir()) if self._records.exists() else []:
            with contextlib.suppress(OSError):
                home = Path(read_line(record / "gitdir")).parent
                in_warm, in_scratch = home.parent == self.clone.paths.warm, home.parent == self.clone.paths.scratch
                half_made = in_scratch or (self.half_made(record.name) and not in_warm)
                if half_made or not home.exists() or (in_warm and home.name not in warm):
                    self.remove(home, record.name)
        for folder in (self.clone.paths.warm, self.clone.paths.scratch):
            for path in list(folder.iterdir()) if folder.exists() else []:
                if not self.record(path.name).exists():
                    self.discard(path)


def _measure(folder: Path) -> Size:
    """Files and folders below `folder`, and the bytes of disk that they take."""
    files = taken = 0
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as found:
            for entry in found:
                files += 1
                taken += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return Size(files, taken)


def _write_line(path: Path, line: str) -> None:
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(f"{line}\n")
    aside.replace(path)


def _delete(path: Path) -> None:
    """Delete a tree, also where an agent took the rights to its folders away."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return

    def make_writable(_: object, name: str, __: object) -> None:
        with contextlib.suppress(OSError):
            Path(name).parent.chmod(0o700)
            Path(name).chmod(0o700)

    shutil.rmtree(path, onerror=make_writable)
    shutil.rmtree(path, ignore_errors=True)
