"""What a home's clones hold while neither server nor container runs: every process ended, all work on branches."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from boomtown.container import card, trees, unmarked, work
from boomtown.container.clones import Clone, Clones
from boomtown.container.git import TOWN_EMAIL, TOWN_NAME, Git
from boomtown.container.processes import Processes
from boomtown.container.protocol import DisposeSpec
from boomtown.container.worktrees import Worktrees
from boomtown.home.paths import Home

BRANCHES = "refs/heads/polecat/"
BEADS = "refs/boomtown/beads/"


@dataclass(frozen=True)
class Salvage:
    """One rig's clone: branches of polecats and ends of beads with their tips, and what has landed.

    `landed`: the commit on the default branch by bead id. `emptied`: the branches whose worktrees were taken away, with
    what was uncommitted kept on them.
    """

    branches: dict[str, str] = field(default_factory=dict)
    beads: dict[str, str] = field(default_factory=dict)
    landed: dict[str, str] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()


def end_processes(home: Home, home_id: str) -> int:
    """Kill the container and everything that carries the home's mark; how many processes that were. Blocking.

    Nobody else may be starting a container meanwhile: the caller holds the server's lock. Raises `TimeoutError`.
    """
    container = card.find(home)
    if container is not None:
        card.kill(container)
    return (container is not None) + trees.sweep(home_id, unmarked.recall(home), str(home.rigs))


def salvage(home: Home, home_id: str, default_branches: Mapping[str, str]) -> dict[str, Salvage]:
    """Each rig's clone, by the rig's name, once its worktrees are empty. Blocking; only after `end_processes`."""

    async def all_of_them() -> dict[str, Salvage]:
        clones = Clones(home, Git(Processes(), home_id))
        return {name: await _of(clones.get(name), default_branches.get(name)) for name in clones.names()}

    return asyncio.run(all_of_them())


async def empty_worktree(clone: Clone, slug: str) -> str:
    """Take one worktree away that no run has; its uncommitted files are kept on its branch, which is returned."""
    worktrees = Worktrees(clone, asyncio.Semaphore(1))
    branch = await _empty(worktrees, slug)
    await worktrees.empty_trash()
    return branch


async def _of(clone: Clone, default_branch: str | None) -> Salvage:
    worktrees = Worktrees(clone, asyncio.Semaphore(1))
    worktrees.tidy()
    emptied = [branch for slug in slugs(clone) if (branch := await _empty(worktrees, slug))]
    await worktrees.empty_trash()
    refs = (await clone.run("for-each-ref", "--format=%(refname) %(objectname)", BRANCHES, BEADS)).text.splitlines()
    tips = dict(line.split(" ", 1) for line in refs)
    return Salvage(
        {name.removeprefix("refs/heads/"): tip for name, tip in tips.items() if name.startswith(BRANCHES)},
        {name.removeprefix(BEADS): tip for name, tip in tips.items() if name.startswith(BEADS)},
        await _landed(clone, default_branch),
        tuple(emptied),
    )


def slugs(clone: Clone) -> list[str]:
    """The worktrees of a rig that runs have or had."""
    folder = clone.paths.worktrees
    kept = {clone.paths.warm.name, clone.paths.scratch.name}
    found = [path.name for path in folder.iterdir() if path.is_dir()] if folder.exists() else []
    return sorted(name for name in found if name not in kept and not name.startswith("."))


async def _empty(worktrees: Worktrees, slug: str) -> str:
    """Take one worktree away; what was uncommitted becomes a WIP commit on its branch, whose name is returned."""
    branch = worktrees.made_for(slug) or f"polecat/{slug}/found-{uuid.uuid4().hex[:6]}"
    spec = DisposeSpec(
        rig=worktrees.clone.name,
        run_id=f"found-{uuid.uuid4()}",
        worktree_slug=slug,
        branch=branch,
        wip="branch",
        wip_subject=f"wip: {slug}, found without a run",
        author_name=TOWN_NAME,
        author_email=TOWN_EMAIL,
        base_branch="",
    )
    await work.dispose(worktrees, spec)
    return branch


async def _landed(clone: Clone, default_branch: str | None) -> dict[str, str]:
    base = await clone.base(default_branch) if default_branch else None
    if base is None:
        return {}
    form = "--format=%H %(trailers:key=Bead,valueonly,separator=%x20)"
    lines = (await clone.run("log", form, base)).text.splitlines()
    pairs = [line.split() for line in lines]
    return {bead: commit for commit, *beads in reversed(pairs) for bead in beads}
