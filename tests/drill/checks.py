"""What must hold of a town while it is broken and when it has come to rest."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from boomtown.domain.invariants import breaches
from tests.drill.town import RIG, DrillTown, StuckError, eventually
from tests.drill.town import look_with_git as git
from tests.simulation import oracle

UNFINISHED = "waiting", "testing", "landing", "approval", "remote_refused", "base_red"

_OF_SINGLE_STEPS = {"the-lowest-free-name-is-taken", "attempts-are-never-lost"}
"""Between two looks there are many steps: these hold of each, not of all together."""

SHORT = ("No space left", "Too many open files", "Resource temporarily unavailable", "start new thread")


class Watch:
    """Looks at a town's store again and again; every breach is kept."""

    def __init__(self, town: DrillTown) -> None:
        self._town = town
        self.breaches: list[str] = []
        self.look_back()

    def look_back(self) -> None:
        """Begin anew: the store is another one now."""
        with self._town.database() as raw:
            self._state = oracle.read(raw)
        self._read: dict[Path, int] = {log: log.stat().st_size for log in self._logs()}

    def look(self) -> None:
        try:
            with self._town.database() as raw:
                raw.execute("BEGIN")
                state = oracle.read(raw)
        except sqlite3.OperationalError:  # a database that is being recovered, or that nobody may read now
            return
        found = [
            f"{breach.rule} {breach.detail}"
            for breach in breaches(self._state, state)
            if breach.invariant not in _OF_SINGLE_STEPS
        ]
        self.breaches += [breach for breach in found if breach not in self.breaches]
        self._state = state

    def _logs(self) -> list[Path]:
        home = self._town.home
        return [log for log in (home.root / "server.log", home.logs / "container.log") if log.exists()]

    def tracebacks(self) -> list[str]:
        """What the product logged as nobody expected, since the last time it was asked; a few of them."""
        return list(dict.fromkeys(self._tracebacks()))[:3]

    def _tracebacks(self) -> Iterator[str]:
        for log in self._logs():
            with log.open(encoding="utf-8", errors="replace") as file:
                file.seek(self._read.get(log, 0))
                new = file.read()
                self._read[log] = file.tell()
            lines = new.splitlines()
            for number, line in enumerate(lines):
                if "Traceback" in line or "invariant.breached" in line or "rig.restless" in line:
                    yield f"{log.name}: {_short(line)}"
                    if line.startswith("Traceback"):
                        yield "\n".join(lines[number : number + 40])


def short_of(told: str) -> bool:
    """Whether what was logged is only that the machine lacks something."""
    return any(words in told for words in SHORT)


def _short(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['event']}: {str(entry.get('exception', entry))[-1200:]}"
    except ValueError:
        return line if len(line) < 2000 else f"{line[:300]} … {line[-1500:]}"


def rest(town: DrillTown, watch: Watch, timeout_s: float = 90.0) -> None:
    """Wait until nothing is left to do. Raises `StuckError` with what is."""

    def at_rest() -> bool:
        watch.look()
        return not list(restless(town))

    eventually(at_rest, lambda: "; ".join(restless(town)), timeout_s)


def restless(town: DrillTown) -> Iterator[str]:
    """What has not come to its end yet."""
    try:
        with town.database() as raw:
            query = "SELECT title, status, held_why, last_error FROM beads WHERE type = 'issue' AND status <> 'closed'"
            for title, status, held, error in raw.execute(query):
                yield f"“{title}” is {status} ({held or error})"
            for number, phase in raw.execute("SELECT number, phase FROM runs WHERE disposed_at IS NULL"):
                yield f"run {number} is {phase}, its worktree not taken away"
            for (name,) in raw.execute("SELECT name FROM polecats WHERE released_at IS NULL"):
                yield f"{name} is registered"
            marks = ", ".join("?" * len(UNFINISHED))
            for (status,) in raw.execute(f"SELECT status FROM merges WHERE status IN ({marks})", UNFINISHED):
                yield f"a merge is {status}"
    except sqlite3.OperationalError as error:
        yield f"the database can't be read: {error}"


def leftovers(town: DrillTown) -> Iterator[str]:
    """What lies around that nobody needs any more. Some of it goes in the background: ask again."""
    rig, repo = town.home.rig(RIG), town.home.rig(RIG).repo
    kept = {"warm", "scratch"}
    yield from (f"worktree {path.name}" for path in rig.worktrees.glob("*") if path.name not in kept)
    yield from (f"scratch worktree {path.name}" for path in rig.scratch.glob("*"))
    warm = {path.name for path in rig.warm.glob("*")}
    yield from (f"record of {path.name}" for path in (repo / "worktrees").glob("*") if path.name not in warm)
    yield from (f"lock {path.relative_to(repo)}" for path in repo.rglob("*.lock"))
    yield from (f"{path.name} in the rig's folder" for path in rig.root.glob(".record-*"))
    yield from (f"{path.name} in the trash" for path in (rig.root / "trash").glob("*"))
    yield from (f"found/{path.name}" for path in (rig.root / "found").glob("*"))
    yield from (f"process {pid} of a run" for pid in town.agents())


def at_the_end(town: DrillTown) -> Iterator[str]:
    """All that must be true of a town at rest, but for its store."""
    try:
        eventually(lambda: not list(leftovers(town)), "", 20.0)
    except StuckError:
        yield from (f"left over: {what}" for what in leftovers(town))
    yield from town.notes("wrong")
    repo = town.home.rig(RIG).repo
    for name, where in (("origin", town.origin), ("clone", repo)):
        said = subprocess.run(
            ["git", "-c", "safe.directory=*", "fsck", "--connectivity-only", "--no-dangling"],
            cwd=where, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if said.returncode:
            yield f"git fsck of the {name}: {said.stdout}{said.stderr}"
    objects = {line.split()[0] for line in git(repo, "rev-list", "--all", "--objects").splitlines()}
    yield from (f"commit {commit} is lost" for commit in town.notes("commit") if commit not in objects)
    yield from (f"a file that was left, {blob}, is lost" for blob in town.notes("blob") if blob not in objects)
    yield from landings(town)
    yield from starts(town)


def landings(town: DrillTown) -> Iterator[str]:
    """Each closed bead has one commit on the origin's default branch, and nothing else is there."""
    form = "%(trailers:key=Bead,valueonly,separator=%x20)%x09%P%x09%s"
    lines = [line.split("\t") for line in git(town.origin, "log", f"--format={form}", "main").splitlines()]
    landed = Counter(bead for bead, _, _ in lines if bead)
    yield from (f"“{subject}” has {parents.count(' ') + 1} parents" for _, parents, subject in lines if " " in parents)
    yield from (f"bead {bead} landed {count} times" for bead, count in landed.items() if count > 1)
    yield from (f"“{subject}” is nobody's commit" for bead, _, subject in lines[:-1] if not bead)
    closed = {row[0] for row in town.ask("SELECT id FROM beads WHERE type = 'issue' AND status = 'closed'")}
    yield from (f"bead {bead} is closed and is not on main" for bead in closed - landed.keys())


def starts(town: DrillTown) -> Iterator[str]:
    """Nothing ran that is not stored, and no run that never started is said to have."""
    stored = {row[0] for row in town.ask("SELECT id FROM runs")}
    yield from (f"run {run} is not stored" for run in town.notes("run") if run not in stored)
