"""Agents for tests: `python agent.py KIND`. Each is small, and does one thing that real agents do, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONTROL = Path(os.environ["CONTROL"])
BEAD = os.environ["BOOMTOWN_BEAD_ID"]
NAME = os.environ["BOOMTOWN_AGENT_NAME"]
PROMPT = sys.stdin.read()


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, stdout=subprocess.DEVNULL)


def boomtown(*words: str) -> int:
    return subprocess.run(["boomtown", *words], check=False).returncode


def commit(file: str = f"{BEAD}.txt", text: str = f"by {NAME}\n") -> None:
    Path(file).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message", f"Work on {BEAD}")


def note(what: str, text: str = "") -> None:
    """A file that the test looks for; whole or not there."""
    draft = CONTROL / f".{os.getpid()}.{what}"
    draft.write_text(text)
    draft.rename(CONTROL / what)


def wait_for(*names: str) -> None:
    """Until the test says so, by making one of the files."""
    while not any((CONTROL / name).exists() for name in names):
        time.sleep(0.02)


def begin() -> None:
    """Tell the test that this run lives: who, where, as which process."""
    note(f"run.{os.environ['BOOMTOWN_RUN_ID']}", f"{BEAD}\n{NAME}\n{os.getpid()}\n{Path.cwd()}\n")


def works() -> None:
    """Commits, calls done."""
    commit()
    boomtown("done", "--summary", f"{NAME} did it.")


def quick() -> None:
    """Commits and ends well, without a word."""
    commit()


def waits() -> None:
    """Works when the test lets it go, all or by bead."""
    wait_for("go", f"go.{BEAD}")
    commit()


def crashes() -> None:
    """Always the same end."""
    print("cargo: command not found", file=sys.stderr)
    sys.exit(3)


def recovers() -> None:
    """Crashes the first time, and leaves something behind for the second."""
    if not Path("half.txt").exists():
        Path("half.txt").write_text("half\n")
        sys.exit(3)
    commit()


def idles() -> None:
    """Ends well, and has done nothing."""
    print("I could not find anything to do.")


def leaves_files() -> None:
    """Commits, and leaves more uncommitted."""
    commit()
    Path("left over.txt").write_text("not committed\n")


def stubborn() -> None:
    """Ignores SIGTERM, and so does its child in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], start_new_session=True)
    Path("unsaved.txt").write_text("unsaved\n")
    note(f"stubborn.{BEAD}", f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(1)


def chatty() -> None:
    """Prints 100 MB, the last line of which says so."""
    line = b"x" * 9_999 + b"\n"
    for _ in range(10_000):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.write(b"that was all\n")
    sys.stdout.flush()
    commit()


def twice() -> None:
    """Calls done two times; the answers must be the same."""
    commit()
    answers = [
        subprocess.run(["boomtown", "done", "--json"], check=False, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    note(f"twice.{BEAD}", "\x00".join(answers))


def goes_on() -> None:
    """Says done, and goes on writing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    commit()
    boomtown("done")
    Path("too late.txt").write_text("written after done\n")
    note(f"wrote.{BEAD}")
    while True:
        time.sleep(1)


def same_line() -> None:
    """Changes the line that others change too; resolves the conflict when it comes back."""
    line = f"changed by {BEAD}"
    file = Path("shared.txt")
    if "<<<<<<<" in file.read_text():
        note(f"conflict.{BEAD}", PROMPT)
        file.write_text(f"{line}, after the other\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", "Resolve")
        return
    file.write_text(f"{line}\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Change the line")
    note(f"changed.{BEAD}")
    wait_for("go")


def red_first() -> None:
    """Breaks the gate the first time, and mends it when it is told."""
    if "gate" in PROMPT.lower() and Path("broken").exists():
        note(f"told.{BEAD}", PROMPT)
        git("rm", "--quiet", "broken")
        commit("mended", "green\n")
        return
    commit("broken", "red\n")


def reviewed() -> None:
    """Writes what it was told when it comes back."""
    note(f"told.{BEAD}", PROMPT)
    with Path("reviewed.txt").open("a") as file:
        file.write("again\n" if "Rework" in PROMPT else "first\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Reviewed work")


def pushes() -> None:
    """Tries what only the town may do."""
    commit()
    said = subprocess.run(["git", "push", "origin", "HEAD:main"], check=False, capture_output=True, text=True)
    note(f"push.{BEAD}", f"{said.returncode}\n{said.stderr}")


def tells() -> None:
    """Writes down its environment and what it was told."""
    note(f"env.{BEAD}", "\n".join(f"{key}={value}" for key, value in sorted(os.environ.items())))
    note(f"prompt.{BEAD}", PROMPT)
    wait_for("go", f"go.{BEAD}")
    commit()


def hogs() -> None:
    """Takes 400 MB, and holds them."""
    held = bytearray(os.urandom(1 << 20)) * 400
    note(f"hog.{BEAD}", str(len(held)))
    wait_for("never")


def talks() -> None:
    """Prints a numbered line every tenth of a second, until the test lets it go; then works."""
    number = 0
    while number == 0 or not (CONTROL / "go").exists():
        number += 1
        print(f"{NAME} line {number}", flush=True)
        time.sleep(0.1)
    print(f"{NAME} stops at {number}", flush=True)
    commit()


def hostile() -> None:
    """Prints all that could hurt a terminal or a page, then waits."""
    out = sys.stdout.buffer
    out.write(b"<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>\n")
    out.write(b"<style>body { display: none }</style>\n")
    out.write(
        b"\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]8;;javascript:window.hurt=1\x1b\\click\x1b]8;;\x1b\\ after the escapes\n"
    )
    out.write(b"\x1b[31m" * 3_000 + b"after the bomb\x1b[0m\n")
    out.write(b"broken \xff\xfe\xc3\x28 bytes\n")
    out.write("user\u202egnp.exe zero\u200bwidth \u2066isolated\u2069\n".encode())
    out.write(b"e" + "\u0301".encode() * 5_000 + b" piled\n")
    for _ in range(10):
        out.write(b"x" * 1_000_000)
    out.write(b"\nthe end of it\n")
    out.flush()
    wait_for("go", f"go.{BEAD}")
    commit()


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind
    for kind in (
        works, quick, waits, crashes, recovers, idles, leaves_files, stubborn, chatty, twice, goes_on, same_line,
        red_first, reviewed, pushes, tells, hogs, talks, hostile,
    )
}  # fmt: skip

if __name__ == "__main__":
    begin()
    KINDS[sys.argv[1]]()
