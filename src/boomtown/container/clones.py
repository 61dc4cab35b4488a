"""The bare clone that all worktrees of a rig share: its configuration, its fetches, and where new branches start.

Agents see the remote as `origin`, without credentials, with a dead end to push to, and without a refspec: what they
fetch is in their own FETCH_HEAD, and `origin/<default>` is where the town saw it last. The town's own commands speak to
`town`, a remote that exists only in the environment of those commands.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.git import REMOTE_TIMEOUT_S, Done, Git, GitError, scrub
from boomtown.container.guard import PUSH_REFUSAL, Guard, quoted, write_private
from boomtown.container.refs import read_ref
from boomtown.domain.errors import BadInputError, ConflictError, NotFoundError
from boomtown.home.paths import Home, RigPaths

log = structlog.get_logger()

REFSPEC = "+refs/heads/*:refs/remotes/origin/*"
_NO_LFS = """[filter "lfs"]
	process =
	clean =
	smudge =
	required = false
"""
_LFS = """[filter "lfs"]
	process = git-lfs filter-process
	clean = git-lfs clean -- %f
	smudge = git-lfs smudge -- %f
	required = true
[lfs]
	storage = {storage}
	locksVerify = false
	skipDownloadErrors = true
"""
_REFUSE = f"""#!/bin/sh
echo "{PUSH_REFUSAL}" >&2
exit 1
"""


class Clone:
    """One rig's clone. `lock` is held around whatever must not run twice at a time in the repository."""

    def __init__(self, paths: RigPaths, git: Git) -> None:
        self.paths = paths
        self.repo = paths.repo
        self.guard = Guard(paths)
        self.lock = asyncio.Lock()
        self._git = git
        self._url: str | None = None
        self._fetched_at = float("-inf")
        self._fetch_failed: tuple[float, GitError] | None = None
        self._bases: dict[tuple[str, str], str] = {}

    @property
    def name(self) -> str:
        return self.paths.root.name

    @property
    def dead_end(self) -> Path:
        """An empty repository that refuses every push: where `git push` in a worktree goes."""
        return self.paths.root / "no-push.git"

    @property
    def trash(self) -> Path:
        """What is being deleted."""
        return self.paths.root / "trash"

    @property
    def found(self) -> Path:
        """What was in the way and is no commit: kept for a person."""
        return self.paths.root / "found"

    @property
    def large_files(self) -> Path:
        """The store of Git LFS that all worktrees share."""
        return self.repo / "lfs"

    @property
    def uses_lfs(self) -> bool:
        """Whether `use_lfs` was called, ever: then worktrees may hold large files in the place of pointers."""
        return b"git-lfs" in self.guard.config

    @property
    def exists(self) -> bool:
        return (self.paths.root / "origin.json").exists()

    @property
    def url(self) -> str:
        """The remote, with credentials if the user gave any."""
        if self._url is None:
            self._url = str(json.loads((self.paths.root / "origin.json").read_text())["url"])
        return self._url

    def set_up(self, url: str, object_format: str) -> None:
        """Write configuration and hooks into the new repositories."""
        self._url = url
        self.guard.configure(_configuration(scrub(url), self.dead_end, object_format).encode())
        (self.dead_end / "hooks").mkdir(parents=True, exist_ok=True)
        write_private(self.dead_end / "hooks" / "pre-receive", _REFUSE.encode(), 0o700)
        self.guard.renew()

    def use_lfs(self, address: str | None) -> None:
        """From now on git replaces large files by pointers. `address`: where they come from; None: git-lfs knows."""
        self.large_files.mkdir(exist_ok=True)
        said = _LFS.format(storage=quoted(str(self.large_files))) + (f"\turl = {quoted(address)}\n" if address else "")
        common, _, before = self.guard.config.partition(b'[filter "lfs"]')
        if b'[filter "lfs"]' + before != said.encode():
            self.guard.configure(common + said.encode())
            self.guard.renew()

    def finish(self) -> None:
        """The clone is whole: from now on the rig has one."""
        write_private(self.paths.root / "origin.json", json.dumps({"url": self.url}).encode())

    def unlock(self) -> None:
        """Take away locks of git commands that were killed; only while nothing else of the home runs."""
        for pattern in ("*.lock", "refs/**/*.lock", "worktrees/*/*.lock"):
            for lock in self.repo.glob(pattern):
                log.info("clone.unlocked", rig=self.name, lock=lock.name)
                lock.unlink(missing_ok=True)

    async def run(
        self,
        *args: str,
        cwd: Path | None = None,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        env: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        ok: tuple[int, ...] | None = (0,),
        gently: bool = False,
    ) -> Done:
        """A local git command on the clone, or on one of its worktrees (`git_dir`, its record); see `Git.run`."""
        self.guard.renew()
        view = self.guard.view
        return await self._git.run(
            *args,
            cwd=cwd or self.paths.root,
            git_dir=git_dir or view,
            work_tree=work_tree,
            env={"GIT_COMMON_DIR": str(view), **(env or {})} if git_dir else env,
            config=config,
            stdin=stdin,
            ok=ok,
            gently=gently,
        )

    async def speak(self, *args: str, ok: tuple[int, ...] | None = (0,)) -> Done:
        """A git command that speaks to the remote, named `town`."""
        self.guard.renew()
        remote = {"remote.town.url": self.url, "remote.town.fetch": REFSPEC}
        return await self._git.run(
            *args, cwd=self.paths.root, git_dir=self.guard.view, config=remote, ok=ok, timeout_s=REMOTE_TIMEOUT_S
        )

    async def speak_lfs(self, *args: str, ok: tuple[int, ...] | None = (0,)) -> Done:
        """As `speak`, for git-lfs: it looks into a remote on this machine, where no GIT_DIR of ours may be set."""
        self.guard.renew()
        view, remote = self.guard.view, {"remote.town.url": self.url}
        return await self._git.run("lfs", *args, cwd=view, config=remote, ok=ok, timeout_s=REMOTE_TIMEOUT_S)

    async def plain(
        self, *args: str, cwd: Path, ok: tuple[int, ...] | None = (0,), env: Mapping[str, str] | None = None
    ) -> Done:
        """A git command in another repository on this machine, as the user."""
        return await self._git.run(*args, cwd=cwd, ok=ok, env=env)

    def ref(self, name: str) -> str | None:
        """The commit of a full ref name; None if there is none."""
        return read_ref(self.repo, name)

    def branch(self, name: str) -> str | None:
        """The tip of a branch; None if there is none."""
        return self.ref(f"refs/heads/{name}")

    async def fetch(self, max_age_s: float = 0.0) -> None:
        """Return once a fetch has ended that began at most `max_age_s` before this call.

        Raises `GitError`, also for a fetch that failed since the call.
        """
        asked = time.monotonic()
        if self._fetched_at >= asked - max_age_s:
            return
        async with self.lock:
            if self._fetched_at >= asked - max_age_s:
                return
            if self._fetch_failed is not None and self._fetch_failed[0] >= asked:
                raise self._fetch_failed[1]
            began = time.monotonic()
            try:
                await self.speak("fetch", "--quiet", "--prune", "--no-write-fetch-head", "town")
            except GitError as error:
                cause = GitError(f"{scrub(self.url)} can't be fetched: {error.message}", code="REMOTE_UNREACHABLE")
                self._fetch_failed = (began, cause)
                raise cause from error
            self._fetched_at = began

    @property
    def fetch_age_s(self) -> float:
        """Seconds since the last good fetch began."""
        return time.monotonic() - self._fetched_at

    async def base(self, default_branch: str) -> str | None:
        """The commit that new branches start at and landings build on; None while the repository is empty.

        The newer of `origin/<default>` and `origin/boomtown/<default>` (where landings go while the default branch is
        checked out over there); a merge of both if both have moved. Raises `ConflictError` if that merge conflicts.
        """
        ours = self.ref(f"refs/remotes/origin/boomtown/{default_branch}")
        theirs = self.ref(f"refs/remotes/origin/{default_branch}")
        if ours is None or theirs is None or ours == theirs:
            return theirs or ours
        known = self._bases.get((ours, theirs))
        if known is None:
            known = await self._newer(ours, theirs, default_branch)
            self._bases = {(ours, theirs): known}
        return known

    async def _newer(self, ours: str, theirs: str, default_branch: str) -> str:
        if await self.contains(theirs, ours):
            return theirs
        if await self.contains(ours, theirs):
            return ours
        merged = await self.run("merge-tree", "--write-tree", "--name-only", "-z", theirs, ours, ok=(0, 1))
        tree, *rest = merged.out.decode("utf-8", "surrogateescape").split("\0")
        if merged.code == 1:
            files = ", ".join(dict.fromkeys(rest[: rest.index("")] if "" in rest else rest))
            raise ConflictError(
                f"{default_branch} and boomtown/{default_branch} changed the same lines in {files}. "
                f"Merge boomtown/{default_branch} into {default_branch} in {scrub(self.url)}, then try again.",
                code="BASE_CONFLICT",
            )
        # the same two parents give the same commit, whenever it is made
        dates = (await self.run("show", "-s", "--format=%ct", theirs, ours)).text.split()
        stamp = f"{max(map(int, dates))} +0000"
        message = f"Merge boomtown/{default_branch} into {default_branch}\n\nBoomtown-Made: merge\n"
        commit = await self.run(
            "commit-tree", tree, "-p", theirs, "-p", ours, "-F", "-",
            stdin=message.encode(), env={"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp},
        )  # fmt: skip
        return commit.text

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or descends from it."""
        if commit == ancestor:
            return True
        return (await self.run("merge-base", "--is-ancestor", ancestor, commit, ok=(0, 1))).code == 0

    async def fork_point(self, base: str | None, tip: str) -> str:
        """The merge base of both, or the empty tree where they have none: what a diff of the branch starts from."""
        if base is not None:
            found = await self.run("merge-base", base, tip, ok=(0, 1))
            if found.code == 0:
                return found.text
        return (await self.run("hash-object", "-t", "tree", "--stdin", stdin=b"")).text

    async def move_refs(self, *commands: str) -> None:
        """Apply `git update-ref --stdin` commands, all or none. Each is one without its final newline."""
        lines = "".join(f"option no-deref\n{line}\n" for line in commands)
        await self.run("update-ref", "--stdin", stdin=lines.encode())


class Clones:
    """The clones of all rigs of a home."""

    def __init__(self, home: Home, git: Git) -> None:
        self._home = home
        self._git = git
        self._known: dict[str, Clone] = {}

    def get(self, rig: str) -> Clone:
        """The clone of a rig. Raises `NotFoundError` if it has none."""
        clone = self._known.get(rig)
        if clone is None:
            clone = self.unborn(rig)
            if not clone.exists:
                raise NotFoundError(f"There is no clone of the rig {rig!r} in this home.")
            self._known[rig] = clone
        return clone

    def unborn(self, rig: str) -> Clone:
        """The clone of a rig as it would be. Raises `BadInputError` for a name that leads out of the home."""
        if not rig or rig.startswith((".", "-")) or os.sep in rig or "\0" in rig:
            raise BadInputError(f"{rig!r} is no name for a rig.", field="name")
        return Clone(self._home.rig(rig), self._git)

    def keep(self, clone: Clone) -> None:
        """A new clone, with what it knows of its fetches."""
        clone.finish()
        self._known[clone.name] = clone

    def drop(self, rig: str) -> None:
        self._known.pop(rig, None)

    def names(self) -> list[str]:
        """Rigs that have a clone on disk."""
        if not self._home.rigs.exists():
            return []
        return sorted(path.parent.name for path in self._home.rigs.glob("[!.]*/origin.json"))


def _configuration(url: str, dead_end: Path, object_format: str) -> str:
    sha256 = object_format != "sha1"
    sections: dict[str, dict[str, Any]] = {
        "core": {"repositoryFormatVersion": int(sha256), "bare": "true", "logAllRefUpdates": "true"},
        'remote "origin"': {"url": url, "pushurl": str(dead_end)},
        "push": {"default": "current"},
        "gc": {"auto": 0},
        "maintenance": {"auto": "false"},
    }
    if sha256:
        sections["extensions"] = {"objectFormat": object_format}
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        lines += [f"\t{key} = {quoted(str(value))}" for key, value in values.items()]
    return "\n".join(lines) + "\n" + _NO_LFS
