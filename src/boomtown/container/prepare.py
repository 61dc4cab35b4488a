"""Everything between “start this run” and its first instruction: branch, worktree, newest default branch, HOME."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from boomtown.container import work
from boomtown.container.clones import Clone
from boomtown.container.git import TOWN_EMAIL, TOWN_NAME, GitError
from boomtown.container.plain import place_below
from boomtown.container.protocol import DisposeSpec, RunSpec
from boomtown.container.worktrees import Worktrees
from boomtown.domain.branches import BRANCHES
from boomtown.domain.errors import ConflictError
from boomtown.home.clock import new_id
from boomtown.home.paths import home_environment
from boomtown.home.steps import reach

log = structlog.get_logger()


async def prepare_worktree(trees: Worktrees, spec: RunSpec) -> tuple[str, ...]:
    """The run's worktree on its branch; returns the files in conflict that a rework left in it.

    Raises `UnavailableError` (disk, remote); then there is no worktree. Whatever an earlier run left at this place is
    kept on the branch first.
    """
    clone, slug = trees.clone, spec.worktree_slug
    trees.check_disk()
    if spec.old_branch and spec.old_branch != spec.branch:
        await _rename_branch(clone, spec.old_branch, spec.branch)
    if spec.rework or clone.branch(spec.branch) is None:
        await clone.fetch(0.0 if spec.rework else spec.fetch_max_age_s)
    await give_back(trees, slug, spec.branch, spec.base_branch)
    if trees.path(slug).exists() or trees.record(slug).exists():
        await work.dispose(trees, wip_on_branch(spec))
    base = await base_or_ours(clone, spec.base_branch)
    try:
        await trees.create(slug, spec.branch, base)
        conflicts = await _merge_newest(trees, spec, base) if spec.rework and base is not None else ()
    except BaseException:
        trees.remove(trees.path(slug), slug)  # half of it is nobody's work
        raise
    reach("worktree made")
    trees.finish(slug)
    return conflicts


async def give_back(trees: Worktrees, slug: str, branch: str, base_branch: str) -> None:
    """A person's shell may have left the worktree of another bead at this place: keep its work on its own branch."""
    other = trees.made_for(slug)
    if other is None or other == branch or not other.startswith(BRANCHES):
        return
    log.warning("worktree.of_another_bead", rig=trees.clone.name, slug=slug, branch=other)
    name, prefix = other.removeprefix(BRANCHES).split("/", 1)
    await work.dispose(
        trees,
        DisposeSpec(
            rig=trees.clone.name,
            run_id=new_id(),
            worktree_slug=slug,
            branch=other,
            wip="branch",
            wip_subject=f"wip: {name} {prefix}",
            author_name=TOWN_NAME,
            author_email=TOWN_EMAIL,
            base_branch=base_branch,
        ),
    )


async def base_or_ours(clone: Clone, default_branch: str) -> str | None:
    """What new branches start at, and what a branch's own commits are ahead of."""
    try:
        return await clone.base(default_branch)
    except ConflictError as error:  # landing will say so to people; a new branch can begin at what we landed
        log.warning("base.conflict", rig=clone.name, error=error.message)
        return clone.ref(f"refs/remotes/origin/boomtown/{default_branch}")


async def _rename_branch(clone: Clone, old: str, new: str) -> None:
    tip = clone.branch(old)
    if tip is None:
        return
    if (there := clone.branch(new)) is not None and there != tip:
        raise ConflictError(f"{old} can't be renamed: there is a branch {new} with other commits.")
    create = [] if there else [f"create refs/heads/{new} {tip}"]
    await clone.move_refs(*create, f"delete refs/heads/{old} {tip}")


async def _merge_newest(trees: Worktrees, spec: RunSpec, base: str) -> tuple[str, ...]:
    """Merge the newest default branch into the bead's branch; a conflict stays in the worktree, to be solved there."""
    slug, tip = spec.worktree_slug, trees.clone.branch(spec.branch)
    if tip is None or await trees.clone.contains(tip, base):
        return await _marked(trees, base, tip)
    message = f"Merge {spec.base_branch} into {spec.branch}\n\nBoomtown-Made: {work.MADE_MERGE}"
    merged = await trees.in_worktree(
        slug, "merge", "--quiet", "--no-ff", "--no-edit", "--allow-unrelated-histories", "-m", message, base, ok=None
    )
    if merged.code == 0:
        return await _marked(trees, base, trees.clone.branch(spec.branch))
    left = await trees.in_worktree(slug, "diff", "--name-only", "--diff-filter=U", "-z")
    if not (trees.record(slug) / "MERGE_HEAD").exists():
        raise GitError(f"git merge failed: {merged.words}")
    return left.names


async def _marked(trees: Worktrees, base: str, tip: str | None) -> tuple[str, ...]:
    """Conflicts of an earlier rework that were committed as work in progress."""
    return await work.marked_files(trees.clone, base, tip) if tip else ()


def wip_on_branch(spec: RunSpec) -> DisposeSpec:
    """How to keep this run's work where no server says it."""
    return DisposeSpec(
        rig=spec.rig,
        run_id=spec.run_id,
        worktree_slug=spec.worktree_slug,
        branch=spec.branch,
        wip="branch",
        wip_subject=spec.wip_subject,
        author_name=spec.author_name,
        author_email=spec.author_email,
        base_branch=spec.base_branch,
    )


def prepare_home(home: Path, spec: RunSpec) -> dict[str, str]:
    """The polecat's own HOME, with its name for git; returns the environment that leads there.

    It is kept over the attempts of a bead. The identity is in the XDG place, so that `git config --global` of the
    agent has a file of its own.
    """
    env = home_folders(home)
    identity = place_below(home, ".config/git/config")
    identity.write_text(f"[user]\n\tname = {_quote(spec.author_name)}\n\temail = {_quote(spec.author_email)}\n")
    place_below(home, ".gitconfig").touch()
    return env


def home_folders(home: Path) -> dict[str, str]:
    """Make a HOME with the XDG folders and a place for temporary files, private; returns the environment."""
    env = home_environment(home)
    for folder in env.values():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {name: os.fspath(path) for name, path in env.items()}


def _quote(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
