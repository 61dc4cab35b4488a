"""Waiting for beads: until all are closed, or nothing more can move without a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from boomtown.cli.beads import all_beads, merges_by_bead
from boomtown.cli.client import LONG_POLL_S, Client
from boomtown.cli.output import clean
from boomtown.cli.sentences import bead_sentence, short

Bead = dict[str, Any]

UNFINISHED = ("open", "in_progress", "in_review")
FINISHED = ("closed", "failed", "cancelled")
NEEDS_A_PERSON = ("held", "paused", "auth", "quota", "budget")
"""Reasons to wait that only a person ends, unless the server knows when (`not_before`)."""
MERGE_NEEDS_A_PERSON = ("approval", "remote_refused", "base_red")


@dataclass(frozen=True)
class Board:
    """How the beads stood at one moment, in the order they were given, and what is known of others that block them."""

    beads: list[Bead]
    merges: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: dict[str, Bead] = field(default_factory=dict)

    @property
    def landed(self) -> bool:
        """All are closed."""
        return all(bead["status"] == "closed" for bead in self.beads)

    @property
    def settled(self) -> bool:
        """None of them can move without a person."""
        return not any(self.moves(bead) for bead in self.beads)

    def moves(self, bead: Bead) -> bool:
        """Whether something happens with this bead, now or later, if nobody does anything."""
        return self._moves(bead, frozenset())

    def _moves(self, bead: Bead, seen: frozenset[str]) -> bool:
        if bead["status"] in FINISHED or bead["id"] in seen or bead["type"] == "escalation":
            return False
        if bead["status"] == "in_review":
            merge = self.merges.get(bead["id"])
            return merge is None or merge["status"] not in MERGE_NEEDS_A_PERSON
        if bead["status"] == "open":
            if bead["queue_reason"] == "blocked":
                known = {other["id"]: other for other in self.beads} | self.others
                blockers = [known[blocker] for blocker in bead["blocked_by"] if blocker in known]
                return all(b["status"] == "closed" or self._moves(b, seen | {bead["id"]}) for b in blockers)
            return bead["queue_reason"] not in NEEDS_A_PERSON or _knows_when(bead)
        return True

    def sentence(self, bead: Bead) -> str:
        """What happens with a bead, for people."""
        return bead_sentence(bead, self.merges.get(bead["id"]))

    def verdict(self) -> Iterator[str]:
        """What it came to; each bead that is not closed with what a person can do."""
        closed = sum(bead["status"] == "closed" for bead in self.beads)
        if self.landed:
            yield f"All {closed} closed." if closed > 1 else "Closed."
            return
        yield f"{closed} of {len(self.beads)} closed; the rest can't go on without you:"
        for bead in self.beads:
            if bead["status"] != "closed":
                yield f"  {short(bead['id'])} {bead['status']}  “{clean(bead['title'])[:60]}”  {self.sentence(bead)}"


def _knows_when(bead: Bead) -> bool:
    return bead["queue_reason"] in ("auth", "quota", "budget") and bead["not_before"] is not None


class Wait:
    """Follows beads of one rig. Each event of the rig is a reason to look again; in between it waits for the server."""

    def __init__(self, client: Client, beads: list[Bead]) -> None:
        self._client = client
        self._rig = beads[0]["rig_id"]
        self._ids = [bead["id"] for bead in beads]
        self._finished: dict[str, Bead] = {}
        self.board = Board(beads)

    def boards(self) -> Iterator[Board]:
        """The board whenever it may have changed; ends with the one that is settled."""
        since = self._begin()
        while True:
            self.board = self._patiently(self._look)
            yield self.board
            if self.board.settled:
                return
            since = self._patiently(lambda since=since: self._next(since))

    def _begin(self) -> int:
        """A position in the ledger from before the first look, so that no change falls between the two."""
        return self._patiently(lambda: self._client.query("getBeadEvents", beadId=self._ids[0], limit=1)["nextSince"])

    def _next(self, since: int) -> int:
        page = self._client.query("getBeadEvents", wait_s=LONG_POLL_S, rigId=self._rig, since=since, limit=1000)
        for event in page["items"]:
            self._finished.pop(event["bead_id"], None)
        return page["nextSince"]

    def _patiently(self, call: Callable[[], Any]) -> Any:
        return self._client.patiently(call)

    def _look(self) -> Board:
        """One page or two of what is unfinished in the rig, and one call for each of ours that has just finished."""
        unfinished: dict[str, Bead] = {}
        for status in UNFINISHED:  # in the order beads move, so that none slips through
            unfinished |= {bead["id"]: bead for bead in all_beads(self._client, self._rig, status)}
        beads = [self._bead(bead_id, unfinished) for bead_id in self._ids]
        in_review = any(bead["status"] == "in_review" for bead in beads)
        merges = merges_by_bead(self._client, self._rig) if in_review or self._finished else {}
        return Board(beads, merges, self._blockers(beads, unfinished))

    def _bead(self, bead_id: str, unfinished: dict[str, Bead]) -> Bead:
        if bead_id in unfinished:
            return unfinished[bead_id]
        if bead_id not in self._finished:
            bead = self._client.query("getBead", beadId=bead_id)
            if bead["status"] not in FINISHED:
                return bead
            self._finished[bead_id] = bead
        return self._finished[bead_id]

    def _blockers(self, beads: list[Bead], unfinished: dict[str, Bead]) -> dict[str, Bead]:
        """What ours wait for, however far that goes: all unfinished ones are known, failed ones are asked for."""
        ours = {bead["id"] for bead in beads}
        known = dict(unfinished)
        wanted = [blocker for bead in beads for blocker in bead["blocked_by"]]
        seen: set[str] = set()
        while wanted:
            bead_id = wanted.pop()
            if bead_id in seen:
                continue
            seen.add(bead_id)
            if bead_id not in known and bead_id not in ours:
                known[bead_id] = self._client.query("getBead", beadId=bead_id)
            wanted += known.get(bead_id, {}).get("blocked_by", [])
        return known
