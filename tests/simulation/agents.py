"""Simulated agents: they work on their branches, call the real desk, and misbehave in every way we know of."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

from boomtown.domain.errors import BoomtownError, FencedError
from boomtown.domain.kinds import Refusal, Refused
from tests.simulation.machine import Process
from tests.simulation.repos import MARKED

if TYPE_CHECKING:
    from tests.simulation.world import World

ENDINGS = {
    "done": 40,
    "done_twice": 6,
    "closes_its_bead": 4,
    "exits": 12,
    "exits_without_work": 6,
    "done_without_work": 4,
    "crashes": 10,
    "hangs": 4,
    "is_stubborn": 4,
    "stays_after_done": 4,
    "leaves_markers": 2,
    "leaves_a_bug": 3,
    "leaves_files": 8,
    "stops_itself": 2,
    "eats_memory": 3,
    "meets_a_limit": 4,
    "meets_a_limit_until": 4,
    "has_no_login": 3,
}
REFUSED = ("meets_a_limit", "meets_a_limit_until", "has_no_login")
CALM = {"done": 8, "exits": 2}
ERRANDS = {
    "prime": 4,
    "heartbeat": 4,
    "mail": 4,
    "send_mail": 4,
    "checkpoint": 3,
    "escalate": 1,
    "ask": 1,
    "create_bead": 1,
    "list_beads": 2,
    "nudge": 2,
    "close_another": 2,
    "hook_another": 2,
    "wrong_branch": 2,
    "look_around": 2,
}
REFUSAL = "The provider refuses."
GHOST_SHARE = 0.15


class CallError(Exception):
    """No answer, or one that says that the server failed."""


class Agent:
    """One run of a program that works on a bead."""

    def __init__(self, world: World, process: Process) -> None:
        self.world, self.process, self.spec = world, process, process.spec
        self.random = Random(f"{world.seed}/agent/{self.spec.rig}/{self.spec.number}")
        self.clone = world.machine.clones[self.spec.rig]

    async def live(self) -> int:
        """Returns its exit status."""
        random = self.random
        endings = CALM if self.world.calm else ENDINGS
        ending = random.choices(list(endings), list(endings.values()))[0]
        self.world.acted(f"agent.{ending}")
        self.process.stubborn = ending in ("is_stubborn", "stays_after_done")
        if random.random() < GHOST_SHARE and not self.world.calm:
            self.world.haunt(self._ghost())
        if ending in REFUSED and random.random() < 0.5:  # at once; else in the middle of its work
            await self._think()
            return await self._end(ending)
        self.process.answered = True
        for _ in range(random.choice((0, 0, 1, 2, 6))):
            await self._think()
            await self._errand(random.choices(list(ERRANDS), list(ERRANDS.values()))[0])
        if ending not in ("exits_without_work", "done_without_work"):
            for number in range(random.choice((1, 1, 2))):
                await self._think()
                self._edit(number, ending)
                if ending != "leaves_files" or number == 0:
                    self._commit()
        await self._think()
        return await self._end(ending)

    async def _end(self, ending: str) -> int:
        match ending:
            case "crashes":
                self.process.last_words = "Segmentation fault"
                return self.random.choice((1, 2, 139))
            case "hangs":
                await asyncio.sleep(86_400)
            case "eats_memory":
                self.process.memory *= 8
                await asyncio.sleep(60)
                return 1
            case "meets_a_limit" | "meets_a_limit_until" | "has_no_login":
                why = Refused.AUTH if ending == "has_no_login" else Refused.QUOTA
                until = self.world.machine.clock.now() + self.random.random() * 120
                self.process.refusal = Refusal(why, REFUSAL, until if ending == "meets_a_limit_until" else None)
                return 1
            case "stops_itself":
                await self._call("unhook", body=False)
                await asyncio.sleep(3600)
            case "exits" | "exits_without_work" | "leaves_files":
                self.process.said = "" if ending == "exits_without_work" else f"a report, by {self.spec.name}"
                return 0
            case "closes_its_bead":
                await self._until_heard("close_bead", {"summary": "closed"})
            case _:
                await self._until_heard("done", {"branch": self.spec.branch, "summary": "all of it"})
                if ending == "done_twice":
                    await self._call("done", {"branch": self.spec.branch})
                if ending in ("stays_after_done", "is_stubborn"):
                    await asyncio.sleep(3600)
        await asyncio.sleep(self.random.random() * 8)
        return 0

    async def _think(self) -> None:
        await asyncio.sleep(self.random.random() * 6)

    # work

    def _edit(self, number: int, ending: str) -> None:
        """Change a file that others change too, or one of its own."""
        tree = self.clone.worktrees.get(self.spec.worktree_slug)
        if tree is None or tree.branch != self.spec.branch:
            return
        own = f"{self.spec.bead_id[:8]}.txt"
        path = self.random.choice((own, own, own, f"shared{self.random.randrange(4)}.txt"))
        word = f"{self.spec.rig} {self.spec.number}.{number}"
        if ending == "leaves_markers":
            word = f"{MARKED} {word}"
        elif ending == "leaves_a_bug":
            word += " bug"
        for conflicted in tree.conflicts:
            tree.dirty[conflicted] = f"solved {word}"
        tree.conflicts = ()
        tree.dirty[path] = word
        files = self.world.machine.objects.files(self.clone.heads[self.spec.branch])
        for old, content in files.items():  # whatever an earlier attempt left broken
            if ending not in ("leaves_markers", "leaves_a_bug") and (
                content.startswith(MARKED) or content[-3:] == "bug"
            ):
                tree.dirty.setdefault(old, f"mended {word}")

    def _commit(self) -> None:
        tree = self.clone.worktrees.get(self.spec.worktree_slug)
        if tree is None or tree.branch != self.spec.branch or not tree.dirty:
            return
        objects, head = self.world.machine.objects, self.clone.heads[self.spec.branch]
        parents = (head, tree.merging) if tree.merging else (head,)
        made = objects.commit({**objects.files(head), **tree.dirty}, parents)
        self.clone.heads[self.spec.branch] = made
        tree.dirty, tree.merging = {}, None
        self.world.checks.made(self.spec.bead_id, self.spec.rig, made)

    # calls

    async def _errand(self, what: str) -> None:
        """Something on the way; a refusal is no reason to end."""
        self.world.acted(f"agent.{what}")
        match what:
            case "send_mail" | "nudge":
                others = [p.spec.polecat_id for p in self.world.machine.running if p.spec.rig == self.spec.rig]
                other = self.random.choice(others) if others else self.spec.polecat_id
                if what == "nudge":
                    await self._call("nudge", {"target_agent_id": other, "message": "go on"})
                else:
                    await self._call("send_mail", {"to_agent_id": other, "subject": "hello", "body": "text"})
            case "checkpoint":
                await self._call("put_checkpoint", {"data": {"step": self.random.randrange(100)}})
            case "ask":
                await self._call("ask", {"question": f"what now, {self.spec.name}?", "options": ["go", "stop"]})
            case "escalate" | "create_bead":
                await self._call(what, {"title": f"{what} of {self.spec.name} {self.spec.number}"})
            case "close_another":
                await self._call("close_bead", bead=self.world.any_bead(self.random))
            case "hook_another":
                await self._call("hook", {"bead_id": self.world.any_bead(self.random)})
            case "wrong_branch":
                await self._call("done", {"branch": "polecat/somebody/else00"})
            case "heartbeat":
                await self._call("heartbeat", {"status": "working"})
            case "look_around":
                await self._call("events", body=False)
            case "prime" | "mail" | "list_beads":
                await self._call(what, body=False)

    async def _until_heard(self, method: str, body: dict[str, Any]) -> None:
        """Again and again until there is an answer, whatever it says."""
        for _ in range(20):
            try:
                await self.world.desk_call(self.spec, method, body)
            except CallError:
                await asyncio.sleep(1 + self.random.random() * 3)
            except BoomtownError:
                return
            else:
                return

    async def _call(
        self, method: str, body: dict[str, Any] | bool | None = None, bead: str | None = None
    ) -> BoomtownError | None:
        try:
            await self.world.desk_call(self.spec, method, body, bead)
        except CallError:
            return None
        except BoomtownError as error:
            return error
        return None

    async def _ghost(self) -> None:
        """A call with this run's token, long after: of a child that got away, or from somewhere on the way."""
        await asyncio.sleep(self.random.random() * 200)
        self.world.acted("agent.ghost")
        for method in self.random.sample(("done", "heartbeat", "put_checkpoint", "mail", "escalate", "close_bead"), 3):
            body: dict[str, Any] = {"branch": self.spec.branch, "data": 1, "title": "from a ghost"}
            error = await self._call(method, False if method == "mail" else body)
            if isinstance(error, FencedError):
                self.world.acted("agent.ghost_fenced")
