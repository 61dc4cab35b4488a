"""What a run's branch and worktree hold once nobody writes to them any more; and keeping every byte of it.

CONTRACT section 1, “Outcome of a run”. Commits that the town makes carry the trailer `Boomtown-Made` and its identity.
"""

from __future__ import annotations

import contextlib
import uuid

import structlog

from boomtown.container.clones import Clone
from boomtown.container.git import TOWN_EMAIL
from boomtown.container.mending import mended
from boomtown.container.plain import copy_plain, read_line, read_plain
from boomtown.container.protocol import DisposeResult, DisposeSpec, Facts
from boomtown.container.refs import is_commit
from boomtown.container.worktrees import Worktrees
from boomtown.home.steps import reach

log = structlog.get_logger()

MADE_WIP = "wip"
MADE_MERGE = "merge"
_MARKER = r"^(<<<<<<<|>>>>>>>) "


async def facts(trees: Worktrees, slug: str, branch: str, base: str | None) -> Facts:
    """What git says of a run's branch and worktree. Nobody may be writing to either."""
    return await mended(trees, slug, branch, lambda: _facts(trees, slug, branch, base))


async def _facts(trees: Worktrees, slug: str, branch: str, base: str | None) -> Facts:
    await settle(trees, slug, branch)
    clone = trees.clone
    dirty = trees.exists(slug) and await is_dirty(trees, slug)
    tip = clone.branch(branch)
    if tip is None or tip == base:
        return Facts(tip=tip, dirty=dirty)
    fork = await clone.fork_point(base, tip)
    if (await clone.run("diff", "--quiet", fork, tip, ok=(0, 1))).code == 0:
        return Facts(tip=tip, dirty=dirty)
    own = await _own_commits(trees, base, tip)
    return Facts(own_commits=own, tip=tip, dirty=dirty, marked_files=await _marked_since(clone, fork, tip))


async def settle(trees: Worktrees, slug: str, branch: str) -> None:
    """Bring commits that an agent made on another branch or on none to its own branch, if they continue it."""
    for lock in (trees.record(slug) / "HEAD.lock", trees.clone.repo / f"refs/heads/{branch}.lock"):
        lock.unlink(missing_ok=True)  # of a git command of the agent that was killed
    head, tip = _head(trees, slug), trees.clone.branch(branch)
    if head is None or head == tip:
        return
    if tip is None:
        await trees.clone.move_refs(f"create refs/heads/{branch} {head}")
    elif await trees.clone.contains(head, tip):
        await trees.clone.move_refs(f"update refs/heads/{branch} {head} {tip}")


def _head(trees: Worktrees, slug: str) -> str | None:
    """The commit that the worktree's HEAD is at; None for a branch without a commit, or without a worktree.

    The file is the agent's: it may say anything.
    """
    try:
        head = read_line(trees.record(slug) / "HEAD")
    except OSError:
        return None
    if head.startswith("ref: "):
        return trees.clone.ref(head.removeprefix("ref: "))
    return head if is_commit(head) else None


async def is_dirty(trees: Worktrees, slug: str) -> bool:
    """Whether there are uncommitted or untracked files, or a merge that is not concluded."""
    if (trees.record(slug) / "MERGE_HEAD").exists():
        return True
    status = await trees.in_worktree(slug, "status", "--porcelain", "-z", "--ignore-submodules=dirty")
    return bool(status.out)


async def _own_commits(trees: Worktrees, base: str | None, tip: str) -> int:
    """Commits ahead of the base that change something and that the town did not make."""
    form = "--format=%ce%x09%(trailers:key=Boomtown-Made,valueonly,separator=%x20)"
    span = [tip] if base is None else [tip, f"^{base}"]
    made = (await trees.clone.run("log", form, *span, "--", ":/")).out.decode("utf-8", "replace").splitlines()
    return sum(not line.startswith(f"{TOWN_EMAIL}\t") or line.endswith("\t") for line in made)


async def marked_files(clone: Clone, base: str, tip: str) -> tuple[str, ...]:
    """Files in which the branch at `tip` has added both ends of a conflict."""
    return await _marked_since(clone, await clone.fork_point(base, tip), tip)


