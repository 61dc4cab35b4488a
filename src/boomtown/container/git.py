"""The one way in which the town runs git: as the user, without prompts, hooks, or configuration that an agent wrote."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from boomtown.container.pipes import PipeReader, PipeWriter
from boomtown.container.processes import NULL, PIPE, Processes
from boomtown.container.proctable import MARK
from boomtown.domain.errors import UnavailableError

OLDEST = (2, 38)
LOCAL_TIMEOUT_S = 300.0
REMOTE_TIMEOUT_S = 600.0

_GENTLY = ("nice", "-n", "10")

TOWN_NAME = "Boomtown"
TOWN_EMAIL = "town@boomtown.invalid"

_KEPT = {
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_NO_VERIFY",
}
"""What a user may have set to reach remotes; every other GIT_ variable would change what our commands mean."""

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.untrackedCache": "false",
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.showForcedUpdates": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "commit.gpgSign": "false",
    "merge.conflictStyle": "merge",
    "merge.renormalize": "false",
    "rerere.enabled": "false",
    "init.defaultRefFormat": "files",
    "advice.detachedHead": "false",
    "color.ui": "false",
    "diff.noprefix": "false",
    "diff.mnemonicPrefix": "false",
}


@dataclass(frozen=True)
class Done:
    """What a git command answered."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "surrogateescape").strip()

    @property
    def names(self) -> tuple[str, ...]:
        """NUL-separated output."""
        return tuple(part for part in self.out.decode("utf-8", "surrogateescape").split("\0") if part)

    @property
    def words(self) -> str:
        """What git said about a failure, without its prefixes and without secrets."""
        lines = [re.sub(r"^(fatal|error|remote): ?", "", line).strip() for line in self.err.splitlines()]
        return " ".join(line for line in lines if line and not line.startswith("hint:")) or f"exit status {self.code}"


class GitError(UnavailableError):
    """A git command that had to work did not."""

    code = "GIT_FAILED"


class Git:
    """Runs git commands. `git` is found on the PATH once."""

    def __init__(self, processes: Processes, home_id: str) -> None:
        self._processes = processes
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT}
        kept.pop("SSH_ASKPASS", None)
        kept.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        self._env = kept | {
            MARK: f"{home_id}:git",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_AUTHOR_NAME": TOWN_NAME,
            "GIT_AUTHOR_EMAIL": TOWN_EMAIL,
            "GIT_COMMITTER_NAME": TOWN_NAME,
            "GIT_COMMITTER_EMAIL": TOWN_EMAIL,
            "GIT_EDITOR": "true",
            "LC_ALL": "C",
            "LANGUAGE": "C",
        }
        self.commands = 0
        """How many git processes were started so far."""

    async def run(
        self,
        *args: str,
        cwd: Path,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        env: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        ok: tuple[int, ...] | None = (0,),
        timeout_s: float = LOCAL_TIMEOUT_S,
        gently: bool = False,
    ) -> Done:
        """Run one command. `config` is set for it alone, and is in no process list. `gently`: at a low priority.

        `ok`: the exit statuses that are answers; None takes all. Raises `GitError` with git's words for others, and
        when it took longer than `timeout_s` seconds and was killed.
        """
        where = [f"--git-dir={git_dir}"] if git_dir else []
        where += [f"--work-tree={work_tree}"] if work_tree else []
        full = self._env | _as_environment(_SETTINGS | dict(config or {})) | dict(env or {})
        try:
            argv = [*(_GENTLY if gently else ()), "git", *where, *args]
            done = await self._run(argv, cwd, full, stdin, timeout_s)
        except FileNotFoundError as error:
            if str(error.filename) == str(cwd):
                raise GitError(f"{cwd} is gone.") from error
            raise GitError("git is not installed or not on the PATH. Install git 2.38 or newer.") from error
        if ok is not None and done.code not in ok:
            raise GitError(f"git {_verb(args)} failed: {done.words}", data={"exit": done.code})
        return done

    async def _run(
        self, argv: list[str], cwd: Path, env: dict[str, str], stdin: bytes | None, timeout_s: float
    ) -> Done:
        self.commands += 1
        child = self._processes.spawn(
            argv, cwd=cwd, env=env, stdin=NULL if stdin is None else PIPE, stdout=PIPE, stderr=PIPE, die_with_us=False
        )
        out, err = bytearray(), bytearray()
        readers = [PipeReader(child.take("stdout"), out.extend), PipeReader(child.take("stderr"), err.extend)]
        writer = PipeWriter(child.take("stdin"), stdin) if stdin is not None else None
        try:
            async with asyncio.timeout(timeout_s):
                code = await child.wait()
                await _drain(readers)
        except TimeoutError as error:
            raise GitError(f"git {_verb(tuple(argv))} took longer than {timeout_s:g} s and was stopped.") from error
        finally:
            child.signal_group(signal.SIGKILL)
            if writer is not None:
                writer.close()
            for reader in readers:
                reader.close()
        return Done(code, bytes(out), scrub(err.decode("utf-8", "replace")))


async def _drain(readers: list[PipeReader]) -> None:
    """Wait for what is in the pipes; a credential daemon may keep them open for ever."""
    await asyncio.wait([reader.ended for reader in readers], timeout=1.0)


def _as_environment(config: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(config))}
    for n, (key, value) in enumerate(config.items()):
        env[f"GIT_CONFIG_KEY_{n}"] = key
        env[f"GIT_CONFIG_VALUE_{n}"] = value
    return env


def _verb(args: tuple[str, ...]) -> str:
    """What git was asked to do, for messages."""
    words = args[args.index("git") + 1 :] if "git" in args else args
    return next((word for word in words if not word.startswith("-")), "")


def scrub(text: str) -> str:
    """The text without user names and passwords in URLs."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)


def check_git() -> str:
    """The version of the git on the PATH. Raises `UnavailableError` if there is none or it is too old."""
    path = shutil.which("git")
    if path is None:
        raise UnavailableError("git is not installed or not on the PATH. Install git 2.38 or newer.", code="NO_GIT")
    words = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    match = re.search(r"(\d+)\.(\d+)[\w.]*", words)
    if match is None:
        raise UnavailableError(f"{path} does not say its version (“{words.strip()}”). Install git 2.38.", code="NO_GIT")
    if (int(match[1]), int(match[2])) < OLDEST:
        raise UnavailableError(f"git {match[0]} is too old. Install git 2.38 or newer.", code="OLD_GIT")
    return match[0]
