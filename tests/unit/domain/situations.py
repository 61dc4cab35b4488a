"""Situations of one rig, with defaults for all that a test does not care about."""

from __future__ import annotations

from dataclasses import replace as replace
from typing import Any

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.merges import MergeStatus
from boomtown.domain.reconcile import reconcile
from boomtown.domain.runs import GitFacts, RunPhase
from boomtown.domain.snapshot import BeadView, Container, MergeView, PolecatView, Rules, RunView, Seen, Snapshot

NOW = 1_000_000.0
CLEAN = GitFacts(own_commits=0, tip="base")
WORK = GitFacts(own_commits=1, tip="work")
RULES = Rules()


def bead(name: str = "b1", status: str = BeadStatus.IN_PROGRESS, **more: Any) -> BeadView:
    return BeadView(**{"id": name, "status": status, "title": name, "prefix": name, "kinds": ("mine",), **more})


def run(name: str = "r1", of: BeadView | None = None, **more: Any) -> RunView:
    """A running one, unless told otherwise; its bead, polecat and number follow from its name."""
    values = {
        "id": name,
        "number": int(name[1:]),
        "polecat_id": f"p{name[1:]}",
        "bead": of or bead(f"b{name[1:]}"),
        "phase": RunPhase.RUNNING,
        "claimed_at": NOW - 60,
        "deadline_at": NOW + 3600,
        "container_id": "c1",
        "started_at": NOW - 59,
        "agent_kind": "mine",
    }
    return RunView(**(values | more))


def running(**more: Any) -> Seen:
    return Seen(**({"state": "running", "pid": 7, "started_at": NOW - 59, "last_output_at": NOW - 1} | more))


def exited(code: int | None = 0, facts: GitFacts | None = WORK, **more: Any) -> Seen:
    return Seen("exited", exit_code=code, facts=facts, **more)


def container(runs: dict[str, Seen] | None = None, name: str = "c1", **more: Any) -> Container:
    return Container(name, runs or {}, **more)


def merge(name: str = "m1", status: str = MergeStatus.WAITING, clear: bool = True, **more: Any) -> MergeView:
    return MergeView(name, f"bead of {name}", status, clear, **more)


def polecat(of: BeadView, name: str = "Toast", identity: str = "p1") -> PolecatView:
    return PolecatView(identity, name, of.id, of.status)


def rig(**more: Any) -> Snapshot:
    values = {
        "rig_id": "rig",
        "rig_name": "shop",
        "rules": RULES,
        "dispatching": True,
        "last_run_number": 0,
        "container": container(),
    }
    return Snapshot(**(values | more))


def decide(snapshot: Snapshot, now: float = NOW) -> list[do.Change | do.Effect]:
    changes, effects = reconcile(snapshot, now)
    return [*changes, *effects]


def lone(snapshot: Snapshot, now: float = NOW) -> do.Change | do.Effect:
    """The one thing that is decided."""
    decided = decide(snapshot, now)
    assert len(decided) == 1, decided
    return decided[0]
