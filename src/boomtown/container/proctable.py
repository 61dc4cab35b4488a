"""The machine's process table: one look at all processes of this user, cheap enough for every few seconds."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

MARK = "BOOMTOWN_MARK"
"""The environment variable that every process of a town carries: `<home id>:<what it is for>`."""

_PROC = Path("/proc")
_LINUX = (_PROC / "self" / "stat").exists()
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Proc:
    """One process. `start` with `pid` names it for good (pids are used again); `cpu_s` is processor time so far."""

    pid: int
    ppid: int
    session: int
    start: float
    alive: bool
    cpu_s: float
    memory_bytes: int

    @property
    def key(self) -> tuple[int, float]:
        return self.pid, self.start


def scan() -> dict[int, Proc]:
    """All processes of this user, dead ones that nobody has waited for included (`alive` is False)."""
    if not _LINUX:
        return _psutil_scan()
    found: dict[int, Proc] = {}
    uid = os.getuid()
    with os.scandir(_PROC) as entries:
        for entry in entries:
            if not entry.name.isdecimal():
                continue
            try:
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    continue
            except OSError:  # it ended between the listing and the look
                continue
            if (proc := read(int(entry.name))) is not None:
                found[proc.pid] = proc
    return found


def read(pid: int) -> Proc | None:
    """The process `pid`; None if there is none."""
    if not _LINUX:
        return _psutil_read(pid)
    stat = _slurp(f"/proc/{pid}/stat")
    if not stat:
        return None
    # pid (comm) state ppid pgrp session … : comm may hold spaces and parentheses; see proc(5)
    fields = stat[stat.rindex(b")") + 2 :].split()
    threads = int(fields[17])
    return Proc(
        pid=pid,
        ppid=int(fields[1]),
        session=int(fields[3]),
        start=float(fields[19]),
        # a zombie with threads is a leader that ended before its other threads: still at work
        alive=fields[0] not in (b"Z", b"X") or (fields[0] == b"Z" and threads > 1),
        cpu_s=(int(fields[11]) + int(fields[12])) * _TICK_S,
        memory_bytes=int(fields[21]) * _PAGE,
    )


def tasks() -> int:
    """How many processes and threads the machine has; 0 where that is not told at once."""
    words = _slurp("/proc/loadavg").split()
    return int(words[3].partition(b"/")[2]) if len(words) > 3 else 0


def mark_of(pid: int) -> str | None:
    """The mark in the environment that the process was started with; None if it has none or may not be read."""
    if not _LINUX:
        return _psutil_mark(pid)
    return variable(pid, MARK)


def variable(pid: int, name: str) -> str | None:
    """A variable of the environment that the process was started with; None without, or if it may not be read."""
    begin = os.fsencode(name) + b"="
    environ = _slurp(f"/proc/{pid}/environ")
    return next((os.fsdecode(item[len(begin) :]) for item in environ.split(b"\0") if item.startswith(begin)), None)


def lives(pid: int, start: float | None) -> bool:
    """Whether the process of that pid and start still runs."""
    proc = read(pid)
    return proc is not None and proc.alive and (start is None or proc.start == start)


def children() -> list[int]:
    """Pids of this process's own children, adopted ones included."""
    pids: list[int] = []
    if _LINUX:
        for task in Path("/proc/self/task").iterdir():
            pids += map(int, _slurp(f"{task}/children").split())
    return pids


def working_folder(pid: int) -> str | None:
    """Where the process is; None if it has ended or may not be asked."""
    with contextlib.suppress(OSError):
        return os.fspath(Path(f"/proc/{pid}/cwd").readlink())
    return None


def _slurp(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _psutil_scan() -> dict[int, Proc]:
    import psutil  # only where there is no /proc

    found = (_psutil_read(pid) for pid in psutil.pids())
    return {proc.pid: proc for proc in found if proc is not None}


def _psutil_read(pid: int) -> Proc | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.uids().real != os.getuid():
                return None
            cpu = process.cpu_times()
            return Proc(
                pid=pid,
                ppid=process.ppid(),
                session=os.getsid(pid),
                start=process.create_time(),
                alive=process.status() != psutil.STATUS_ZOMBIE,
                cpu_s=cpu.user + cpu.system,
                memory_bytes=process.memory_info().rss,
            )
    except (psutil.Error, OSError):
        return None


def _psutil_mark(pid: int) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).environ().get(MARK)
    except (psutil.Error, OSError):
        return None
