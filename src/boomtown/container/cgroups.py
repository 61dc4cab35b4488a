"""A cgroup (version 2) for each run, where this process has one with the memory controller that it may divide.

Then the kernel holds a run to its limit of memory, ends all of it when it takes more, and kills it in one stroke.
Without such a cgroup nothing is missing but that: see `trees` for who belongs to a run, and the server for its limit.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

log = structlog.get_logger()

MOUNTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_ENTER = 'echo 0 > "$0"; exec "$@"'
"""In the shell that becomes the program, so that nothing of it is ever outside. If it can't go in, it runs without."""


class Cgroup:
    """One run's. It is made when its first program is to start."""

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path, self._limit = path, limit
        self._made = False

    def around(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command that runs `argv` inside."""
        if not self._made and not self._make():
            return tuple(argv)
        return ("/bin/sh", "-c", _ENTER, str(self._path / "cgroup.procs"), *argv)

    def _make(self) -> bool:
        try:
            self._path.mkdir()
            if self._limit is not None:
                (self._path / "memory.max").write_text(str(self._limit))
                (self._path / "memory.oom.group").write_text("1")
        except OSError as error:
            log.warning("cgroup.not_made", path=str(self._path), error=str(error))
            remove(self._path)
            return False
        self._made = True
        return True

    @property
    def ran_out(self) -> bool:
        """Whether the kernel has killed in it for memory."""
        events = _read(self._path / "memory.events").split()
        return int(dict(zip(events[::2], events[1::2], strict=False)).get("oom_kill", "0")) > 0

    def kill(self) -> None:
        """Kill all in it; whoever must know that nobody is left looks for himself."""
        if self._made:
            with contextlib.suppress(OSError):
                (self._path / "cgroup.kill").write_text("1")

    def remove(self) -> None:
        """Once nothing is in it."""
        if self._made:
            remove(self._path)


class Cgroups:
    """Below the cgroup `own` of this process."""

    def __init__(self, own: Path, home_id: str) -> None:
        self._own, self._prefix = own, f"boomtown-{home_id[:8]}-"

    def of_run(self, run_id: str, limit: int | None) -> Cgroup:
        return Cgroup(self._own / f"{self._prefix}{run_id}", limit)

    def clear(self) -> None:
        """Kill and remove what a predecessor left."""
        for path in self._own.glob(f"{self._prefix}*"):
            with contextlib.suppress(OSError):
                (path / "cgroup.kill").write_text("1")
            remove(path)


def find(home_id: str, mounts: Sequence[Path] = MOUNTS, own: str | None = None) -> Cgroups | None:
    """The cgroups that this process may make with a limit of memory; None if it may not, which is usual.

    `own`: this process's cgroup as the kernel says it, by its path below the mount.
    """
    place = _own_place() if own is None else own
    if place is None:
        return None
    for mount in mounts:
        folder = mount / place.lstrip("/")
        if "memory" in _read(folder / "cgroup.controllers").split() and _divides(folder):
            return Cgroups(folder, home_id)
    return None


def _own_place() -> str | None:
    lines = _read(Path("/proc/self/cgroup")).splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)


def _divides(folder: Path) -> bool:
    """Whether its children have the memory controller, or can be given it: then no process may be in itself.

    Only processes of our own home are moved, into a child: it is ours to divide only if nobody else is in it.
    """
    control = folder / "cgroup.subtree_control"
    if not os.access(folder, os.W_OK) or not os.access(control, os.W_OK):
        return False
    try:
        if "memory" not in _read(control).split():
            inside = _read(folder / "cgroup.procs").split()
            if not all(map(_is_ours, inside)):
                return False
            town = folder / "boomtown"
            town.mkdir(exist_ok=True)
            for pid in inside:
                (town / "cgroup.procs").write_text(pid)
            control.write_text("+memory")
        return True
    except OSError as error:
        log.info("cgroup.not_divided", path=str(folder), error=str(error))
        return False


def _is_ours(pid: str) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"BOOMTOWN_HOME={os.environ.get('BOOMTOWN_HOME')}".encode() in variables


def remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
