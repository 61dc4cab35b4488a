"""Which agent kinds may start something now: caps of the home's settings, and what providers refused."""

from __future__ import annotations

from sqlalchemy import Connection

from boomtown.domain.kinds import KindState, Refused
from boomtown.home.config import Settings
from boomtown.store import beads, kinds, runs
from boomtown.store.sql import Row


def states(db: Connection) -> dict[str, KindState]:
    """What is stored of kinds that were refused."""
    return {row["kind"]: _state(row) for row in kinds.refused(db)}


def _state(row: Row) -> KindState:
    values: Row = {**row, "why": Refused(row["why"])}
    return KindState(**values)


class Kinds:
    """All kinds of the home at one moment. `places`: free ones of kinds that have a bound."""

    def __init__(self, db: Connection, settings: Settings, now: float) -> None:
        self._db, self._now = db, now
        self.refused = states(db)
        self.suspended = frozenset(kind for kind, state in self.refused.items() if self._is_suspended(state))
        self.places = self._places(settings)

    def _is_suspended(self, state: KindState) -> bool:
        probes = state.probing(self._now) and kinds.live_since(self._db, state.kind, state.since)
        return state.blocks(self._now) or probes

    def _places(self, settings: Settings) -> dict[str, int]:
        caps = {name: agent.max for name, agent in settings.agents.items() if agent.max is not None}
        live = runs.live_by_kind(self._db) if caps else {}
        places = {kind: cap - live.get(kind, 0) for kind, cap in caps.items()}
        for kind, state in self.refused.items():
            if state.probing(self._now):
                places[kind] = min(places.get(kind, 1), 1)
        return places

    def choice(self, agents: str) -> str | None:
        """The kind that a bead for `agents` would be given to; None if all of them are suspended."""
        return next((kind for kind in agents.split(",") if kind not in self.suspended), None)

    def left_out(self) -> list[str]:
        """Of what open beads are for, all that can't be given to anybody now."""
        if not self.suspended and all(left > 0 for left in self.places.values()):
            return []
        found = ((agents, self.choice(agents)) for agents in beads.waiting_agents(self._db))
        return [agents for agents, kind in found if kind is None or self.places.get(kind, 1) <= 0]

    def keeps_waiting(self, agents: str) -> KindState | None:
        """Why a bead for `agents` must wait for a provider or a login: the kind that will be there first."""
        if not agents or self.choice(agents) is not None:
            return None
        return min(
            (self.refused[kind] for kind in agents.split(",")),
            key=lambda state: float("inf") if state.until is None else state.until,
        )
