"""Worktrees without a branch, for a person who wants to try something out; the next container clears them away."""

from __future__ import annotations

import uuid
from pathlib import Path

from boomtown.container.git import GitError
from boomtown.container.prepare import home_folders
from boomtown.container.protocol import Surroundings
from boomtown.container.surroundings import furnish
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import BadInputError, NotFoundError

_BEGINNING = "try-"


async def open_scratch(trees: Worktrees, what: str, around: Surroundings) -> Path:
    """See `ContainerClient.open_scratch`."""
    trees.check_disk()
    commit = trees.clone.branch(what) or await _commit(trees, what)
    name = f"{_BEGINNING}{uuid.uuid4().hex[:12]}"
    path = trees.clone.paths.scratch / name
    try:
        await trees.create_detached(path, name, commit)
        home = trees.clone.paths.agent_home("gates")
        home_folders(home)
        await furnish(trees, name, path, home, around)
    except BaseException:
        trees.remove(path, name)
        raise
    return path


async def _commit(trees: Worktrees, what: str) -> str:
    try:
        return (await trees.clone.run("rev-parse", "--verify", "--end-of-options", f"{what}^{{commit}}")).text
    except GitError as error:
        raise NotFoundError(f"There is no commit {what} in the clone of {trees.clone.name}.") from error


def close_scratch(trees: Worktrees, name: str) -> None:
    if not name.startswith(_BEGINNING) or "/" in name:
        raise BadInputError(f"{name[:60]!r} is no folder that was made to try something out.")
    trees.remove(trees.clone.paths.scratch / name, name)
