"""`python -I -S landlock.py JSON`: gives up what the JSON does not name, then becomes the program that it names.

Landlock needs no rights, no package and no daemon, only Linux 6.2; see landlock(7). It holds for all that the program
starts. Nothing of Boomtown is imported: this runs before every agent.
"""

import ctypes
import json
import os
import stat
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVS = 38
OLDEST_ABI = 3
"""The first that knows of truncation: without it, files that may only be read could be emptied."""

_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _IOCTL = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_LOOK = _EXECUTE | _READ | _LIST
_SCOPE_SINCE, _IOCTL_SINCE = 6, 5

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The version of Landlock that the kernel speaks; 0 or less without."""
    return _libc.syscall(_CREATE_RULESET, None, 0, 1)


def restrict(read: list[str], write: list[str]) -> None:
    """From now on this process reads and executes only below `read` and `write`, and changes only below `write`.

    It can't signal or trace processes that are not restricted like itself. Raises OSError.
    """
    version = abi()
    everything = (_IOCTL << 1) - 1 if version >= _IOCTL_SINCE else _IOCTL - 1
    scoped = 3 if version >= _SCOPE_SINCE else 0  # abstract sockets and signals
    rules = struct.pack("=QQQ", everything, 0, scoped)[: 24 if scoped else 8]
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, rules, len(rules), 0))
    for paths, rights in ((read, _LOOK), (write, everything)):
        for path in paths:
            try:
                fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:  # gone meanwhile
                continue
            given = rights if stat.S_ISDIR(os.fstat(fd).st_mode) else rights & _FILES
            rule = struct.pack("=Qi", given & everything, fd)
            _checked(_libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
            os.close(fd)
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def main() -> None:
    wanted = json.loads(sys.argv[1])
    try:
        restrict(wanted["read"], wanted["write"])
        os.execv(wanted["argv"][0], wanted["argv"])  # noqa: S606 - it is what a sandbox does
    except OSError as error:
        sys.exit(f"boomtown: the sandbox (landlock) could not be made: {error}")


if __name__ == "__main__":
    main()
