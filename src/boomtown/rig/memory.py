"""What is known about the memory that agents take, against what the machine has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from boomtown.domain.memory import Memory, Taking, keep_free, promised
from boomtown.domain.runs import StopReason
from boomtown.home.config import Settings
from boomtown.home.presets import PRESETS
from boomtown.rig.observed import Observed
from boomtown.store import runs, usage
from boomtown.store.sql import Row

LOOKED_BACK = 20
"""Runs of a kind from whose peaks it is known what the next one takes."""
MOST_TAKE_LESS = 0.9


def of_home(
    db: Connection, settings: Settings, observed: Observed, rig_id: str, waiting: Iterable[str]
) -> Memory | None:
    """None where there is nobody to ask. `waiting`: kinds of agents that would like to start in the rig."""
    machine = observed.memory()
    if machine is None:
        return None
    live = runs.at_work(db)
    going_on = [run for run in live if run["stop_reason"] is None]
    served = {run["agent_kind"] for run in live if run["rig_id"] == rig_id and settings.shares(run["agent_kind"])}
    kinds = {*waiting, *(run["agent_kind"] for run in live)}
    whole = {kind: need for kind in kinds if (need := _need(db, settings, kind))}
    return Memory(
        machine=machine,
        keep_free=settings.memory_keep_free if settings.memory_keep_free is not None else keep_free(machine.total),
        promised=promised(_taking(run, observed, settings, whole) for run in going_on),
        needs={kind: _one_more(settings, kind) if kind in served else need for kind, need in whole.items()},
        live=len(live),
        youngest=max(going_on, key=lambda run: (run["claimed_at"], run["number"]))["id"] if going_on else None,
        making_room=any(run["stop_reason"] == StopReason.MEMORY for run in live),
    )


def _taking(run: Row, observed: Observed, settings: Settings, needs: Mapping[str, int]) -> Taking:
    kind, state = run["agent_kind"], observed.states.get(run["id"])
    whole, taken = needs.get(kind, 0), state.memory_bytes if state else 0
    if settings.shares(kind):
        return Taking((run["rig_id"], kind), whole, _one_more(settings, kind), taken)
    return Taking(run["id"], whole, whole, taken)


def _one_more(settings: Settings, kind: str) -> int:
    """What one more session takes in a process that is there."""
    return PRESETS[settings.agents[kind].preset or ""].session_bytes


def _need(db: Connection, settings: Settings, kind: str) -> int:
    """What a person has said, else what nine of ten of its last runs kept below, else what its preset is known for.

    Runs that share a process have no peaks of their own: what they show depends on how many they are.
    """
    agent = settings.agents.get(kind)
    if agent is not None and agent.memory is not None:
        return agent.memory
    peaks = [] if settings.shares(kind) else sorted(usage.memory_peaks(db, kind, LOOKED_BACK))
    if peaks:
        return peaks[int(MOST_TAKE_LESS * (len(peaks) - 1))]
    preset = PRESETS.get((agent.preset or "") if agent else kind)
    return preset.memory_bytes if preset else 0
