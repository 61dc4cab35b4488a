"""Merging a branch onto the newest default branch without a checkout, and what a branch changes."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import replace

import structlog

from boomtown.container.clones import Clone
from boomtown.container.git import GitError
from boomtown.container.plain import copy_plain
from boomtown.container.protocol import Diff, DiffSpec, MergePlan, MergeSpec
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import NotFoundError

log = structlog.get_logger()

_SUBJECTS = 10
_DIFF_BYTES = 8_000_000


async def plan_merge(clone: Clone, spec: MergeSpec) -> MergePlan:
    """Fetch, then merge in memory; see `ContainerClient.merge`. No ref is moved.

    Raises `NotFoundError` without the branch, `ConflictError` (BASE_CONFLICT) if the default branch and its
    `boomtown/` stand-in can't be joined.
    """
    await clone.fetch()
    tip = clone.branch(spec.branch)
    if tip is None:
        raise NotFoundError(f"The rig {spec.rig!r} has no branch {spec.branch!r}.")
    base = await clone.base(spec.base_branch)
    if base is None:
        tree = await _tree(clone, tip)
        commit = tip if spec.style == "merge" else await _commit(clone, spec, tree)
        return MergePlan(base=None, base_tree=None, tip=tip, commit=commit, tree=tree)
    base_tree = await _tree(clone, base)
    merged = await clone.run(
        "merge-tree", "--write-tree", "--allow-unrelated-histories", "-z", "--name-only", base, tip, ok=(0, 1)
    )
    tree, *rest = merged.out.decode("utf-8", "surrogateescape").split("\0")
    if merged.code == 1:
        files = tuple(dict.fromkeys(rest[: rest.index("")]))
        others = await _commits_on(clone, base, tip, files)
        return MergePlan(base=base, base_tree=base_tree, tip=tip, conflicts=files, conflict_commits=others)
    if tree == base_tree:  # so it is, too, where the base contains the branch
        return MergePlan(base=base, base_tree=base_tree, tip=tip, already_merged=True)
    parents = (base, tip) if spec.style == "merge" else (base,)
    commit = await _commit(clone, spec, tree, *parents)
    return MergePlan(base=base, base_tree=base_tree, tip=tip, commit=commit, tree=tree)


async def _commit(clone: Clone, spec: MergeSpec, tree: str, *parents: str) -> str:
    words = [word for parent in parents for word in ("-p", parent)]
    author = {"GIT_AUTHOR_NAME": spec.author_name, "GIT_AUTHOR_EMAIL": spec.author_email}
    message = spec.message.encode("utf-8", "replace")
    return (await clone.run("commit-tree", tree, *words, "-F", "-", stdin=message, env=author)).text


async def _tree(clone: Clone, commit: str) -> str:
    return (await clone.run("rev-parse", "--verify", f"{commit}^{{tree}}")).text


async def _commits_on(clone: Clone, base: str, tip: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Subjects of the commits on the default branch, since the branch left it, that touched these files."""
    paths = [f":(top,literal){name}" for name in files]
    log_of = ("log", "--no-merges", f"--max-count={_SUBJECTS}", "--format=%s", base, f"^{tip}", "--")
    found = await clone.run(*log_of, *paths)
    return tuple(dict.fromkeys(found.out.decode("utf-8", "replace").splitlines()))


async def head(clone: Clone, default_branch: str) -> tuple[str, str] | None:
    """Commit and tree of the default branch after a fetch; None for an empty repository."""
    await clone.fetch()
    commit = await clone.base(default_branch)
    return (commit, await _tree(clone, commit)) if commit else None


async def unmerged_branches(clone: Clone, default_branch: str) -> list[str]:
    """Polecats' branches that the default branch does not contain."""
    base = await clone.base(default_branch)
    only = [f"--no-merged={base}"] if base else []
    listed = await clone.run("for-each-ref", "--format=%(refname:lstrip=2)", *only, "refs/heads/polecat")
    return listed.text.splitlines()


async def retire_branch(clone: Clone, branch: str, bead_id: str) -> None:
    """Delete a branch; its tip stays at `kept_as`. Again: nothing happens.

    What stayed there of an earlier branch of the bead, that was discarded, moves aside.
    """
    tip, before = clone.branch(branch), clone.ref(kept_as(bead_id))
    if tip is None:
        return
    aside = []
    if before is not None and not await clone.contains(tip, before):
        aside = [f"update {DISCARDED}{bead_id}/{before} {before}"]
    await clone.move_refs(*aside, f"update {kept_as(bead_id)} {tip}", f"delete refs/heads/{branch} {tip}")


DISCARDED = "refs/boomtown/discarded/"
"""Below it, by bead and commit: tips of branches that were discarded before the bead was taken up again."""


def kept_as(bead_id: str) -> str:
    """Where the tip of a bead's branch stays once the branch is gone."""
    return f"refs/boomtown/beads/{bead_id}"


async def diff(trees: Worktrees, spec: DiffSpec, base: str | None) -> Diff:
    """What a bead changes since its branch left the default branch; see `ContainerClient.diff`.

    While live with uncommitted and untracked files; once landed what landed; once discarded what was kept.
    """
    clone, slug = trees.clone, spec.worktree_slug
    live = slug is not None and trees.exists(slug)
    tip = clone.branch(spec.branch) or clone.ref(kept_as(spec.bead_id)) or (base if live else None)
    if tip is None and not live:
        raise NotFoundError(f"There is no branch {spec.branch!r} yet.")
    if spec.landed and not live:
        start, end = await _before(clone, spec.landed), spec.landed
    else:
        start = await clone.fork_point(base, tip) if tip else await _empty_tree(clone)
        try:
            end = await _live_tree(trees, slug) if live and slug else tip
        except (GitError, OSError):
            if slug is None or trees.exists(slug):
                raise
            return await diff(trees, replace(spec, worktree_slug=None), base)  # it was taken away, its work kept
    compare = ("diff", "--no-ext-diff", "--no-textconv", "--find-renames", start, end or start)
    text = (await clone.run(*compare)).out
    stat = (await clone.run(*compare, "--stat=100")).out
    if len(text) > _DIFF_BYTES:
        text = text[:_DIFF_BYTES] + f"\n[The rest of {len(text)} bytes is left out.]\n".encode()
    return Diff(text=text.decode("utf-8", "replace"), stat=stat.decode("utf-8", "replace"), base=start, tip=tip)


async def _before(clone: Clone, commit: str) -> str:
    """The first parent of a commit; the empty tree for the first of a repository."""
    _, *parents = (await clone.run("rev-list", "--parents", "--max-count=1", commit)).text.split()
    return parents[0] if parents else await _empty_tree(clone)


async def _empty_tree(clone: Clone) -> str:
    return (await clone.run("mktree", stdin=b"")).text


async def _live_tree(trees: Worktrees, slug: str) -> str:
    """The files of a worktree that is being worked in, as a tree; its own index is left alone."""
    record = trees.record(slug)
    index = record / f"diff-index-{uuid.uuid4().hex}"
    try:
        with contextlib.suppress(OSError):
            copy_plain(record / "index", index)
        env = {"GIT_INDEX_FILE": str(index)}
        await trees.in_worktree(slug, "add", "--all", "--ignore-errors", ":/", env=env, ok=None)
        return (await trees.in_worktree(slug, "write-tree", env=env)).text
    finally:
        index.unlink(missing_ok=True)
