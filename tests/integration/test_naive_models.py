"""Names, branches, the queue, the merge queue and streams, in any order of steps, beside a naive model."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from boomtown.container.frames import FrameReader, last_seq, tail_position
from boomtown.container.streams import StreamWriter
from boomtown.domain.branches import branch_name, prefix, slug
from boomtown.domain.names import POOL, lowest_free
from boomtown.home.clock import LoopScheduler
from boomtown.store import beads, merges, rigs, sql, tables
from boomtown.store.database import Database

quick = settings(derandomize=True, database=None, deadline=None, max_examples=25, stateful_step_count=20)


class Names(RuleBasedStateMachine):
    """Beads get polecats and are finished. The model is a list of who has which name."""

    def __init__(self) -> None:
        super().__init__()
        self.pool: tuple[str, ...] = POOL
        self.names: dict[str, str] = {}
        self.branches: dict[str, str] = {}

    @initialize(pool=st.sampled_from([POOL, ("Ann", "Böb", "c d"), ()]))
    def choose(self, pool: tuple[str, ...]) -> None:
        self.pool = pool

    @rule(bead=st.text("ab-", min_size=8, max_size=9))
    def hook(self, bead: str) -> None:
        if bead in self.branches:
            return
        name = lowest_free(self.names.values(), self.pool)
        taken = {slug(other) for other in self.names.values()}
        endless = [*self.pool, *(f"Polecat-{number}" for number in range(len(self.pool) + 1, 100))]
        assert name == next(other for other in endless if slug(other) not in taken)
        self.names[bead] = name
        self.branches[bead] = branch_name(name, prefix(bead, list(self.branches)))

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        del self.names[data.draw(st.sampled_from(sorted(self.names)))]

    @invariant()
    def nobody_shares(self) -> None:
        assert len({slug(name) for name in self.names.values()}) == len(self.names)
        live = [self.branches[bead] for bead in self.names]
        assert len(set(live)) == len(live)


class Queue(RuleBasedStateMachine):
    """Beads and merges of one rig in a real database. The model is a list of dicts, sorted and filtered by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.scheduler = LoopScheduler()
        self.database = Database.open(None, self.scheduler)
        tables.metadata.create_all(self.database.engine)
        self.database.write_now(self._begin)
        self.beads: list[dict[str, Any]] = []
        self.merges: list[dict[str, Any]] = []
        self.now = 1000.0

    def _begin(self, db: Any) -> None:
        rigs.ensure_home(db, "home", "town", 0.0)
        row = {"id": "rig", "town_id": "town", "name": "web", "name_key": "web", "git_url": "/web", "created_at": 0.0}
        row |= {"default_branch": "main", "max_polecats": 2, "merge": "review", "landing": "squash"}
        sql.add(db, tables.rigs, **row, gates=[], settings={})

    def teardown(self) -> None:
        self.database.close()
        self.loop.run_until_complete(self.scheduler.close())
        self.loop.close()

    @rule(rank=st.integers(0, 3), kind=st.sampled_from("ab"), held=st.booleans(), after=st.none() | st.integers(0, 9))
    def sling(self, rank: int, kind: str, held: bool, after: int | None) -> None:
        bead = {
            "id": f"bead {len(self.beads)}",
            "rank": rank,
            "kind": kind,
            "held": held,
            "status": "open",
            "due": None,
        }
        blocker = self.beads[after]["id"] if after is not None and after < len(self.beads) else None
        self.beads.append({**bead, "after": blocker})

        def store(db: Any) -> None:
            row = {
                "id": bead["id"],
                "rig_id": "rig",
                "type": "issue",
                "status": "open",
                "title": "t",
                "body": "",
                "rank": rank,
            }
            row |= {"priority": "medium", "prefix": bead["id"], "agent_kind": kind, "agents": kind, "held": held}
            sql.add(
                db,
                tables.beads,
                **row,
                created_by="ann",
                labels=[],
                metadata={},
                created_at=self.now,
                updated_at=self.now,
            )
            beads.set_blockers(db, bead["id"], [blocker] if blocker else [])

        self.database.write_now(store)

    @precondition(lambda self: self.beads)
    @rule(data=st.data(), status=st.sampled_from(["open", "in_progress", "closed", "failed"]), held=st.booleans())
    def change(self, data: st.DataObject, status: str, held: bool) -> None:
        bead = data.draw(st.sampled_from(self.beads))
        due = data.draw(st.none() | st.integers(-20, 20).map(lambda seconds: self.now + seconds))
        bead |= {"status": status, "held": held, "due": due}
        row = next(known for known in self._rows() if known["id"] == bead["id"])
        changed = {"status": status, "held": held, "not_before": due}
        self.database.write_now(lambda db: sql.change(db, tables.beads, row["id"], **changed))

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: self.beads)
    @rule(data=st.data())
    def hand_on(self, data: st.DataObject) -> None:
        bead = data.draw(st.sampled_from(self.beads))["id"]
        if any(merge["bead"] == bead and merge["status"] != "failed" for merge in self.merges):
            return
        made = {"id": f"merge {len(self.merges)}", "bead": bead, "status": "approval"}
        self.merges.append(made)
        row = {"id": made["id"], "bead_id": bead, "branch": "b", "created_at": self.now, "updated_at": self.now}
        self.database.write_now(lambda db: merges.add(db, "rig", **row, status="approval"))

    @precondition(lambda self: self.merges)
    @rule(data=st.data(), status=st.sampled_from(["waiting", "testing", "landing", "merged", "failed", "base_red"]))
    def move(self, data: st.DataObject, status: str) -> None:
        merge = data.draw(st.sampled_from(self.merges))
        if merge["status"] in ("merged", "failed"):
            return
        merge["status"] = status
        self.database.write_now(lambda db: sql.change(db, tables.merges, merge["id"], status=status))

    def _rows(self) -> list[dict[str, Any]]:
        return self.database.read_now(lambda db: beads.of_rig(db, "rig"))

    def _waiting(self) -> list[dict[str, Any]]:
        status = {bead["id"]: bead["status"] for bead in self.beads}
        free = [
            bead
            for bead in self.beads
            if bead["status"] == "open"
            and not bead["held"]
            and (bead["due"] is None or bead["due"] <= self.now)
            and status.get(bead["after"], "closed") == "closed"
        ]
        return sorted(free, key=lambda bead: bead["rank"])

    @invariant()
    def the_line_is_the_same(self) -> None:
        line = [bead["id"] for bead in self._waiting()]

        def look(db: Any) -> None:
            assert beads.positions(db, "rig", self.now) == {bead: place for place, bead in enumerate(line, 1)}
            assert [row["id"] for row in beads.startable(db, "rig", self.now, 3)] == line[:3]
            of_a = [bead["id"] for bead in self._waiting() if bead["kind"] == "a"]
            assert [row["id"] for row in beads.startable(db, "rig", self.now, 2, ["b"])] == of_a[:2]
            due = [bead["due"] for bead in self.beads if bead["status"] == "open" and not bead["held"] and bead["due"]]
            assert beads.next_due(db, "rig", self.now) == min((at for at in due if at > self.now), default=None)

        self.database.read_now(look)

    @invariant()
    def the_merges_are_the_same(self) -> None:
        def look(db: Any) -> None:
            unfinished = [merge for merge in self.merges if merge["status"] not in ("merged", "failed")]
            found = [(row["id"], row["status"]) for row in merges.unfinished(db, "rig")]
            assert found == [(merge["id"], merge["status"]) for merge in unfinished]
            for bead in {merge["bead"] for merge in self.merges}:
                known = merges.unfinished_of_bead(db, bead)
                assert (known or {}).get("id") == next((m["id"] for m in unfinished if m["bead"] == bead), None)
                last = merges.last_of_bead(db, bead)
                assert last is not None
                assert last["id"] == [merge["id"] for merge in self.merges if merge["bead"] == bead][-1]

        self.database.read_now(look)


