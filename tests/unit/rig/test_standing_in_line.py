"""Many who come at once do not keep people waiting: rigs are looked at one look at a time, agents' calls take turns."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from boomtown.home.config import Settings
from boomtown.rig.counter import READING_AT_ONCE, WRITING_AT_ONCE, Counter
from boomtown.rig.engine import Engine
from boomtown.rig.observed import Observed
from boomtown.rig.tokens import Claims


class Gate:
    """A database whose every answer waits until it is let through. There is no rig in it."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Any]] = []
        self.begun = 0

    async def read(self, _work: Any) -> Any:
        self.begun += 1
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]

    async def let_all_through(self, answer: Any) -> None:
        for one in self.waiting:
            one.set_result(answer)
        self.waiting.clear()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_rig_that_is_woken_while_it_is_looked_at_is_looked_at_once_more() -> None:
    async def drive() -> None:
        gate, tasks = Gate(), set[asyncio.Task[Any]]()
        scheduler: Any = SimpleNamespace(spawn=lambda work, *, name: tasks.add(asyncio.create_task(work, name=name)))
        clock: Any = SimpleNamespace(asleep=lambda: 0.0)
        nowhere: Any = gate
        engine = Engine(nowhere, Settings(), nowhere, clock, scheduler, lambda: "")
        engine._asleep = 0.0  # that the machine has slept is no news
        for _ in range(3):
            engine.wake("web")
            engine.wake("web")
            await settle()
        engine.wake("api")
        await settle()
        assert gate.begun == 2, "one look at each"
        await gate.let_all_through(None)
        assert gate.begun == 3, "what came up meanwhile is seen by one more"
        await gate.let_all_through(None)
        engine.wake("web")
        await settle()
        assert gate.begun == 4
        await gate.let_all_through(None)
        await asyncio.gather(*tasks)

    asyncio.run(drive())


def test_agents_calls_stand_in_line_before_they_reach_the_database() -> None:
    async def drive() -> None:
        reads, writes = Gate(), Gate()
        clock = SimpleNamespace(now=lambda: 0.0)

        async def command(_actor: str, _rig: str, work: Any, _answer: Any) -> Any:
            return await writes.read(work)

        engine: Any = SimpleNamespace(read=reads.read, command=command, observed=Observed(), clock=clock)
        counter, claims = Counter(engine), Claims("town", "rig", "agent", 1, "polecat")
        place, calls = ("town", "rig", "agent"), 20
        work: Any = None
        asked = [
            asyncio.create_task(ask)
            for _ in range(calls)
            for ask in (counter._read(claims, place, work), counter._act(claims, place, work))
        ]
        await settle()
        assert (reads.begun, writes.begun) == (READING_AT_ONCE, WRITING_AT_ONCE)
        while reads.waiting or writes.waiting:
            await reads.let_all_through(("run", "read"))
            await writes.let_all_through(("run", "written"))
        assert await asyncio.gather(*asked) == ["read", "written"] * calls

    asyncio.run(drive())