async def _marked_since(clone: Clone, fork: str, tip: str) -> tuple[str, ...]:
    compare = ("diff", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules")
    suspects = (await clone.run(*compare, "-z", "--name-only", f"-G{_MARKER}", fork, tip)).names
    marked: list[str] = []
    for name in suspects:
        diff = await clone.run(*compare, "-U0", fork, tip, "--", f":(top,literal){name}")
        lines = diff.out.splitlines()
        if all(any(line.startswith(b"+" + end * 7 + b" ") for line in lines) for end in (b"<", b">")):
            marked.append(name)
    return tuple(marked)


async def dispose(trees: Worktrees, spec: DisposeSpec) -> DisposeResult:
    """Take a run's worktree away, its uncommitted files kept. Again: the same answer."""
    return await mended(trees, spec.worktree_slug, spec.branch, lambda: _dispose(trees, spec))


async def _dispose(trees: Worktrees, spec: DisposeSpec) -> DisposeResult:
    clone, slug = trees.clone, spec.worktree_slug
    kept = clone.ref(_wip_ref(spec.run_id)) or await _wip_on_branch(trees, spec)
    if trees.exists(slug):
        await settle(trees, slug, spec.branch)
        kept = await _keep(trees, spec) or kept
    elif trees.path(slug).exists() and not trees.half_made(slug):
        _put_unknown_away(trees, slug)
    trees.remove(trees.path(slug), slug)
    return DisposeResult(wip_commit=kept, tip=clone.branch(spec.branch))


def _wip_ref(run_id: str) -> str:
    return f"refs/boomtown/wip/{run_id}"


def _put_unknown_away(trees: Worktrees, slug: str) -> None:
    """A folder that git has no record of: delete it if there is nothing in it, else keep it for a person."""
    path = trees.path(slug)
    if path.is_symlink() or (path.is_dir() and all(entry.name == ".git" for entry in path.iterdir())):
        trees.discard(path)
    else:
        trees.set_aside(path, "git has no record of this folder")


async def _wip_on_branch(trees: Worktrees, spec: DisposeSpec) -> str | None:
    """The tip of the branch if it is this run's WIP commit already."""
    tip = trees.clone.branch(spec.branch)
    if tip is None:
        return None
    form = "--format=%ce%x09%(trailers:key=Boomtown-Run,valueonly,separator=%x20)"
    made = (await trees.clone.run("log", "-1", form, tip)).text
    return tip if made == f"{TOWN_EMAIL}\t{spec.run_id}" else None


async def _keep(trees: Worktrees, spec: DisposeSpec) -> str | None:
    """Commit what is uncommitted, and keep commits that are on no branch; returns the WIP commit, if one was made."""
    clone, slug = trees.clone, spec.worktree_slug
    head, tip = _head(trees, slug), clone.branch(spec.branch)
    wip = await _commit_rest(trees, spec, head)
    astray = head is not None and head != tip
    if head and astray and (wip or not await clone.contains(tip or head, head)):
        await clone.move_refs(f"update refs/boomtown/stray/{spec.run_id} {wip or head}")
        log.warning("work.astray", rig=spec.rig, branch=spec.branch, commit=wip or head)
    if wip is None:
        return None
    reach("wip committed")
    if spec.wip == "ref":
        await clone.move_refs(f"update {_wip_ref(spec.run_id)} {wip}")
    elif not astray:
        await clone.move_refs(f"update refs/heads/{spec.branch} {wip} {tip or '0' * len(wip)}")
    reach("wip kept")
    return wip


async def _commit_rest(trees: Worktrees, spec: DisposeSpec, head: str | None) -> str | None:
    """The whole worktree as a commit on `head`; None if nothing is uncommitted. No ref is moved.

    A merge that was not concluded becomes one with the same parents: what is resolved stays resolved.
    """
    slug, record = spec.worktree_slug, trees.record(spec.worktree_slug)
    if not await is_dirty(trees, slug):
        return None
    await _set_nested_aside(trees, slug)
    index = record / f"wip-index-{uuid.uuid4().hex}"
    with contextlib.suppress(OSError):
        copy_plain(record / "index", index)
    env = {"GIT_INDEX_FILE": str(index)}
    added = await trees.in_worktree(slug, "add", "--all", "--ignore-errors", ":/", env=env, ok=None)
    if added.code != 0:
        log.warning("work.not_all_added", rig=spec.rig, branch=spec.branch, git=added.words)
    tree = (await trees.in_worktree(slug, "write-tree", env=env)).text
    parents = [head] if head else []
    with contextlib.suppress(OSError):
        merged = read_plain(record / "MERGE_HEAD").decode("utf-8", "replace").split()
        parents += [
            commit
            for commit in merged
            if is_commit(commit) and (not head or not await trees.clone.contains(head, commit))
        ]
    if len(parents) <= 1 and head and await _tree_of(trees, head) == tree:
        return None
    message = f"{spec.wip_subject}\n\nBoomtown-Made: {MADE_WIP}\nBoomtown-Run: {spec.run_id}\n"
    made = await trees.clone.run(
        "commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-",
        stdin=message.encode(), env={"GIT_AUTHOR_NAME": spec.author_name, "GIT_AUTHOR_EMAIL": spec.author_email},
    )  # fmt: skip
    if added.code != 0:  # some files are in no commit
        trees.set_aside(trees.path(slug), "not all of its files could be committed")
    return made.text


async def _set_nested_aside(trees: Worktrees, slug: str) -> None:
    """Repositories that the agent made inside its worktree are not its work, and git can't commit them: keep them."""
    untracked = await trees.in_worktree(slug, "ls-files", "--others", "--exclude-standard", "-z")
    for name in untracked.names:
        if name.endswith("/"):  # files are listed one by one; only a repository is listed as a folder
            trees.set_aside(trees.path(slug) / name, "a repository inside a worktree")


async def _tree_of(trees: Worktrees, commit: str) -> str:
    return (await trees.clone.run("rev-parse", "--verify", f"{commit}^{{tree}}")).text
