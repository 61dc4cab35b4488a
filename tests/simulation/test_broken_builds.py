"""Builds that are broken on purpose: a simulation that does not notice them would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from boomtown.domain.errors import FencedError, UnavailableError
from boomtown.domain.runs import GitFacts
from boomtown.domain.snapshot import Room
from boomtown.rig import counter, engine, refinery
from boomtown.rig import look as look_room
from boomtown.rig.effects import ContainerEffects
from boomtown.rig.engine import Engine
from boomtown.store import beads as bead_store
from boomtown.store import events as event_store
from boomtown.store import messages as message_store
from boomtown.store import sql, tables
from tests.simulation import stores
from tests.simulation.client import SimClient
from tests.simulation.container import SimContainer
from tests.simulation.plan import plan
from tests.simulation.telling import shrink, simulate

WITHIN_SEEDS = 1000

Patch = pytest.MonkeyPatch


def fence_off(patch: Patch) -> None:
    """A call is answered whether or not its run is over."""
    right = counter.Call.__init__

    def wrong(self: Any, db: Any, claims: Any, town_id: str, rig_id: str, agent_id: str | None) -> None:
        try:
            right(self, db, claims, town_id, rig_id, agent_id)
        except FencedError:
            run = counter.runs.by_number(db, rig_id, claims.run)
            if run is None:
                raise
            self.rig, self.run = counter.sql.by_id(db, counter.tables.rigs, rig_id), run
            self.bead = counter.sql.by_id(db, counter.tables.beads, run["bead_id"])
            self.polecat = counter.sql.by_id(db, counter.tables.polecats, run["polecat_id"])

    patch.setattr(counter.Call, "__init__", wrong)


def unique_index_dropped(patch: Patch) -> None:
    """The store would take a second live run for one bead."""
    right = stores.new_store

    def wrong() -> Any:
        made = right()
        made[1].execute("DROP INDEX one_live_run_per_bead")
        return made

    patch.setattr("tests.simulation.world.new_store", wrong)


def wip_commit_skipped(patch: Patch) -> None:
    """A worktree is taken away without a look at what is uncommitted."""
    patch.setattr(SimContainer, "_keep", lambda self, clone, tree, spec: None)


def alarm_not_set_again(patch: Patch) -> None:
    """A rig that nobody wakes sleeps for good."""
    patch.setattr(Engine, "_set_alarm", lambda self, rig_id, at: None)


def lost_answer_taken_for_failure(patch: Patch) -> None:
    """A start without an answer counts as a run that never was."""
    right = ContainerEffects._start

    async def wrong(self: Any, run_id: str) -> None:
        try:
            await right(self, run_id)
        except UnavailableError:
            self._engine.observed.never_started(run_id)
            self._engine.observed.inspected(run_id, GitFacts())

    patch.setattr(ContainerEffects, "_start", wrong)


def push_forgotten(patch: Patch) -> None:
    """After a crash nobody asks the remote whether the push arrived, and the bead is closed."""

    async def wrong(self: Any, job: Any) -> bool:
        await self._landed(job, job.merge["candidate"])
        return True

    patch.setattr(refinery.Refinery, "_was_pushed", wrong)


def mail_marked_again(patch: Patch) -> None:
    """Each reading marks all letters as delivered just now."""
    right = event_store.mark_delivered

    def wrong(db: Any, agent_id: str, now: float) -> None:
        right(db, agent_id, now)
        table = event_store.mail
        db.execute(table.update().where(table.c.to_agent_id == agent_id), {"delivered_at": now})

    patch.setattr(event_store, "mark_delivered", wrong)


def cap_forgotten(patch: Patch) -> None:
    """Beads are claimed as if the cap were 99."""
    right = engine.look

    def wrong(*args: Any) -> Any:
        snapshot = right(*args)
        return replace(snapshot, rules=replace(snapshot.rules, max_polecats=99))

    def all_startable(db: Any, rig_id: str, now: float, limit: int, full_kinds: Any = ()) -> Any:
        return startable(db, rig_id, now, 99, full_kinds)

    startable = bead_store.startable
    patch.setattr(engine, "look", wrong)
    patch.setattr(bead_store, "startable", all_startable)


def caps_of_the_home_forgotten(patch: Patch) -> None:
    """Only the cap of the rig counts."""
    patch.setattr(look_room, "_room", lambda db, rig, settings, now: Room())


def told_taken_for_heard(patch: Patch) -> None:
    """A message counts as delivered once the container has it, whether or not its agent lives to take it in."""
    right = ContainerEffects._tell

    async def wrong(self: Any, run_id: str) -> None:
        await right(self, run_id)

        def store(tx: Any) -> None:
            run = sql.by_id(tx.db, tables.runs, run_id)
            waiting = message_store.queued(tx.db, run["bead_id"]) if run else []
            message_store.deliver(tx.db, [row["id"] for row in waiting], tx.now)

        await self._engine.command("system", None, store)

    patch.setattr(ContainerEffects, "_tell", wrong)


def removal_unguarded(patch: Patch) -> None:
    """A rig is removed without a look at what has not landed."""

    async def wrong(self: Any, rig: str, base_branch: str) -> list[str]:
        return []

    patch.setattr(SimClient, "unmerged_branches", wrong)
    patch.setattr("boomtown.store.rigs.count_unfinished", lambda db, rig_id: 0)


BROKEN = [
    fence_off,
    unique_index_dropped,
    wip_commit_skipped,
    alarm_not_set_again,
    lost_answer_taken_for_failure,
    push_forgotten,
    mail_marked_again,
    cap_forgotten,
    caps_of_the_home_forgotten,
    told_taken_for_heard,
    removal_unguarded,
]
NEEDS = {"removal_unguarded": "remove_rig"}
"""Where a build shows only after something rare, seeds whose plan has none of it are passed over, for time."""


@contextmanager
def broken(build: Callable[[Patch], None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        build(patch)
        yield


@pytest.mark.timeout(900)
@pytest.mark.parametrize("build", BROKEN, ids=lambda build: build.__name__)
def test_a_broken_build_is_caught(build: Callable[[Patch], None]) -> None:
    seeds = range(1, WITHIN_SEEDS + 1)
    if (kind := NEEDS.get(build.__name__)) is not None:
        seeds = [seed for seed in seeds if any(entry.kind == kind for entry in plan(seed))]
    with broken(build):
        assert any(simulate(seed).errors for seed in seeds)


def test_a_failing_story_is_shortened_to_what_it_needs() -> None:
    """The shortest plan still fails, in the same way each time, and without any one of its entries it does not."""
    with broken(fence_off):
        seed = next(seed for seed in range(1, WITHIN_SEEDS + 1) if simulate(seed).errors and len(plan(seed)) > 4)
        short = shrink(seed)
        assert len(short) < len(plan(seed))
        told = simulate(seed, short)
        assert told.errors
        assert simulate(seed, short).errors == told.errors
        for left_out in range(len(short)):
            assert not simulate(seed, short[:left_out] + short[left_out + 1 :]).errors
