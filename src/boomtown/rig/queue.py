"""Why an open bead waits, read when somebody asks, so that it is always true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection

from boomtown.domain.beads import BeadStatus, BeadType, QueueReason
from boomtown.domain.budgets import Purse
from boomtown.domain.kinds import KindState, Refused
from boomtown.domain.memory import Memory
from boomtown.home.config import Settings
from boomtown.home.times import iso
from boomtown.rig import memory, purses
from boomtown.rig.kinds import Kinds
from boomtown.rig.look import breaker_open
from boomtown.rig.observed import Observed
from boomtown.store import beads, rigs, runs
from boomtown.store.sql import Row


@dataclass(frozen=True)
class Waiting:
    """`reason` is for programs, `detail` the sentence and the cure for people. `position`: place in line, from 1."""

    reason: str
    detail: str
    position: int | None = None
    blocked_by: tuple[str, ...] = ()
    not_before: float | None = None
    """When it can go on, where that is known; epoch seconds."""


class Queue:
    """The waiting beads of one rig at one moment; what is common to them is read once."""

    def __init__(self, db: Connection, rig: Row, settings: Settings, observed: Observed, now: float) -> None:
        self._db, self._rig, self._settings, self._now = db, rig, settings, now
        self._observed, self._closing = observed, observed.closing
        self._purses: tuple[Purse, ...] | None = None
        self._home = rigs.the_home(db)

    def reasons(self, rows: Iterable[Row]) -> dict[str, Waiting]:
        """For each open issue among `rows`, why it waits; nothing for one that is about to start."""
        waiting = [row for row in rows if row["status"] == BeadStatus.OPEN and row["type"] == BeadType.ISSUE]
        blockers = beads.blockers(self._db, [row["id"] for row in waiting])
        own = purses.of_beads(self._db, waiting, self._observed)
        found = {row["id"]: self._reason(row, blockers.get(row["id"], []), own.get(row["id"], ())) for row in waiting}
        return {bead_id: reason for bead_id, reason in found.items() if reason is not None}

    def _reason(self, bead: Row, blockers: list[Row], own: tuple[Purse, ...]) -> Waiting | None:
        blocked_by = tuple(row["id"] for row in blockers)
        if bead["held"]:
            why = bead["held_why"] or "Held. `boomtown bead start` starts it."
            return Waiting(QueueReason.HELD, why, blocked_by=blocked_by)
        if blockers:
            return Waiting(QueueReason.BLOCKED, _blocked(blockers), blocked_by=blocked_by)
        if paused := self._paused():
            return Waiting(QueueReason.PAUSED, paused)
        if refused := self._kinds.keeps_waiting(bead["agents"] or ""):
            return Waiting(refused.why, provider_words(refused, self._now), not_before=refused.until)
        if budget := self._budget(own):
            return budget
        if bead["not_before"] is not None and bead["not_before"] > self._now:
            used = f"attempt {bead['attempts']} failed" if bead["attempts"] else "its run was lost"
            return Waiting(QueueReason.BACKOFF, f"Waiting until {iso(bead['not_before'])}: {used}.")
        return self._cap(bead)

    @cached_property
    def _kinds(self) -> Kinds:
        return Kinds(self._db, self._settings, self._now)

    def _paused(self) -> str | None:
        if self._rig["paused"]:
            why = self._rig["pause_why"] or "The rig is paused."
            return f"{why} `boomtown resume {self._rig['name']}` goes on."
        if self._home["paused"]:
            return "The whole home is paused. `boomtown resume` goes on."
        if self._closing:
            return "The home is going down. The next `boomtown up` goes on."
        if self._breaker:
            count, minutes = self._settings.breaker_failures, self._settings.breaker_window_s / 60
            return f"{count} beads failed within {minutes:g} minutes. Look why, then `boomtown resume`."
        return None

    def _budget(self, own: tuple[Purse, ...]) -> Waiting | None:
        if self._purses is None:
            self._purses = purses.of_rig(self._db, self._rig, self._settings, self._observed, self._now)
        spent = [purse for purse in (*own, *self._purses) if purse.exhausted]
        if not spent:
            return None
        renewals = [purse.renews_at for purse in spent]
        known = [at for at in renewals if at is not None]
        not_before = max(known) if len(known) == len(renewals) else None
        renews = f" It begins anew at {iso(not_before)}." if not_before is not None else ""
        return Waiting(
            QueueReason.BUDGET, f"{spent[0].words}.{renews} Raise it: {spent[0].cure}", not_before=not_before
        )

    @cached_property
    def _breaker(self) -> bool:
        return breaker_open(self._db, self._home, self._settings, self._now)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return beads.positions(self._db, self._rig["id"], self._now)

    @cached_property
    def _live(self) -> dict[str, int]:
        """By rig."""
        return runs.live_by_rig(self._db)

    @cached_property
    def _live_kinds(self) -> dict[str, int]:
        return runs.live_by_kind(self._db)

    def _cap(self, bead: Row) -> Waiting | None:
        position = self._positions.get(bead["id"])
        if position is None:
            return Waiting(QueueReason.BACKOFF, "Its last run is being cleaned up.")
        kind = self._kinds.choice(bead["agents"] or "") or ""
        if pressure := self._pressure(kind, position):
            return pressure
        live, cap = self._live.get(self._rig["id"], 0), self._rig["max_polecats"]
        line = f"{_ordinal(position)} in line"
        if live >= cap:
            return Waiting(QueueReason.CAP, f"{live} of {cap} slots busy, {line}", position)
        most = self._settings.max_agents
        if most is not None and (busy := sum(self._live.values())) >= most:
            return Waiting(QueueReason.CAP, f"{busy} of {most} agents of the home busy, {line}", position)
        agent = self._settings.agents.get(kind)
        if agent is not None and agent.max is not None:
            busy = self._live_kinds.get(agent.name, 0)
            if busy >= agent.max:
                return Waiting(QueueReason.CAP, f"{busy} of {agent.max} {agent.name} agents busy, {line}", position)
        if most is not None:
            return Waiting(QueueReason.CAP, f"Other rigs are served first, {line}", position)
        return None

    @cached_property
    def _head(self) -> str:
        """The kind of the first in line that its kind's cap would let start."""
        first = beads.startable(self._db, self._rig["id"], self._now, 1, self._kinds.left_out())
        return self._kinds.choice(first[0]["agents"]) or "" if first else ""

    @cached_property
    def _memory(self) -> Memory | None:
        waiting = (self._kinds.choice(agents) or "" for agents in beads.waiting_agents(self._db))
        return memory.of_home(self._db, self._settings, self._observed, self._rig["id"], waiting)

    def _pressure(self, kind: str, position: int) -> Waiting | None:
        """Memory decides in line: who comes later waits for whom comes first, and for what it needs itself."""
        found = self._memory
        if found is None:
            return None
        for lacking in (self._head, kind):
            if found.lacks_for(lacking, found.live, found.left):
                words = f"{found.words(lacking)}; {_ordinal(position)} in line"
                return Waiting(QueueReason.PRESSURE, words, position)
        return None


def provider_words(state: KindState, now: float) -> str:
    """Why an agent kind can't be used, and the cure."""
    if state.why == Refused.AUTH and state.until is None:
        cure = f"`boomtown agent login {state.kind}` gives it one."
        return f"{state.kind} has no usable login. {cure} It said: {state.words}"
    if state.blocks(now):
        when = "until" if state.reported else "and is tried again at"
        return f"{state.kind} has reached a limit of its provider {when} {iso(state.until)}. It said: {state.words}"
    return f"One run tries whether {state.kind} is answered again. It last said: {state.words}"


def _blocked(blockers: list[Row]) -> str:
    """By name; a blocker that ended badly is said, since only a person gets past it."""
    names = ", ".join(f"“{row['title']}”" for row in blockers[:3]) + (" and more" if len(blockers) > 3 else "")
    dead = [row for row in blockers if row["status"] in (BeadStatus.FAILED, BeadStatus.CANCELLED)]
    if dead:
        return f"Waits for {names}; “{dead[0]['title']}” is {dead[0]['status']}. Retry it, or edit what this waits for."
    return f"Waits for {names}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