class Streams(RuleBasedStateMachine):
    """One run's file; who writes it crashes, who reads it comes and goes. The model is a list of lines."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="boomtown-streams-"))
        self.path = self.folder / "run.jsonl"
        self.writer: StreamWriter | None = None
        self.lines: list[Any] = []
        self.readers: list[tuple[FrameReader, list[Any]]] = []

    def teardown(self) -> None:
        if self.writer is not None:
            self.loop.run_until_complete(self._write(lambda writer: writer.close()))
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _write(self, work: Any) -> None:
        if self.writer is None:
            self.writer = StreamWriter(self.path)
        work(self.writer)
        self.writer.flush()

    @rule(
        texts=st.lists(
            st.text(max_size=5) | st.integers(60_000, 70_000).map(lambda length: "x" * length), min_size=1, max_size=4
        )
    )
    def print(self, texts: list[str]) -> None:
        self.loop.run_until_complete(self._write(lambda writer: writer.lines("stdout", texts)))
        self.lines += [text.encode("utf-8", "replace").decode() for text in texts]

    @rule(data=st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=2))
    def tell(self, data: dict[str, Any]) -> None:
        self.loop.run_until_complete(self._write(lambda writer: writer.event("plan", data)))
        self.lines.append(json.loads(json.dumps(data)))

    @precondition(lambda self: self.writer is not None)
    @rule(torn=st.binary(max_size=20).filter(lambda part: b"\n" not in part))
    def crash(self, torn: bytes) -> None:
        """The container is gone in the middle of a line."""
        assert self.writer is not None
        self.writer.close()
        self.writer = None
        with self.path.open("ab") as file:
            file.write(b'{"seq":' * bool(torn) + torn)

    @rule(after=st.integers(0, 12))
    def come(self, after: int) -> None:
        after = min(after, len(self.lines))
        self.readers.append((FrameReader(self.path, after), self.lines[:after]))

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def read(self, data: st.DataObject, limit: int) -> None:
        reader, heard = data.draw(st.sampled_from(self.readers))
        heard += [frame["data"] for frame in reader.read(limit)]
        assert heard == self.lines[: len(heard)]

    @invariant()
    def everything_is_there(self) -> None:
        assert last_seq(self.path) == len(self.lines)
        assert tail_position(self.path, 3) == max(0, len(self.lines) - 3)
        reader, heard = FrameReader(self.path), list[Any]()
        while found := reader.read():
            heard += [frame["data"] for frame in found]
        assert heard == self.lines


TestNames = Names.TestCase
TestNames.settings = quick
TestQueue = Queue.TestCase
TestQueue.settings = quick
TestStreams = Streams.TestCase
TestStreams.settings = quick
