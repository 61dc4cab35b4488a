"""What is known about the memory that agents take, against what the machine has."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from boomtown.domain.memory import Memory, keep_free
from boomtown.domain.runs import StopReason
from boomtown.home.config import Settings
from boomtown.home.presets import PRESETS
from boomtown.rig.observed import Observed
from boomtown.store import runs, usage

LOOKED_BACK = 20
"""Runs of a kind from whose peaks it is known what the next one takes."""
MOST_TAKE_LESS = 0.9


def of_home(db: Connection, settings: Settings, observed: Observed, waiting: Iterable[str]) -> Memory | None:
    """None where there is nobody to ask. `waiting`: kinds of agents that would like to start."""
    machine = observed.memory()
    if machine is None:
        return None
    live = runs.at_work(db)
    needs = {
        kind: need for kind in {*waiting, *(run["agent_kind"] for run in live)} if (need := _need(db, settings, kind))
    }
    taken = {run["id"]: state.memory_bytes for run in live if (state := observed.states.get(run["id"]))}
    going_on = [run for run in live if run["stop_reason"] is None]
    return Memory(
        machine=machine,
        keep_free=settings.memory_keep_free if settings.memory_keep_free is not None else keep_free(machine.total),
        promised=sum(max(0, needs.get(run["agent_kind"], 0) - taken.get(run["id"], 0)) for run in going_on),
        needs=needs,
        live=len(live),
        youngest=max(going_on, key=lambda run: (run["claimed_at"], run["number"]))["id"] if going_on else None,
        making_room=any(run["stop_reason"] == StopReason.MEMORY for run in live),
    )


def _need(db: Connection, settings: Settings, kind: str) -> int:
    """What a person has said, else what nine of ten of its last runs kept below, else what its preset is known for."""
    agent = settings.agents.get(kind)
    if agent is not None and agent.memory is not None:
        return agent.memory
    peaks = sorted(usage.memory_peaks(db, kind, LOOKED_BACK))
    if peaks:
        return peaks[int(MOST_TAKE_LESS * (len(peaks) - 1))]
    preset = PRESETS.get((agent.preset or "") if agent else kind)
    return preset.memory_bytes if preset else 0
