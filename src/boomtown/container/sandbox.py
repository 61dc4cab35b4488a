"""Sandboxes: what a run's programs, its setup and its gates can reach. The kernel holds it, not we.

A room is the run's worktree, its HOME, and of git what it needs to commit to its own branch. The rest of the machine's
system can be read, the user's own files can't even be seen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boomtown
from boomtown.container import landlock
from boomtown.container.protocol import Surroundings
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import UnavailableError
from boomtown.home.paths import Home

NONE, AUTO, BWRAP, LANDLOCK = "none", "auto", "bwrap", "landlock"
ALONE = "There is no sandbox: agents run as you, and can read and change what you can."
MOST_TASKS = 4096
"""Processes and threads of one run in bwrap, where the user is not root."""

_HIDDEN = ("/home", "/root", "/tmp", "/var/tmp", "/run", "/mnt", "/media", "/srv")  # noqa: S108 - hidden, not used
"""Where people's files and other programs' sockets are."""
_KEPT = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/current-system", "/run/opengl-driver")
"""What programs need of a hidden place: name resolution, and the system of some distributions."""
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL", "--die-with-parent")


def choose(wish: str, works: Sequence[str]) -> str:
    """The sandbox in force, for a setting and what works on the machine. Raises `UnavailableError` with the cure."""
    if wish == NONE:
        return NONE
    if wish == AUTO:
        return works[0] if works else NONE
    if wish not in works:
        there = " and ".join(works) or "none"
        raise UnavailableError(
            f"The sandbox {wish!r} of config.toml does not work on this machine (what works: {there}). Install it, or "
            'write sandbox = "auto".',
            code="NO_SANDBOX",
        )
    return wish


def in_words(wish: str, works: Sequence[str]) -> tuple[str, str]:
    """The sandbox in force, and for people what that means and how to change it."""
    try:
        kind = choose(wish, works)
    except UnavailableError as error:
        return NONE, f"{error.message} No run starts until then."
    if kind != NONE:
        seen = "the system, and all processes" if kind == LANDLOCK else "the system"
        return kind, f"Agents reach their own worktree, HOME and branch, and see {seen}; nothing of your files."
    if wish == AUTO:
        return NONE, f"{ALONE} Neither bwrap nor landlock works here, as config.toml wishes."
    return NONE, ALONE


@cache
def probe() -> tuple[str, ...]:
    """What works on this machine, the best first; tried, not guessed. Blocking, some 20 ms."""
    works: list[str] = []
    if sys.platform == "linux" and shutil.which("bwrap") and shutil.which("env"):
        with tempfile.TemporaryDirectory() as folder:
            room = Room(Path(folder), (folder,), (), ())
            tried = subprocess.run(_bwrap(("true",), room), capture_output=True, check=False, timeout=30)
        works += [BWRAP] if tried.returncode == 0 else []
    if sys.platform == "linux" and landlock.abi() >= landlock.OLDEST_ABI:
        works.append(LANDLOCK)
    return tuple(works)


@dataclass(frozen=True)
class Room:
    """What can be reached besides the system: `write` and `read` below what is `hidden`. `cwd`: where it begins."""

    cwd: Path
    write: tuple[str, ...]
    read: tuple[str, ...]
    hidden: tuple[str, ...]


def room(
    home: Home, trees: Worktrees, slug: str, path: Path, own_home: Path, around: Surroundings, branch: str | None
) -> Room:
    """The room of what is done in the worktree at `path`; `branch` is what may be moved there, None for gates."""
    clone, root = trees.clone, trees.clone.paths.root
    write = [path, own_home, trees.record(slug), clone.repo / "objects", clone.large_files]
    if branch is not None:
        for refs in ("refs/heads", "logs/refs/heads"):
            folder = (clone.repo / refs / branch).parent
            folder.mkdir(parents=True, exist_ok=True)
            write.append(folder)
    if around.caches:
        write.append(root.parent.parent / "cache")
    guard = clone.guard
    read = [clone.repo, guard.hooks, guard.branches, root / "clone.config", clone.dead_end, clone.paths.files]
    read += [
        home.bin,
        home.root / "agents",
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(boomtown.__file__).parents[1],
    ]
    hidden = {*_HIDDEN, str(Path.home()), str(home.root), str(clone.repo / "worktrees")} - {"/"}
    return Room(
        path,
        tuple(_there(*write, *map(_of_person, around.sandbox_write))),
        tuple(_there(*read, *_KEPT, *map(_of_person, around.sandbox_read))),
        tuple(_there(*sorted(hidden, key=len))),
    )


def confine(kind: str, argv: Sequence[str], room: Room) -> tuple[str, ...]:
    """The command that runs `argv` (a full path first) in the room."""
    if kind == NONE:
        return tuple(argv)
    inside = Room(room.cwd, room.write, (*room.read, *_there(*_files_of(argv))), room.hidden)
    return _bwrap(argv, inside) if kind == BWRAP else _landlock(argv, inside)


def _bwrap(argv: Sequence[str], room: Room) -> tuple[str, ...]:
    """SIGTERM is for the program, not for bwrap, with which everything would be killed at once."""
    words = ["env", "--ignore-signal=TERM", "bwrap", *_NAMESPACES, "--ro-bind", "/", "/", "--dev", "/dev"]
    words += ["--proc", "/proc"]
    mounts = [("--tmpfs", path) for path in room.hidden]
    mounts += [("--ro-bind", path) for path in room.read] + [("--bind", path) for path in room.write]
    for option, path in sorted(mounts, key=lambda mount: mount[1].count("/")):  # what is below comes later
        words += [option, path] if option == "--tmpfs" else [option, path, path]
    limit = ("prlimit", f"--nproc={MOST_TASKS}", "--") if os.getuid() and shutil.which("prlimit") else ()
    return (*words, "--chdir", str(room.cwd), "--", *limit, "env", "--default-signal=TERM", *argv)


def _landlock(argv: Sequence[str], room: Room) -> tuple[str, ...]:
    """Of `/proc` what is about the machine: it would tell the environment of every process of the user."""
    hidden = ("/proc", *(os.path.realpath(path) for path in room.hidden))
    read = [part for path in ("/", *room.read) for part in _around(os.path.realpath(path), hidden)]
    read += [str(path) for path in Path("/proc").iterdir() if not path.name.isdecimal() and not path.is_symlink()]
    wanted = {"read": read, "write": [*room.write, "/dev"], "argv": list(argv)}
    return (sys.executable, "-I", "-S", landlock.__file__, json.dumps(wanted))


def _around(path: str, hidden: tuple[str, ...]) -> Iterator[str]:
    """`path`, or if something below it is hidden, what is not, in as few paths as can be."""
    if not any(other.startswith(path.rstrip("/") + "/") for other in hidden):
        yield path
        return
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.path not in hidden and not entry.is_symlink():
                yield from _around(entry.path, hidden)


def _files_of(argv: Sequence[str]) -> Iterator[str]:
    """The program, with what it was installed with, and files that are its arguments."""
    for word in dict.fromkeys((argv[0], os.path.realpath(argv[0]))):
        head, modules, _ = word.partition("/node_modules/")
        prefix = Path(word).parent.parent
        if modules:
            yield f"{head}/node_modules"
        elif Path(word).parent.name == "bin" and (prefix / "lib").exists() and prefix.name != ".local":
            yield str(prefix)
        else:
            yield word
    yield from (word for word in argv[1:] if Path(word).is_absolute() and Path(word).is_file())


def _there(*paths: Path | str) -> Iterator[str]:
    return (os.fspath(path) for path in dict.fromkeys(paths) if Path(path).exists())


def _of_person(path: str) -> Path:
    return Path(path).expanduser()
