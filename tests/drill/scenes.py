"""Faults that take more than a signal, each told as a scene: what is slung, what goes wrong, what is seen meanwhile."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from boomtown.store.database import BUSY_TIMEOUT_MS
from tests.drill.checks import Watch, rest
from tests.drill.town import RIG, DrillTown, eventually, lives
from tests.drill.town import look_with_git as git

Scene = Callable[[DrillTown, random.Random, Watch], None]
SHORT_S = (0.1, 1.5)


class CannotShowError(Exception):
    """This machine can't show it; says why."""


def _two_wait(town: DrillTown) -> list[str]:
    """Two agents that wait to be let go, with work that is not committed."""
    (town.control / "go").unlink(missing_ok=True)
    beads = town.sling("waits", "waits")
    eventually(lambda: set(beads) <= set(town.notes("waits")), "both agents are at work")
    return beads


def _go(town: DrillTown) -> None:
    (town.control / "go").touch()


def _begun(town: DrillTown, beads: list[str]) -> int:
    """How many runs of these beads there were."""
    marks = ", ".join("?" * len(beads))
    return town.ask(f"SELECT count(*) FROM runs WHERE bead_id IN ({marks})", *beads)[0][0]


def locked(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """Somebody else holds the database, for a moment or for longer than anybody waits."""
    too_long = rng.random() < 0.3
    with contextlib.closing(sqlite3.connect(town.home.database, timeout=30, isolation_level=None)) as other:
        town.sling("works", "leaves")
        time.sleep(rng.uniform(0.0, 0.5))
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(BUSY_TIMEOUT_MS / 1000 + 1 if too_long else rng.uniform(*SHORT_S))
        other.execute("ROLLBACK")


def read_only(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """A server that may not write to its database does not start, says so, and changes nothing; agents go on."""
    _two_wait(town)
    container = town.container_pid
    town.kill(town.server_pid)
    files = [path for path in town.home.root.glob("town.db*") if path.exists()]
    modes = {path: path.stat().st_mode for path in files}
    for path in files:
        path.chmod(0o400)
    before = town.home.database.read_bytes()
    # root may write to everything, but for this
    plain = ["setpriv", "--bounding-set=-dac_override", "--"] if os.getuid() == 0 else []
    ran = town.command("up", "--detach", before=plain)
    assert ran.returncode == 1, f"a server started on a read-only database: {ran.stdout}"
    assert "Traceback" not in ran.stderr, ran.stderr
    assert str(town.home.database) in ran.stderr, f"up does not say what is wrong: {ran.stderr}"
    assert town.home.database.read_bytes() == before
    for path, mode in modes.items():
        path.chmod(mode)
    town.up()
    assert town.container_pid == container, "the container was not left alone"
    _go(town)


def truncated(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """The database loses its second half: `up` says what to do, `restore` does it, no work is lost."""
    before = _two_wait(town)
    town.client().mutate("createBackup")
    after = town.sling("works", "leaves")
    if rng.random() < 0.5:
        marks = ", ".join("?" * len(after))
        closed = f"SELECT count(*) FROM beads WHERE status = 'closed' AND id IN ({marks})"
        eventually(lambda: town.ask(closed, *after)[0][0], "one of those after the backup has landed")
    town.kill(*town.processes())
    with town.home.database.open("r+b") as file:
        file.truncate(town.home.database.stat().st_size // 2)
    for ending in ("-wal", "-shm"):  # what is in the log would mend it
        Path(f"{town.home.database}{ending}").unlink(missing_ok=True)
    ran = town.command("up", "--detach")
    assert ran.returncode == 1, f"a server started on half a database: {ran.stdout}"
    assert "boomtown restore" in ran.stderr, f"up does not say what to do: {ran.stderr}"
    ran = town.command("restore")
    assert ran.returncode == 0, f"restore: {ran.stderr}"
    for note in town.control.glob("run.*"):  # those after the backup are not in it
        note.unlink()
    _go(town)
    town.up()
    watch.look_back()
    known = {row[0] for row in town.ask("SELECT id FROM beads")}
    assert known >= set(before), "the backup lacks beads from before it"
    rest(town, watch)
    repo = town.home.rig(RIG).repo
    landed = git(town.origin, "log", "--format=%(trailers:key=Bead,valueonly)", "main").split()
    branches = git(repo, "for-each-ref", "--format=%(refname)", "refs/heads/polecat").split()
    told = " ".join(row[0] or "" for row in town.ask("SELECT body FROM beads WHERE type = 'escalation'"))
    for branch in branches:
        assert branch.removeprefix("refs/heads/") in told, f"nobody was told of {branch}"
    for branch in branches:  # what a person does who has seen that
        git(repo, "update-ref", "-m", "kept", f"refs/kept/{branch}", branch)
        git(repo, "update-ref", "-d", branch)
    assert len(landed) == len(set(landed))


def descriptors(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """Server or container may open next to nothing any more, for a while."""
    victim = rng.choice([town.server_pid, town.container_pid])
    assert victim
    town.sling("works", "leaves")
    time.sleep(rng.uniform(0.0, 0.5))
    used = max(int(entry.name) for entry in Path(f"/proc/{victim}/fd").iterdir())
    with _limited(victim, resource.RLIMIT_NOFILE, used + rng.randint(0, 3)):
        time.sleep(rng.uniform(*SHORT_S))
    _help(town, watch)


@contextlib.contextmanager
def _limited(pid: int, what: int, value: int) -> Iterator[None]:
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (value, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, what, before)


def _help(town: DrillTown, watch: Watch) -> None:
    """A person tries again what failed because of the machine; it says so."""
    town.recover()

    def over() -> bool:
        watch.look()
        failed = town.ask("SELECT id, last_error FROM beads WHERE type = 'issue' AND status = 'failed'")
        for bead, error in failed:
            assert error, f"{bead} failed without a word"
            town.client().mutate("retryBead", beadId=bead)
        return not town.ask("SELECT 1 FROM beads WHERE type = 'issue' AND status <> 'closed'")

    eventually(over, "all beads are closed, with some help")


def remote_hangs(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """The remote takes connections and says nothing: shorter or longer than git waits, or until the container dies."""
    town.sling("works", "leaves")
    time.sleep(rng.uniform(0.0, 0.4))
    (town.control / "hang").touch()
    end = rng.choice(["soon", "late", "killed"])
    time.sleep(rng.uniform(3.5, 4.5) if end == "late" else rng.uniform(*SHORT_S))
    if end == "killed":
        town.kill(town.container_pid)
    (town.control / "hang").unlink()


def stream(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """Streams of live runs are overwritten: they are still shown, as far as they go, and nobody minds."""
    beads = _two_wait(town)
    logs = [town.home.stream(run) for run, bead in town.ask("SELECT id, bead_id FROM runs") if bead in beads]
    for log in logs:
        with log.open("r+b") as file:
            size = log.stat().st_size
            match rng.choice(["garbage", "halved", "half a line"]):
                case "garbage":
                    file.write(rng.randbytes(size + 5000))
                case "halved":
                    file.truncate(size // 2)
                case _:
                    file.seek(0, os.SEEK_END)
                    file.write(b'{"seq":7,"at":"20')
    _go(town)
    for log in logs:
        town.client().query("getStream", runId=log.stem)
    rest(town, watch)
    for log in logs:
        town.client().query("getStream", runId=log.stem)


def one_older(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """The server is replaced by a newer one: a container that is one version older goes on, and so do its agents."""
    beads, container = _two_wait(town), town.container_pid
    _replace_server(town, rng, 1)
    assert town.container_pid == container, "the older container was replaced"
    _go(town)
    rest(town, watch)
    assert _begun(town, beads) == 2, "a run was begun again"


def two_older(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """As before, but the container is too old: it keeps its agents' work and gives way."""
    beads, container = _two_wait(town), town.container_pid
    _replace_server(town, rng, 2)
    eventually(lambda: town.container_pid not in (None, container), "a successor came")
    assert not lives(container or 0)
    _go(town)
    rest(town, watch)
    costs = town.ask("SELECT max(attempts) FROM beads WHERE id IN (?, ?)", *beads)[0][0]
    assert costs == 0, "an upgrade cost an attempt"


def _replace_server(town: DrillTown, rng: random.Random, newer_by: int) -> None:
    if rng.random() < 0.5:
        town.kill(town.server_pid)
    else:
        pid = town.server_pid or 0
        town.client().mutate("shutdown", keepContainer=True)
        eventually(lambda: not lives(pid), "the old server ends")
    town.end_zygote()
    town.protocol += newer_by
    town.up()


def never_comes_back(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """Without a server the container keeps its agents' work, and ends with them."""
    town.down()
    town.configure(orphan_after=rng.uniform(0.5, 1.5))
    town.up()
    _two_wait(town)
    town.kill(town.server_pid)
    eventually(lambda: not town.processes(), "everybody has gone")
    left = [path.name for path in town.home.rig(RIG).worktrees.glob("*") if path.name not in ("warm", "scratch")]
    assert not left, f"worktrees are left: {left}"
    assert not town.home.container_json.exists()
    town.configure()
    town.up()
    _go(town)


def stands_still(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """A container that is stopped for good is replaced, with its agents; their beads go on."""
    beads, container = _two_wait(town), town.container_pid
    town.freeze(container or 0)
    eventually(lambda: town.container_pid not in (None, container), "a successor came")
    assert not lives(container or 0)
    eventually(lambda: _begun(town, beads) == 4, "both beads run again")
    _go(town)
    rest(town, watch)
    assert _begun(town, beads) == 4
    costs = town.ask("SELECT max(attempts) FROM beads WHERE id IN (?, ?)", *beads)[0][0]
    assert costs == 0, "a lost container cost an attempt"


def machine_sleeps(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """Everything stands still for hours: no time limit, no silence and no back-off has run meanwhile."""
    town.kill(town.server_pid)
    town.configure(backoff=[30.0] * 4, stall_after=60, timeout=90)
    town.up()
    beads = _two_wait(town)
    (failing,) = town.sling("recovers")
    due = "SELECT not_before FROM beads WHERE id = ? AND not_before IS NOT NULL AND status = 'open'"
    before = eventually(lambda: town.ask(due, failing), "the third one has failed once")[0][0]
    eventually(lambda: not town.ask("SELECT 1 FROM runs WHERE bead_id = ? AND disposed_at IS NULL", failing), "cleared")
    everybody, slept = list(town.processes()), rng.choice([3600, 30_000])
    for pid in everybody:
        town.freeze(pid)
    town.sleep(slept)
    town.thaw(*everybody)
    eventually(lambda: town.ask("SELECT 1 FROM events WHERE kind = 'home.woke' AND at > ?", before), "it is noticed")
    after = town.ask(due, failing)[0][0]
    assert abs(after - before - slept) < 5, f"back-off was until {before}, and after {slept} s of sleep until {after}"
    _go(town)
    town.client().mutate("startBead", beadId=failing)
    rest(town, watch)
    assert _begun(town, beads) == 2, "a run was ended for the time that the machine slept"
    assert not town.ask("SELECT 1 FROM events WHERE kind = 'agent.stalled'"), "somebody counts as silent"
    town.kill(town.server_pid)
    town.configure()
    town.up()


def disk_is_full(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """The home's disk has no byte left, for a while."""
    if not town.small_disk:
        raise CannotShowError("a small disk can't be mounted here: that needs root")
    town.sling("works", "leaves", "quick")
    time.sleep(rng.uniform(0.0, 0.6))
    filler = town.home.root / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        time.sleep(rng.uniform(*SHORT_S))
    finally:
        filler.unlink()
    _help(town, watch)


def processes(town: DrillTown, rng: random.Random, watch: Watch) -> None:
    """The container may start no process any more, for a while."""
    if os.getuid() == 0 and not town.uid:
        raise CannotShowError("the limit does not hold for root, and Python can't be run here as anybody else")
    container = town.container_pid
    assert container
    town.sling("works", "leaves")
    time.sleep(rng.uniform(0.0, 0.5))
    with _limited(container, resource.RLIMIT_NPROC, 1):
        time.sleep(rng.uniform(*SHORT_S))
    _help(town, watch)


SCENE: dict[str, Scene] = {
    "database is locked": locked,
    "database is read-only": read_only,
    "database is truncated": truncated,
    "descriptors run out": descriptors,
    "remote hangs": remote_hangs,
    "machine sleeps": machine_sleeps,
    "disk is full": disk_is_full,
    "processes run out": processes,
    "stream is corrupt": stream,
    "container is one version older": one_older,
    "container is two versions older": two_older,
    "server never comes back": never_comes_back,
    "container stands still for good": stands_still,
}
