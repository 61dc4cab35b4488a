"""What a worktree gets beyond what git has in it: files of the rig and of the user, caches, submodules, large files."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from boomtown.container import lfs
from boomtown.container.git import GitError
from boomtown.container.plain import is_inside, place_below
from boomtown.container.protocol import Surroundings
from boomtown.container.urls import local_path
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import BoomtownError

_EXCLUDED = "# Files that Boomtown puts into worktrees; made anew for each of them."
CACHES = (
    ".npm",
    ".cache/pip",
    ".cache/uv",
    ".cache/pnpm",
    ".cache/yarn",
    ".cache/go-build",
    ".cargo/registry",
    "go/pkg/mod",
)
"""Below HOME: caches that their programs lock, so that many may use one at a time."""


class SetupError(BoomtownError):
    """The worktree could not be made ready: the fault of the rig's settings, not of an agent."""

    code = "SETUP_FAILED"


async def furnish(trees: Worktrees, slug: str, path: Path, home: Path, around: Surroundings) -> list[str]:
    """Put files, submodules and large files into the worktree at `path`, caches and files into `home`; says so.

    What the repository has at such a place stays. Raises `SetupError` naming what is missing.
    """
    if around.caches:
        _share_caches(trees.clone.paths.root.parent.parent / "cache", home)
    if around.home_files:
        await asyncio.to_thread(_copy_home_files, around.home_files, home)
    placed = (*around.copy, *around.link)
    if placed:
        for repo in (trees.clone.repo, trees.clone.guard.view):
            _exclude(repo / "info" / "exclude", placed)
    said = [await asyncio.to_thread(_copy, trees, path, name) for name in around.copy]
    said += [_link(trees, path, name) for name in around.link]
    if around.lfs:
        try:
            await lfs.fill(trees, slug, path, around.lfs)
        except lfs.LfsError as error:
            raise SetupError(error.message) from error
        said.append("large files (Git LFS) are there")
    if around.submodules:
        await _submodules(trees, slug, path)
        said.append("submodules are checked out")
    return said


def _source(trees: Worktrees, name: str) -> Path:
    """Where a file of the rig is: in its own folder, else in the checkout that the rig was made from."""
    own, checkout = trees.clone.paths.files / name, local_path(trees.clone.url)
    if own.exists():
        return own
    if checkout is not None and (checkout / ".git").exists() and (checkout / name).exists():
        return checkout / name
    raise SetupError(f"There is no {name} to give to worktrees. Put it at {own}, or take it out of `copy` and `link`.")


def _copy(trees: Worktrees, path: Path, name: str) -> str:
    source, place = _source(trees, name), path / name
    if os.path.lexists(place):
        return f"{name}: kept the repository's own"
    try:
        _make_folder(path, place)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True)
        else:
            shutil.copy2(source, place)
    except (OSError, shutil.Error) as error:
        raise SetupError(f"{source} could not be copied into the worktree: {error}.") from error
    return f"{name}: copied from {source}"


def _link(trees: Worktrees, path: Path, name: str) -> str:
    source, place = _source(trees, name), path / name
    if os.path.lexists(place):
        return f"{name}: kept the repository's own"
    try:
        _make_folder(path, place)
        place.symlink_to(source)
    except OSError as error:
        raise SetupError(f"{name} could not be linked into the worktree: {error}.") from error
    return f"{name}: linked to {source}"


def _make_folder(path: Path, place: Path) -> None:
    """The folder that `place` is to be in; a link in the repository must not lead out of its worktree."""
    if not is_inside(path, place):
        raise SetupError(f"{place.relative_to(path)} is behind a link in the repository that leads out of it.")
    place.parent.mkdir(parents=True, exist_ok=True)


def _exclude(file: Path, names: tuple[str, ...]) -> None:
    """Keep what is put there out of every commit: git reads one such file for all worktrees."""
    lines = [_EXCLUDED, *(f"/{name}" for name in names)]
    text = "\n".join(lines) + "\n"
    file.parent.mkdir(exist_ok=True)
    if not file.exists() or file.read_text(errors="replace") != text:
        aside = file.with_name(f"exclude.{os.getpid()}")
        aside.write_text(text)
        aside.replace(file)


def _copy_home_files(names: tuple[str, ...], home: Path) -> None:
    for name in names:
        source = Path.home() / name
        if not source.is_file():
            raise SetupError(f"There is no {source} to give to polecats. Make it, or take it out of `home_files`.")
        try:
            place = place_below(home, name)
            place.unlink(missing_ok=True)
            shutil.copyfile(source, place)
            place.chmod(0o600)
        except OSError as error:
            raise SetupError(f"{source} could not be copied: {error}.") from error


def _share_caches(shared: Path, home: Path) -> None:
    """A package that one polecat fetched is there for all; a cache that a polecat has of its own stays."""
    for name in CACHES:
        place = home / name
        if not os.path.lexists(place):
            target = shared / name
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            place_below(home, name).symlink_to(target)


async def _submodules(trees: Worktrees, slug: str, path: Path) -> None:
    """By the town's own git, with the user's credentials; a local repository may have local submodules."""
    config = {"protocol.file.allow": "always"} if local_path(trees.clone.url) is not None else {}
    try:
        await trees.clone.run(
            "submodule", "--quiet", "update", "--init", "--recursive",
            cwd=path, git_dir=trees.record(slug), work_tree=path, config=config,
        )  # fmt: skip
    except GitError as error:
        raise SetupError(f"The submodules could not be checked out: {error.message}") from error
