"""Simulated people: what they do in any order to the real services, and the one who tidies up in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any

from boomtown.domain.errors import BoomtownError
from boomtown.rig.town import Town
from tests.simulation.agents import CallError

if TYPE_CHECKING:
    from tests.simulation.world import World

ANN = "user:ann"
REPORTS = "3"
"""Last digits of titles of beads that want a report."""


class People:
    """Everybody with a user token."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.titles: dict[str, str] = {}
        """Of the tasks slung with a key: title and rig."""
        self.kept: dict[str, str] = {}
        """Beads that a person was told of, and their rigs."""

    async def ask(self, name: str, make: Callable[[Town], Awaitable[Any]]) -> Any:
        """The answer, or None if there was none, or a refusal."""
        try:
            answer = await self.world.call(name, lambda runtime: make(runtime.town))
        except (BoomtownError, CallError) as error:
            self.world.machine.note(f"  {name}: {getattr(error, 'message', error)}")
            return None
        self.world.acted(f"person.{name}")
        return answer

    async def act(self, kind: str, salt: int) -> None:
        """One planned action on something that is there."""
        random, world = Random(salt), self.world
        rig = world.any_rig(random)
        if rig is None and kind != "add_rig":
            return
        beads, polecats = world.bead_ids(rig), world.polecat_ids(rig)
        if kind in _ON_A_BEAD:
            status = _ON_A_BEAD[kind]
            fitting = [bead for bead, known in beads if known in status] or [bead for bead, _ in beads]
            if fitting:
                await self._on_a_bead(kind, random.choice(fitting), random)
        elif kind in _TO_A_POLECAT:
            if polecats:
                await self._to_a_polecat(kind, random.choice(polecats), random)
        elif (method := getattr(self, f"_{kind}", None)) is not None:
            await method(rig, random)

    async def _on_a_bead(self, kind: str, bead: str, random: Random) -> None:
        match kind:
            case "cancel":
                await self.ask(kind, lambda town: town.cancel_bead(ANN, bead))
            case "retry":
                await self.ask(kind, lambda town: town.retry_bead(ANN, bead))
            case "start":
                await self.ask(kind, lambda town: town.start_bead(ANN, bead))
            case "approve":
                await self.ask(kind, lambda town: town.approve_bead(ANN, bead))
            case "rework":
                await self.ask(kind, lambda town: town.rework_bead(ANN, bead, "Do it again."))
            case "discard":
                self.world.checks.discarded(bead)
                await self.ask(kind, lambda town: town.discard_bead(ANN, bead))
            case "close":
                await self.ask(kind, lambda town: town.close_bead(ANN, bead))
            case "edit":
                priority = random.choice(("low", "high", "critical"))
                await self.ask(kind, lambda town: town.update_bead(ANN, bead, priority=priority, timeout_s=60.0))

    async def _to_a_polecat(self, kind: str, polecat: str, random: Random) -> None:
        match kind:
            case "stop":
                await self.ask(kind, lambda town: town.stop_agent(ANN, polecat))
            case "message":
                for number in range(random.randrange(1, 4)):
                    text = f"words {number}"
                    await self.ask(kind, lambda town, text=text: town.send_message(ANN, polecat, text))
            case "answer":
                await self.ask(kind, lambda town: town.answer_agent(ANN, polecat, "Go on."))

    # slinging

    def _task(self, random: Random, title: str) -> dict[str, Any]:
        return {
            "title": title,
            "priority": random.choice(("low", "medium", "medium", "high", "critical")),
            "agent": random.choice((None, "b", "a,b", "b,a")),
            "hold": random.random() < 0.08,
            "timeout_s": random.choice((None, None, 40.0)),
            "budget_usd": random.choice((None, None, None, 0.5, 2.0)),
            "report": title[-1] in REPORTS,
        }

    async def _sling(self, rig: str, random: Random) -> None:
        others = [bead for bead, _ in self.world.bead_ids(rig)]
        after = [random.choice(others)] if others and random.random() < 0.2 else None
        task = self._task(random, f"task {random.getrandbits(40)}")
        made = await self.ask("sling", lambda town: town.sling(ANN, rig, **task, depends_on=after))
        if made is not None:
            self.kept[made["bead"]["id"]] = rig

    async def _sling_many(self, rig: str, random: Random) -> None:
        tasks = [self._task(random, f"task {random.getrandbits(40)}") for _ in range(random.randrange(2, 5))]
        for index, task in enumerate(tasks):
            if index and random.random() < 0.25:
                task["depends_on"] = [random.randrange(index)]
        made = await self.ask("sling_many", lambda town: town.sling(ANN, rig, tasks=tasks))
        self._remember(rig, made)

    async def _sling_with_key(self, rig: str, random: Random) -> None:
        """Until there is an answer, then once more: the beads are there once."""
        tasks = [self._task(random, f"keyed {random.getrandbits(40)}") for _ in range(2)]
        self.titles.update({task["title"]: rig for task in tasks})
        key = f"key {random.getrandbits(40)}"
        answers = []
        for _ in range(12):
            made = await self.ask("sling_with_key", lambda town: town.sling(ANN, rig, tasks=tasks, idempotency_key=key))
            if made is not None:
                self._remember(rig, made)
                answers.append([result["bead"]["id"] for result in made["results"]])
            if len(answers) == 2:
                break
            await asyncio.sleep(1 + random.random() * 3)
        if len(answers) == 2 and answers[0] != answers[1]:
            self.world.machine.errors.append(f"one key, two answers: {answers}")

    def _remember(self, rig: str, made: Any) -> None:
        if made is not None:
            self.kept.update({result["bead"]["id"]: rig for result in made["results"]})

    # rigs

    async def _pause(self, rig: str, random: Random) -> None:
        where = random.choice((rig, None))
        await self.ask("pause", lambda town: town.pause(ANN, where))

    async def _pause_and_stop(self, rig: str, random: Random) -> None:
        where = random.choice((rig, None))
        await self.ask("pause_and_stop", lambda town: town.pause(ANN, where, stop=True))

    async def _resume(self, rig: str, random: Random) -> None:
        where = random.choice((rig, None))
        await self.ask("resume", lambda town: town.resume(ANN, where))

    async def _change_cap(self, rig: str, random: Random) -> None:
        cap = random.randrange(1, 5)
        await self.ask("change_cap", lambda town: town.update_rig(ANN, rig, {"max_polecats": cap}))

    async def _change_budget(self, rig: str, random: Random) -> None:
        limits = {"budget_usd": random.choice((None, 0.7, 3.0)), "budget_tokens_per_day": random.choice((None, 6000))}
        await self.ask("change_budget", lambda town: town.update_rig(ANN, rig, limits))

    async def _change_merge(self, rig: str, random: Random) -> None:
        mode, landing = random.choice(("review", "direct", "branch")), random.choice(("squash", "merge"))
        await self.ask("change_merge", lambda town: town.update_rig(ANN, rig, {"merge": mode, "landing": landing}))

    async def _change_gates(self, rig: str, random: Random) -> None:
        gates = random.choice(([], ["make test"]))
        await self.ask("change_gates", lambda town: town.update_rig(ANN, rig, {"gates": gates}))

    async def _retry_merge(self, rig: str, random: Random) -> None:
        merges = self.world.merge_ids(rig)
        if merges:
            merge = random.choice(merges)
            await self.ask("retry_merge", lambda town: town.retry_merge(ANN, merge))

    async def _remove_rig(self, rig: str, random: Random) -> None:
        if random.random() < 0.5:
            await self.ask("pause_and_stop", lambda town: town.pause(ANN, rig, stop=True))
            await asyncio.sleep(20)
        discard = random.random() < 0.7
        removed = await self.ask("remove_rig", lambda town: town.delete_rig(ANN, rig, discard))
        if removed is not None and not discard:
            self.world.checks.removed(rig)

    async def _add_rig(self, _rig: str | None, random: Random) -> None:
        name = f"rig{random.randrange(4)}"
        await self.add_rig(name, random)

    async def add_rig(self, name: str, random: Random) -> Any:
        url = self.world.new_remote()
        cap, mode = random.randrange(1, 5), random.choice(("review", "direct", "direct", "branch"))
        gates = random.choice(([], ["make test"], ["make test"]))
        return await self.ask(
            "add_rig",
            lambda town: town.create_rig(ANN, name, url, max_polecats=cap, merge=mode, gates=gates, agent="a"),
        )

    async def _log_in(self, _rig: str, random: Random) -> None:
        agent = random.choice(tuple(self.world.settings.agents))
        await self.ask("log_in", lambda town: town.try_agent(ANN, agent))

    async def _look(self, rig: str, random: Random) -> None:
        await self.ask("look", lambda town: town.list_beads(ANN, rig))
        await self.ask("look", lambda town: town.get_rig(ANN, rig))
        await self.ask("look", lambda town: town.get_inbox(ANN))
        await self.ask("look", lambda town: town.get_merge_queue(ANN, rig))

    # in the end

    async def tidy_up(self) -> None:
        """Everything that waits for a person gets its answer."""
        for rig, paused in self.world.rigs_paused():
            if paused:
                await self.ask("resume", lambda town, rig=rig: town.resume(ANN, rig))
        for item in await self.ask("look", lambda town: town.get_inbox(ANN)) or []:
            bead = item["bead_id"]
            match item["kind"]:
                case "breaker":
                    await self.ask("resume", lambda town: town.resume(ANN))
                case "budget" if bead is None:
                    free: dict[str, Any] = {"budget_usd": None, "budget_tokens_per_day": None}
                    rig = item["rig_id"]
                    await self.ask("raise_budget", lambda town, rig=rig, free=free: town.update_rig(ANN, rig, free))
                case "budget":
                    await self.ask("raise_budget", lambda town, bead=bead: town.update_bead(ANN, bead, budget_usd=1e6))
                case "auth":
                    for agent in self.world.settings.agents:
                        await self.ask("log_in", lambda town, agent=agent: town.try_agent(ANN, agent))
                case "question":
                    await self.ask("answer", lambda town, bead=bead: town.answer_agent(ANN, bead, "Go on."))
                case "held":
                    await self.ask("start", lambda town, bead=bead: town.start_bead(ANN, bead))
                case "approval":
                    await self.ask("approve", lambda town, bead=bead: town.approve_bead(ANN, bead))
                case "escalation":
                    await self.ask("close", lambda town, bead=bead: town.close_bead(ANN, bead))
                case "remote_refused" | "base_red":
                    merge = self.world.merge_of(bead)
                    await self.ask("retry_merge", lambda town, merge=merge: town.retry_merge(ANN, merge))


_TO_A_POLECAT = ("stop", "message", "answer")
_ON_A_BEAD = {
    "cancel": ("open", "in_progress", "in_review"),
    "retry": ("failed", "cancelled"),
    "start": ("open",),
    "edit": ("open", "in_progress"),
    "approve": ("in_review",),
    "rework": ("in_review",),
    "discard": ("open", "in_progress", "in_review", "failed", "cancelled"),
    "close": ("open",),
}
