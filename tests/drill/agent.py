"""The agent of the drills: `python -I -S agent.py KIND`. It notes all that the town owes it, and whoever is beside it.

In `$CONTROL`: `run.RUN` when a run begins, `commit.HASH` for a commit that is made, `blob.HASH` for a file that is
written and left uncommitted, `wrong.TEXT` for what must never be. Steps are held as `boomtown.home.steps` does it.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

CONTROL = Path(os.environ["CONTROL"])
BEAD = os.environ["BOOMTOWN_BEAD_ID"]
RUN = os.environ["BOOMTOWN_RUN_ID"]
PATIENCE_S = 30.0


def reach(step: str) -> None:
    try:
        (CONTROL / step).rename(CONTROL / f"{step}.{os.getpid()}")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)


def note(what: str) -> None:
    (CONTROL / what).touch()


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def begin() -> int:
    """Note this run; find out whether anybody else is at work on the bead. Returns the lock, kept until the end."""
    try:
        os.close(os.open(CONTROL / f"run.{RUN}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        note(f"wrong.run {RUN} was started twice")
    lock = os.open(CONTROL / f"lock.{BEAD}", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note(f"wrong.bead {BEAD} has two agents at a time")
    reach("agent begun")
    return lock


def leave(name: str) -> None:
    """Write a file that nobody commits."""
    text = f"{name} of {RUN}\n".encode()
    Path(name).write_bytes(text)
    note("blob." + hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest())


def commit(name: str | None = None) -> None:
    path = Path(name or f"{BEAD}.txt")
    path.write_text(f"by {RUN}\n")
    reach("agent wrote")
    git("add", "--all")
    git("commit", "--quiet", "--message", f"Work on {BEAD}")
    note(f"commit.{git('rev-parse', 'HEAD')}")
    reach("agent committed")


def done() -> None:
    """Hand on, with patience for a server that is just away."""
    where = urlsplit(os.environ["GASTOWN_API_URL"])
    path = "/api/towns/{GASTOWN_TOWN_ID}/rigs/{GASTOWN_RIG_ID}/agents/{GASTOWN_AGENT_ID}/done".format(**os.environ)
    headers = {"Authorization": f"Bearer {os.environ['GASTOWN_SESSION_TOKEN']}", "Content-Type": "application/json"}
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps({"branch": os.environ["BOOMTOWN_BRANCH"]}), headers)
            if connection.getresponse().status < 500:
                break
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    reach("agent done")


def works() -> None:
    """Commits, calls done."""
    commit()
    done()


def quick() -> None:
    """Commits and ends."""
    commit()


def leaves() -> None:
    """Commits, leaves a file, calls done."""
    commit()
    leave(f"left over {BEAD}.txt")
    done()


def recovers() -> None:
    """Leaves a file and crashes; goes on from there the next time."""
    if not Path(f"half {BEAD}.txt").exists():
        leave(f"half {BEAD}.txt")
        sys.exit(3)
    commit()


def clashes() -> None:
    """Writes where others write too; what comes of a conflict is settled by hand."""
    commit("shared.txt")


def stays() -> None:
    """Commits, and leaves somebody running who won't listen."""
    hidden = "trap '' TERM; while :; do sleep 1; done"
    subprocess.Popen(["sh", "-c", hidden], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    commit()


def waits() -> None:
    """Leaves a file, and works when it is let."""
    if not Path(f"half {BEAD}.txt").exists():
        leave(f"half {BEAD}.txt")
    note(f"waits.{BEAD}")
    while not (CONTROL / "go").exists():
        time.sleep(0.02)
    print("let go", flush=True)
    commit()
    done()


KINDS = {kind.__name__: kind for kind in (works, quick, leaves, recovers, clashes, stays, waits)}

if __name__ == "__main__":
    sys.stdin.read()
    lock = begin()
    KINDS[sys.argv[1]]()
