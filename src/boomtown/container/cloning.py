"""`rig add`: clone a repository, prove that it can be fetched and pushed, and say what polecats won't see of it."""

from __future__ import annotations

import asyncio
import re
import shutil
import uuid

import structlog

from boomtown.container.clones import Clone, Clones
from boomtown.container.git import GitError, scrub
from boomtown.container.origin import LocalOrigin
from boomtown.container.protocol import CloneResult, CloneSpec
from boomtown.container.urls import check_url, local_path
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError, UnavailableError

log = structlog.get_logger()

_PROBE = "refs/heads/polecat/boomtown-may-push"


async def clone(clones: Clones, spec: CloneSpec) -> CloneResult:
    """See `ContainerClient.clone`. Asked again for the same rig and URL, it looks again and answers the same."""
    url = check_url(spec.url)
    new = clones.unborn(spec.rig)
    if new.exists:
        known = clones.get(spec.rig)
        if known.url != url:
            raise ConflictError(f"There is a rig {spec.rig!r} already, from {scrub(known.url)}.")
        await known.fetch()
        return await _inspect(known, spec)
    try:
        await _fill(new, url)
        result = await _inspect(new, spec)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, new.paths.root, ignore_errors=True)
        raise
    clones.keep(new)
    return result


async def _fill(new: Clone, url: str) -> None:
    if new.paths.root.exists():
        await asyncio.to_thread(shutil.rmtree, new.paths.root)
    new.paths.root.mkdir(parents=True)
    try:
        await _fetch_as(new, url, "sha1")
    except GitError as error:
        if "mismatched algorithms" not in error.message:
            raise _unreachable(url, error) from error
        await _fetch_as(new, url, "sha256")


async def _fetch_as(new: Clone, url: str, object_format: str) -> None:
    for repo in (new.repo, new.dead_end):
        await asyncio.to_thread(shutil.rmtree, repo, ignore_errors=True)
        init = ("init", "--bare", "--quiet", "--template=", f"--object-format={object_format}")
        await new.plain(*init, "--", str(repo), cwd=new.paths.root)
    new.set_up(url, object_format)
    await new.fetch()


def _unreachable(url: str, error: GitError) -> BoomtownError:
    """A folder that is no repository is the caller's mistake; a remote that does not answer may be anybody's."""
    words = error.message.removeprefix(f"{scrub(url)} can't be fetched: ")
    message = f"{scrub(url)} can't be fetched: {words} Check the address, and that `git ls-remote` works with it here."
    if local_path(url) is not None or re.search(r"not found|does not exist|not appear to be a git", words, re.I):
        return BadInputError(message, field="gitUrl")
    return UnavailableError(message, code="REMOTE_UNREACHABLE")


async def _inspect(new: Clone, spec: CloneSpec) -> CloneResult:
    branches = await _branches(new)
    origin = await LocalOrigin.of(new)
    default = await _default_branch(new, spec.branch, branches, origin)
    blockers = {"polecat": "polecat/…"} | ({"boomtown": "boomtown/…"} if origin and origin.checked_out(default) else {})
    for blocker, blocked in blockers.items():
        if blocker in branches:
            raise BadInputError(
                f"{scrub(new.url)} has a branch named {blocker!r}: git can't have {blocked} beside it. Rename it.",
                field="gitUrl",
            )
    head = new.ref(f"refs/remotes/origin/{default}")
    await _prove_push(new, head, origin)
    notes = [*await _what_is_missing(new, default, head), *(await origin.notes(default) if origin else ())]
    return CloneResult(default_branch=default, head=head, notes=tuple(notes))


async def _branches(new: Clone) -> set[str]:
    listed = await new.run("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin")
    return set(listed.text.splitlines())


async def _default_branch(new: Clone, wish: str | None, branches: set[str], origin: LocalOrigin | None) -> str:
    if wish is not None:
        valid = await new.run("check-ref-format", f"refs/heads/{wish}", ok=None)
        if valid.code != 0 or wish.startswith("-"):
            raise BadInputError(f"{wish!r} is no name for a branch.", field="defaultBranch")
        if branches and wish not in branches:
            raise BadInputError(
                f"{scrub(new.url)} has no branch {wish!r}. It has {_listing(branches)}.", field="defaultBranch"
            )
        return wish
    head = await new.speak("ls-remote", "--symref", "town", "HEAD")
    if match := re.search(r"^ref: refs/heads/(.+)\tHEAD$", head.text, re.M):
        return match[1]
    if branches:
        raise BadInputError(
            f"{scrub(new.url)} does not say which branch is its default. Name one with --branch: "
            f"it has {_listing(branches)}.",
            field="defaultBranch",
        )
    return (origin.unborn if origin else None) or "main"


def _listing(names: set[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:10]) + (f" and {len(some) - 10} more" if len(some) > 10 else "")


async def _prove_push(new: Clone, head: str | None, origin: LocalOrigin | None) -> None:
    """Raise `BadInputError` if the remote would not take a push from us."""
    commit = head
    if commit is None:
        tree = (await new.run("mktree", stdin=b"")).text
        commit = (await new.run("commit-tree", tree, "-m", "May we push?")).text
    pushed = await new.speak("push", "--dry-run", "--no-verify", "town", f"{commit}:{_PROBE}", ok=None)
    if pushed.code == 0 and (origin is None or origin.writable):
        return
    why = "its folder is not writable" if pushed.code == 0 else pushed.words
    raise BadInputError(
        f"{scrub(new.url)} can be fetched but not pushed to: {why}. Polecats' work could not land. "
        "Give yourself the right to push, or use a fork.",
        field="gitUrl",
    )


async def _what_is_missing(new: Clone, default: str, head: str | None) -> list[str]:
    """Sentences about what a worktree of this repository will not have."""
    if head is None:
        return [f"The repository is empty: the first landing creates {default}."]
    notes: list[str] = []
    lfs = await new.run("grep", "-l", "-e", "filter=lfs", head, "--", ":(glob)**/.gitattributes", ok=(0, 1))
    if lfs.code == 0:
        notes.append(f"It uses Git LFS: polecats see pointers only, until `boomtown rig set {new.name} lfs=true`.")
    if (await new.run("cat-file", "-e", f"{head}:.gitmodules", ok=None)).code == 0:
        notes.append(
            f"It has submodules: empty folders for polecats, until `boomtown rig set {new.name} submodules=true`."
        )
    return notes


async def remove_rig(clones: Clones, rig: str) -> None:
    """Take a rig's clone and all of its worktrees away. Again: nothing happens."""
    root = clones.unborn(rig).paths.root
    clones.drop(rig)
    if root.exists():
        gone = root.with_name(f".removed-{uuid.uuid4().hex}")
        root.rename(gone)
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
