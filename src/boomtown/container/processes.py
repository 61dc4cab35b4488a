"""Starting processes and waiting for them, without a thread each; and waiting for the orphans that come to us.

The container is a child subreaper: a process whose parent ends becomes its child, in whatever session it is, and must
be waited for without taking the exit status of a child that somebody here waits for. So all children are started here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from boomtown.container import proctable

log = structlog.get_logger()

_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_REAP_AFTER_S = 0.02

PIPE = subprocess.PIPE
NULL = subprocess.DEVNULL
STDOUT = subprocess.STDOUT


class Child:
    """A process of ours. `start` is None if it ended before anyone could look."""

    def __init__(self, popen: subprocess.Popen[bytes], ended: asyncio.Future[int]) -> None:
        self._popen = popen
        self._ended = ended
        self.pid = popen.pid
        proc = proctable.read(popen.pid)
        self.start = proc.start if proc else None

    def take(self, name: str) -> int:
        """The descriptor of our end of `stdin`, `stdout` or `stderr`; the caller owns it."""
        file = getattr(self._popen, name)
        fd = os.dup(file.fileno())
        with contextlib.suppress(OSError):
            file.close()
        os.set_inheritable(fd, False)
        return fd

    @property
    def code(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Exit status, negative for a signal."""
        return await asyncio.shield(self._ended)

    def signal_group(self, number: int) -> None:
        """Signal the whole process group. Its id can't be another's before we have waited for the leader."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


class Processes:
    """All children of this process."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._setpriv = shutil.which("setpriv") if _LINUX else None
        self._reap_due: asyncio.TimerHandle | None = None

    def adopt_orphans(self) -> None:
        """Become the parent of every descendant whose own parent ends, and wait for those when they end."""
        if not _LINUX:
            return
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            log.warning("processes.no_subreaper", errno=ctypes.get_errno())
            return
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._somebody_ended)

    @property
    def pids(self) -> set[int]:
        """Children that were started here and have not been waited for."""
        return set(self._children)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | str,
        env: Mapping[str, str],
        stdin: int = NULL,
        stdout: int = NULL,
        stderr: int = NULL,
        die_with_us: bool = True,
    ) -> Child:
        """Start a process in a session of its own, with exactly `env`.

        `die_with_us`: the kernel kills it when this process dies, where that can be had. Raises OSError.
        """
        if die_with_us and self._setpriv:
            argv = [self._setpriv, "--pdeathsig", "KILL", "--", *argv]
        loop = asyncio.get_running_loop()
        popen = subprocess.Popen(
            argv, cwd=cwd, env=dict(env), stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
        ended: asyncio.Future[int] = loop.create_future()
        child = self._children[popen.pid] = Child(popen, ended)
        self._watch(loop, popen, ended)
        return child

    def _watch(
        self, loop: asyncio.AbstractEventLoop, popen: subprocess.Popen[bytes], ended: asyncio.Future[int]
    ) -> None:
        def finish(code: int) -> None:
            self._children.pop(popen.pid, None)
            if not ended.done():
                ended.set_result(code)

        if not hasattr(os, "pidfd_open"):
            loop.run_in_executor(None, popen.wait).add_done_callback(lambda done: finish(done.result()))
            return
        fd = os.pidfd_open(popen.pid)

        def on_end() -> None:
            if (code := popen.poll()) is not None:
                loop.remove_reader(fd)
                os.close(fd)
                finish(code)

        loop.add_reader(fd, on_end)

    def _somebody_ended(self) -> None:
        if self._reap_due is None:
            self._reap_due = asyncio.get_running_loop().call_later(_REAP_AFTER_S, self._reap_orphans)

    def _reap_orphans(self) -> None:
        self._reap_due = None
        for pid in proctable.children():
            if pid not in self._children:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def find_command(name: str, path: str | None, cwd: Path) -> str | None:
    """The file that `name` stands for on `path`, or in `cwd` if it is a relative path; None if it can't be run."""
    if os.sep in name:
        name = str(cwd / name)
    return shutil.which(name, path=path or os.defpath)
