"""Looks at a simulated town: at every commit, and at what is left when all has come to rest."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from boomtown.domain.invariants import breaches
from boomtown.rig.objects import Views
from boomtown.store import rigs, sql, tables
from tests.simulation import oracle

if TYPE_CHECKING:
    from tests.simulation.world import World

OBSERVED_WITHIN_S = 150.0
"""A container that goes silent is replaced after 90 s; the rest is for requests that are lost and for a grace."""
REPORT = '{"report": true}'
"""The metadata, as stored, of a bead that wants a report."""
LOOK_EVERY = 10
"""Commits between two looks at why beads wait: those are dear."""


class Checks:
    """What must hold in this world; what does not is added to `machine.errors`."""

    def __init__(self, world: World) -> None:
        self.world, self.machine, self.raw = world, world.machine, world.raw
        self._state = oracle.read(self.raw, world.settings)
        self._changes = self.raw.total_changes
        self._commits = 0
        self._owed: dict[str, tuple[str, str]] = {}
        self._gone: dict[str, list[str]] = {}
        self._reports: set[str] = set()
        """Beads with commits that want a report: those commits don't land."""
        self._strays: Counter[int] = Counter()

    def made(self, bead_id: str, rig: str, commit: str) -> None:
        """An agent's commit: it stays reachable, whatever comes."""
        self._owed[commit] = (bead_id, rig)
        if self.raw.execute("SELECT metadata FROM beads WHERE id = ?", (bead_id,)).fetchone() == (REPORT,):
            self._reports.add(bead_id)

    def discarded(self, bead_id: str) -> None:
        """A person gives up what is there by now."""
        self._owed = {commit: of for commit, of in self._owed.items() if of[0] != bead_id}

    def removed(self, rig: str) -> None:
        """A rig was removed, and nobody said that its work may go: there was none that had not landed."""
        self.machine.errors += [f"commit {commit} went with its rig" for commit in self._gone.get(rig, ())]

    def look_for_strays(self, seconds: int) -> None:
        """Called every so many `seconds` while server and container hear each other: the store knows whoever runs."""
        known = {run.id for run in self._state.runs if run.live}
        for process in self.machine.running:
            self._strays[process.pid] += seconds if process.spec.run_id not in known else 0
            if self._strays[process.pid] > OBSERVED_WITHIN_S:
                self.machine.errors.append(f"process {process.pid} runs, and the store does not know it")
                self.world.failed.set()

    def committed(self) -> None:
        self.machine.steps += 1
        self._commits += 1
        errors = self.machine.errors
        before = after = self._state
        if self.raw.total_changes != self._changes:  # what wrote no row left all as it was
            self._changes = self.raw.total_changes
            self._state = after = oracle.read(self.raw, self.world.settings)
            for rig in before.rigs.keys() - after.rigs.keys():
                mine = [bead for bead in before.beads if bead.rig_id == rig]
                unlanded = {bead.id for bead in mine if bead.status != "closed" or bead.id in self._reports}
                self._gone[rig] = [commit for commit, (bead, _) in self._owed.items() if bead in unlanded]
            errors += [f"{breach.rule} {breach.detail}" for breach in breaches(before, after)]
        ended = {run.id for run in before.runs if run.live} - {run.id for run in after.runs if run.live}
        if ended:
            errors += [
                f"run {process.spec.number} of {process.spec.rig} was ended while it is alive"
                for process in self.machine.running
                if process.spec.run_id in ended
            ]
            query = "SELECT outcome FROM runs WHERE id = ?"
            errors += [
                f"run {process.spec.number} of {process.spec.rig} is said not to have started, but it did"
                for process in self.machine.processes
                if process.spec.run_id in ended
                and self.raw.execute(query, (process.spec.run_id,)).fetchone() == ("start_failed",)
            ]
        if self.world.tracing:
            self._tell_news(before.events[0])
        if self._commits % LOOK_EVERY == 0:
            self._check_reasons()
        if errors:
            self.world.failed.set()

    def _tell_news(self, since: int) -> None:
        for kind, data in self.raw.execute("SELECT kind, data FROM events WHERE seq > ? ORDER BY seq", (since,)):
            self.world.note(f"  stored: {kind} {data}")

    def _check_reasons(self) -> None:
        """Why a bead waits is true whenever somebody asks."""
        if self.world.server is None:
            return
        engine, now = self.world.server.runtime.engine, self.machine.clock.now()

        def read(db: Connection) -> list[tuple[str, str | None]]:
            found = []
            for rig in rigs.all_rigs(db):
                query = tables.beads.select().where(
                    tables.beads.c.rig_id == rig["id"], tables.beads.c.status == "open", tables.beads.c.type == "issue"
                )
                shown = Views(db, self.world.settings, engine.observed, now).beads(sql.rows(db, query))
                found += [(bead["id"], bead["queue_reason"]) for bead in shown]
            return found

        for bead_id, said in engine.database.read_now(read):
            true = oracle.why_it_waits(self.raw, bead_id, self.world.settings, engine.observed, now)
            if said not in true:
                self.machine.errors.append(f"bead {bead_id} is said to wait for {said}; it is {true}")

    def claim_again(self) -> bool:
        """What a second server with an old picture would write: the store itself must refuse it."""
        live = self.raw.execute("SELECT * FROM runs WHERE ended_at IS NULL LIMIT 1").fetchone()
        if live is None:
            return False
        names = [column[1] for column in self.raw.execute("PRAGMA table_info(runs)")]
        row = dict(zip(names, live, strict=True)) | {"number": 1_000_000, "port_base": 1}
        apart = {"bead_id": "bead", "polecat_id": "polecat", "branch": "branch", "worktree": "worktree"}
        for column, what in apart.items():
            others = {other: f"another {other}" for other in apart if other != column}
            claim = row | others | {"id": f"rogue {column}"}
            marks = ", ".join("?" * len(names))
            self.raw.execute("PRAGMA foreign_keys=OFF")
            self.raw.execute("BEGIN IMMEDIATE")
            try:
                self.raw.execute(f"INSERT INTO runs VALUES ({marks})", [claim[name] for name in names])
                self.machine.errors.append(f"the store took a second live run for one {what}")
                self.world.failed.set()
            except sqlite3.IntegrityError:
                pass
            finally:
                self.raw.execute("ROLLBACK")
                self.raw.execute("PRAGMA foreign_keys=ON")
        return True

    def restless(self) -> Iterator[str]:
        """What has not come to its end yet."""
        if self.world.server is None or self.world.server.client.attached is None:
            yield "no server or container"
        blocked = "SELECT d.bead_id FROM dependencies d JOIN beads b ON b.id = d.blocker_id WHERE b.status <> 'closed'"
        query = (
            "SELECT id, status, type FROM beads WHERE status IN ('in_progress', 'in_review')"
            f" OR (status = 'open' AND id NOT IN ({blocked}))"
        )
        for bead_id, status, bead_type in self.raw.execute(query):
            yield f"{bead_type} {bead_id} is {status}"
        for number, phase in self.raw.execute("SELECT number, phase FROM runs WHERE disposed_at IS NULL"):
            yield f"run {number} is {phase}, its worktree not taken away"
        for process in self.machine.running:
            yield f"process {process.pid} is alive"
        if self.machine.container is not None and self.machine.container.runs:
            yield "the container remembers runs"

    def at_the_end(self) -> None:
        errors, machine = self.machine.errors, self.machine
        names = {row[0] for row in self.raw.execute("SELECT name FROM rigs")}
        for name, clone in machine.clones.items():
            if name in names:
                errors += [f"worktree {name}/{slug} is left" for slug in clone.worktrees]
        known = {row[0] for row in self.raw.execute("SELECT id FROM beads")}
        ids = {row[0] for row in self.raw.execute("SELECT id FROM rigs")}
        errors += [f"bead {bead} was acknowledged and is gone" for bead, rig in self.world.people.kept.items()
                   if rig in ids and bead not in known]  # fmt: skip
        for title, count in self.raw.execute("SELECT title, count(*) FROM beads GROUP BY title HAVING count(*) > 1"):
            if title in self.world.people.titles:
                errors.append(f"“{title}”, slung with a key, is there {count} times")
        self._check_commits(known)
        self._check_messages()
        self._check_attempts()
        self._check_landed()

    def _check_commits(self, known: set[str]) -> None:
        """No commit that was ever on a polecat's branch becomes unreachable while its rig is there."""
        reachable = {name: clone.reachable(self.machine.objects) for name, clone in self.machine.clones.items()}
        for commit, (bead_id, rig) in self._owed.items():
            if bead_id in known and rig in reachable and commit not in reachable[rig]:
                self.machine.errors.append(f"commit {commit} of bead {bead_id} is lost")

    def _check_attempts(self) -> None:
        """What is no bead's fault takes none of its attempts."""
        free = "('quota', 'auth', 'setup_failed', 'budget')"
        query = f"SELECT bead_id, outcome FROM attempts WHERE costs AND outcome IN {free}"
        for bead_id, outcome in self.raw.execute(query):
            self.machine.errors.append(f"{outcome} took an attempt of bead {bead_id}")

    def _check_messages(self) -> None:
        """What an agent that is spoken with is said to have taken in, its session has."""
        taken = {message for session in self.machine.sessions.values() for message in session}
        query = (
            "SELECT m.id FROM messages m JOIN beads b ON b.id = m.bead_id WHERE m.state = 'delivered' AND b.agents = ?"
        )
        for kind in (name for name in self.world.settings.agents if self.world.settings.talks(name)):
            for (message,) in self.raw.execute(query, (kind,)):
                if message not in taken:
                    self.machine.errors.append(f"message {message} is said to be delivered, and no session took it")

    def _check_landed(self) -> None:
        """A closed bead's work is over there; one that wanted a report has it."""
        query = (
            "SELECT id FROM beads WHERE status = 'closed' AND metadata = ? AND id NOT IN"
            " (SELECT bead_id FROM runs WHERE outcome = 'reported' AND length(summary) > 0)"
        )
        for (bead_id,) in self.raw.execute(query, (REPORT,)):
            self.machine.errors.append(f"bead {bead_id} was closed without its report")
        objects = self.machine.objects
        query = (
            "SELECT b.id, r.name, m.branch, m.merge_commit FROM beads b JOIN rigs r ON r.id = b.rig_id"
            " LEFT JOIN merges m ON m.bead_id = b.id AND m.status = 'merged'"
            " WHERE b.status = 'closed' AND b.type = 'issue' AND b.metadata <> ?"
        )
        for bead_id, rig, branch, commit in self.raw.execute(query, (REPORT,)):
            remote = self.machine.clones[rig].remote
            if branch is None:
                self.machine.errors.append(f"bead {bead_id} was closed without a merge")
            elif commit is None and branch not in remote.branches:
                self.machine.errors.append(f"bead {bead_id} was closed, {branch} is not over there")
            elif commit is not None and objects.merge(remote.main, commit)[0] != objects.files(remote.main):
                self.machine.errors.append(f"bead {bead_id} was closed, {commit} is not over there")
