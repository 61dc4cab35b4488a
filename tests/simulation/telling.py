"""Tells the story of a seed, and, where it ends badly, the shortest story that still does."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from tests.simulation.plan import Entry, plan
from tests.simulation.seams import VirtualLoop
from tests.simulation.world import World, expected


@dataclass
class Result:
    """What came of one seed. `errors` are breaches."""

    seed: int
    errors: list[str]
    steps: int
    faults: Counter[str]
    actions: Counter[str]
    trace: list[str] = field(default_factory=list)


def simulate(seed: int, entries: Sequence[Entry] | None = None, *, tracing: bool = False) -> Result:
    """Tell the story of one seed, or of its plan with fewer entries. The same again gives the same, to the letter."""
    loop = VirtualLoop()
    try:
        world = World(seed, loop, tracing)
        with _listening(world):
            try:
                loop.run_until_complete(world.tell(plan(seed) if entries is None else entries))
            except RuntimeError as error:
                world.machine.errors.append(f"deadlock: {error}")
            finally:
                world.machine.on_container_lost = lambda _container: None
                loop.run_until_complete(world.close())
        errors = list(dict.fromkeys(world.machine.errors))
        return Result(seed, errors, world.machine.steps, world.faults.count, world.actions, world.trace)
    finally:
        loop.close()


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """What the product logs as an error and nothing explains is a breach."""

    def hear(_logger: Any, _method: str, event: Any) -> Any:
        error = event.get("exc_info")
        error = sys.exc_info()[1] if error is True else error
        if error is not None and not expected(error):
            world.machine.unexpected(event["event"], error)
        elif event["event"] in ("invariant.breached", "rig.restless"):
            world.machine.errors.append(f"{event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        yield
    finally:
        structlog.configure(**before)


def shrink(seed: int, *, rounds: int = 400) -> list[Entry]:
    """The fewest entries of a failing seed's plan with which it still fails, found within `rounds` retellings."""
    entries = plan(seed)
    size = max(1, len(entries) // 2)
    while rounds > 0:
        for start in range(0, len(entries), size):
            fewer = entries[:start] + entries[start + size :]
            rounds -= 1
            if simulate(seed, fewer).errors:
                entries = fewer
                break
        else:
            if size == 1:
                break
            size //= 2
    return entries


def retell(seed: int) -> str:
    """A failing seed's shortest story, entry by entry and step by step, for people."""
    entries = shrink(seed)
    result = simulate(seed, entries, tracing=True)
    lines = [
        f"seed {seed}: {'; '.join(result.errors) or 'no breach'}",
        f"the shortest plan that still fails ({len(entries)} of {len(plan(seed))} entries):",
        *(f"  at {entry.at:7.3f} s  {entry.kind}  (salt {entry.salt})" for entry in entries),
        "what happened:",
        *result.trace,
        f"again: make simulate SEEDS=1 FIRST_SEED={seed}",
    ]
    return "\n".join(lines)
