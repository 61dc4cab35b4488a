"""What the Rig's hands begin, whatever was decided a moment ago."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from boomtown.domain import actions as do
from boomtown.rig.effects import ContainerEffects
from boomtown.rig.observed import Observed


def test_a_rig_lands_one_merge_at_a_time_also_when_two_were_decided_before_one_had_begun() -> None:
    observed, begun = Observed(), list[str]()

    def spawn(work: Any, *, name: str) -> None:
        work.close()
        begun.append(name)

    engine: Any = SimpleNamespace(observed=observed, scheduler=SimpleNamespace(spawn=spawn))
    deaf: Any = SimpleNamespace(on_report=lambda _: None, on_attach=lambda _: None, attached=None)
    refinery: Any = SimpleNamespace(land=lambda merge_id: None)
    effects = ContainerEffects(engine, deaf, SimpleNamespace(), refinery)  # type: ignore[arg-type]
    effects.carry_out("web", [do.Land("older")])
    effects.carry_out("web", [do.Land("younger")])
    effects.carry_out("api", [do.Land("elsewhere")])
    assert begun == ["older", "elsewhere"]
    observed.finish("older")
    effects.carry_out("web", [do.Land("younger")])
    assert begun == ["older", "elsewhere", "younger"]


def test_a_run_that_was_disposed_of_since_that_was_decided_is_left_alone() -> None:
    """Its worktree may be the next run's by now."""
    works, asked = list[Any](), list[Any]()

    async def dispose(spec: Any) -> None:
        asked.append(spec)

    async def read(_work: Any) -> Any:
        return (
            {"disposed_at": 1.0, "branch": "b", "wip": None},
            {"name": "web", "default_branch": "main"},
            {"name": "Toast"},
            {"prefix": "b"},
        )

    scheduler = SimpleNamespace(spawn=lambda work, name: works.append(work), call_later=lambda _delay, _work: None)
    engine: Any = SimpleNamespace(observed=Observed(), scheduler=scheduler, read=read, wake=lambda _rig: None)
    deaf: Any = SimpleNamespace(on_report=lambda _: None, on_attach=lambda _: None, attached=None, dispose=dispose)
    effects = ContainerEffects(engine, deaf, SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
    effects.carry_out("web", [do.Dispose("a run")])
    asyncio.run(works[0])
    assert asked == []
