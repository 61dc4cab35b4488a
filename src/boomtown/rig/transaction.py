"""One command of one rig: a connection, a moment, an actor, and what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from boomtown.domain.seams import NewId
from boomtown.store import events
from boomtown.store.sql import Row


@dataclass
class Tx:
    """Lives on the writer's thread, inside one SQL transaction. `now` is epoch seconds and does not move."""

    db: Connection
    now: float
    new_id: NewId
    actor: str
    emitted: list[str] = field(default_factory=list)
    freed: bool = False
    """A slot was freed: rigs that share the home's cap may go on."""
    all_rigs: bool = False
    """Something has changed that counts for every rig."""

    def emit(
        self,
        kind: str,
        *,
        rig: Row | None = None,
        bead_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        **data: Any,
    ) -> None:
        """Append to the ledger; readers are woken when the transaction is stored."""
        events.append(
            self.db,
            id=self.new_id(),
            at=self.now,
            town_id=rig["town_id"] if rig else None,
            rig_id=rig["id"] if rig else None,
            bead_id=bead_id,
            agent_id=agent_id,
            run_id=run_id,
            kind=kind,
            actor=self.actor,
            data=data,
        )
        self.emitted.append(kind)
