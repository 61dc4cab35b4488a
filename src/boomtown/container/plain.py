"""Reading and writing where an agent may have put links, pipes or anything else in the place of a file or folder."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_CHUNK = 1 << 20


def read_plain(path: Path, most: int = 1 << 20) -> bytes:
    """The first `most` bytes of a regular file. Never waits; raises OSError for a link, a pipe, or nothing at all."""
    fd = _open_plain(path)
    with os.fdopen(fd, "rb") as file:
        return file.read(most)


def read_line(path: Path) -> str:
    """The text of a small file such as a ref, stripped. Raises OSError as `read_plain`."""
    return read_plain(path, 4096).decode("utf-8", "surrogateescape").strip()


def copy_plain(source: Path, target: Path) -> None:
    """Copy a regular file to a new one. Raises OSError as `read_plain`.

    Its time goes along: only at files changed in the second in which an index was written does git look again.
    """
    fd = _open_plain(source)
    with os.fdopen(fd, "rb") as file, open(target, "xb") as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
        copy.flush()
        found = os.fstat(fd)
        os.utime(copy.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))


def read_below(root: Path, name: str, most: int) -> bytes | None:
    """As `read_plain`, for `name` below `root` with no link on the way; None if there is no such file."""
    if is_inside(root, root / name):
        with contextlib.suppress(OSError):
            return read_plain(root / name, most)
    return None


def is_inside(root: Path, path: Path) -> bool:
    """Whether no link on the way from `root` to the folder of `path` leads out of `root`."""
    return path.parent.resolve().is_relative_to(root.resolve())


def place_below(root: Path, name: str) -> Path:
    """`root / name`, to be written: its folders are real ones, and what is in its place is a file or nothing.

    A link, or anything else but a folder on the way and a file at the end, is taken away.
    """
    path = root / name
    for folder in reversed(path.relative_to(root).parents[:-1]):
        if _is(root / folder, stat.S_ISDIR) is False:
            (root / folder).unlink()
        (root / folder).mkdir(mode=0o700, exist_ok=True)
    if _is(path, stat.S_ISREG) is False:
        path.unlink()
    return path


def _is(path: Path, kind: object) -> bool | None:
    """Whether what is there, itself and not what it leads to, is of a kind; None if nothing is there."""
    try:
        return bool(kind(path.lstat().st_mode))  # type: ignore[operator]
    except FileNotFoundError:
        return None


def _open_plain(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{path} is no regular file.")
    return fd
