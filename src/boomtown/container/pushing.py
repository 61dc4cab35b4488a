"""To the remote and back: compare-and-set pushes, and `pull` for a checkout on this machine."""

from __future__ import annotations

import re

import structlog

from boomtown.container import lfs
from boomtown.container.clones import Clone
from boomtown.container.git import Done, GitError, scrub
from boomtown.container.origin import LocalOrigin, checked_out_there
from boomtown.container.protocol import PushResult, PushSpec
from boomtown.domain.errors import ConflictError, NotFoundError, UnavailableError
from boomtown.home.steps import reach

log = structlog.get_logger()

LANDED, MOVED, REFUSED = "landed", "moved", "refused"

_RACES = (
    "stale info",
    "fetch first",
    "non-fast-forward",
    "needs force",
    "failed to update ref",
    "cannot lock ref",
    "reference already exists",
    "incorrect old value",
    "failed to lock",
    "branch is currently checked out",  # since we looked
)
_NO_RIGHT = re.compile(
    r"permission|denied|forbidden|not allowed|40[13]|authentication|could not read (username|password)|unpack", re.I
)


async def push(clone: Clone, spec: PushSpec) -> PushResult:
    """See `ContainerClient.push`. What is there already counts as landed."""
    default = spec.base_branch
    if refused := await _send_large_files(clone, spec.commit):
        return refused
    target = f"boomtown/{default}" if await checked_out_there(clone, default) else default
    async with clone.lock:  # what we expect there must not be newer than the base that the commit was made on
        expected = clone.ref(f"refs/remotes/origin/{target}")
        base = await clone.base(default)
        if base != spec.base:  # else the commit, which was made on it, is not in it yet
            if base is not None and await clone.contains(base, spec.commit):
                return PushResult(LANDED, ref=f"refs/heads/{default}")
            return PushResult(MOVED, words=f"{default} moved.")
        return await _advance(clone, target, spec.commit, expected)


async def push_branch(clone: Clone, branch: str) -> PushResult:
    """Push a polecat's branch under its own name. Raises `NotFoundError` if there is none."""
    await clone.fetch()
    tip = clone.branch(branch)
    if tip is None:
        raise NotFoundError(f"The rig {clone.name!r} has no branch {branch!r}.")
    there = clone.ref(f"refs/remotes/origin/{branch}")
    if there == tip:
        return PushResult(LANDED, ref=f"refs/heads/{branch}")
    if refused := await _send_large_files(clone, tip):
        return refused
    async with clone.lock:
        return await _advance(clone, branch, tip, there)


async def _send_large_files(clone: Clone, commit: str) -> PushResult | None:
    """Before any ref: the remote must never name what it does not have."""
    try:
        await lfs.send(clone, commit)
    except lfs.LfsError as error:
        log.warning("push.large_files_refused", rig=clone.name, commit=commit, words=error.message)
        return PushResult(REFUSED, words=error.message)
    return None


async def _advance(clone: Clone, target: str, commit: str, expected: str | None) -> PushResult:
    """Move `target` on the remote from `expected` (None: it must not exist) to `commit`, or not at all."""
    ref = f"refs/heads/{target}"
    reach("pushing")
    done = await clone.speak(
        "push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{expected or ''}", "town", f"{commit}:{ref}",
        ok=None,
    )  # fmt: skip
    reach("pushed")
    if done.code == 0:
        log.info("push.landed", rig=clone.name, ref=ref, commit=commit)
        return PushResult(LANDED, ref=ref)
    verdict = next((line for line in done.text.splitlines() if line.startswith("!")), None)
    words = _words(done, verdict)
    if verdict and any(race in verdict for race in _RACES):
        return PushResult(MOVED, ref=ref, words=words)
    if verdict or _NO_RIGHT.search(done.err):
        log.warning("push.refused", rig=clone.name, ref=ref, words=words)
        return PushResult(REFUSED, ref=ref, words=words)
    raise UnavailableError(f"{scrub(clone.url)} can't be reached: {words}", code="REMOTE_UNREACHABLE")


def _words(done: Done, verdict: str | None) -> str:
    """What the remote said, in its own words."""
    said = [line.removeprefix("remote:").strip() for line in done.err.splitlines() if line.startswith("remote:")]
    reason = re.search(r"\((.*)\)\s*$", verdict) if verdict else None
    text = " ".join(word for word in said if word)
    if reason and reason[1] not in text:
        text = f"{text} ({reason[1]})".strip()
    return scrub(text) or done.words


async def is_landed(clone: Clone, default_branch: str, commit: str) -> bool:
    """After a fetch: whether the default branch or its stand-in contains `commit`."""
    await clone.fetch()
    for name in (default_branch, f"boomtown/{default_branch}"):
        tip = clone.ref(f"refs/remotes/origin/{name}")
        if tip is not None:
            found = await clone.run("merge-base", "--is-ancestor", commit, tip, ok=None)
            if found.code == 0:
                return True
    return False


async def pull(clone: Clone, default_branch: str) -> str:
    """See `ContainerClient.pull`. Local changes are never touched: git refuses what would overwrite them."""
    origin = await LocalOrigin.of(clone)
    if origin is None:
        raise ConflictError(
            f"{scrub(clone.url)} is not on this machine. Landed work is on its {default_branch}: run `git pull` there."
        )
    stand_in = f"refs/heads/boomtown/{default_branch}"
    ahead = await clone.plain("rev-parse", "--verify", "--quiet", stand_in, cwd=origin.path, ok=(0, 1))
    here = origin.checked_out(default_branch)
    if ahead.code != 0 or await _contains(clone, origin, f"refs/heads/{default_branch}", stand_in):
        return f"{here or origin.path} has everything that landed."
    count = await clone.plain(
        "rev-list", "--count", f"refs/heads/{default_branch}..{stand_in}", cwd=origin.path, ok=None
    )
    if here is None:
        await clone.plain("fetch", "--quiet", ".", f"{stand_in}:refs/heads/{default_branch}", cwd=origin.path)
        return f"{default_branch} in {origin.path} was moved on by {count.text} commits; it is checked out nowhere."
    try:
        await clone.plain("merge", "--ff-only", "--quiet", stand_in, cwd=here, env={"GIT_LFS_SKIP_SMUDGE": "0"})
    except GitError as error:
        raise ConflictError(_why_not(error, default_branch, str(here)), code="PULL_REFUSED") from error
    commits = "1 commit" if count.text == "1" else f"{count.text} commits"
    return f"{here} was fast-forwarded by {commits}."


async def _contains(clone: Clone, origin: LocalOrigin, tip: str, ancestor: str) -> bool:
    found = await clone.plain("merge-base", "--is-ancestor", ancestor, tip, cwd=origin.path, ok=None)
    return found.code == 0


def _why_not(error: GitError, default_branch: str, where: str) -> str:
    words = error.message.removeprefix("git merge failed: ")
    if "fast-forward" in words or "diverg" in words.lower():
        return (
            f"{default_branch} in {where} has commits of its own. Merge boomtown/{default_branch} there yourself; "
            "nothing was changed."
        )
    return f"{where} was left as it is: {words} Commit or stash these files, then pull again."
