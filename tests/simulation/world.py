"""A whole town in one thread: the real server over a simulated machine, told by a seed, watched at every commit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from boomtown.container.protocol import RunSpec
from boomtown.domain.errors import BoomtownError
from boomtown.home.config import AgentSettings, Settings
from boomtown.rig.compose import TownRuntime
from tests.simulation.agents import Agent, CallError
from tests.simulation.checks import Checks
from tests.simulation.client import SimClient
from tests.simulation.faults import AT_A_TIME, AT_AN_OCCASION, RARE, Faults, Queue
from tests.simulation.machine import GIGABYTE, Machine
from tests.simulation.people import People
from tests.simulation.plan import Entry
from tests.simulation.repos import Remote
from tests.simulation.seams import SimScheduler, VirtualLoop
from tests.simulation.stores import InjectedError, SimDatabase, new_store

T = TypeVar("T")
LONGEST_CALM_S = 4 * 3600.0
TICK_S = 15.0
STRAY_TICK_S = 20


@dataclass
class Server:
    """One life of the server process."""

    runtime: TownRuntime
    scheduler: SimScheduler
    client: SimClient


class World:
    """One seed's town."""

    def __init__(self, seed: int, loop: VirtualLoop, tracing: bool) -> None:
        self.seed, self.loop = seed, loop
        self.trace: list[str] = []
        self.tracing = tracing
        self.faults = Faults(self.note)
        self.machine = Machine(loop, seed, self.faults, self.note)
        self.machine.live = lambda process: Agent(self, process).live()
        self.people = People(self)
        self.actions: Counter[str] = Counter()
        self.random = Random(f"{seed}/world")
        self.settings = _settings(Random(f"{seed}/settings"))
        self.database, self.raw, self.home = new_store()
        self.server: Server | None = None
        self.checks = Checks(self)
        self.calm = False
        self._lives = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._down_now = asyncio.Event()
        self.failed = asyncio.Event()
        self._remotes = 0
        self._calls = Queue()

    # telling

    def note(self, text: str) -> None:
        if self.tracing:
            self.trace.append(f"{self.loop.time():9.3f}  {text}")

    def acted(self, what: str) -> None:
        self.actions[what] += 1
        self.machine.steps += 1
        self.note(what)

    # the server

    def up(self) -> None:
        self._lives += 1
        random = Random(f"{self.seed}/server/{self._lives}")
        scheduler = SimScheduler(self.loop, self._task_failed, random, self._around_write)
        database = SimDatabase(self.database.engine, scheduler)
        database.faults = self.faults
        client = SimClient(self.machine, scheduler, self.crash)
        runtime = TownRuntime(
            self.home, self.settings, client, self.machine.clock, scheduler, self.machine.new_id, _ignore, database
        )
        runtime.engine.observed.memory = self.machine.memory
        self.server = Server(runtime, scheduler, client)
        self.note("the server is up")
        scheduler.spawn(runtime.start("http://127.0.0.1:8030"), name="start")
        client.open()

    def crash(self) -> None:
        """kill -9. It is started again by whoever watches over it."""
        if self.server is None:
            return
        self.note("the server is gone")
        self.server.scheduler.kill()
        self.server = None
        self._down_now.set()
        if self.machine.container is not None:
            self.machine.container.heard = None

    async def _keep_up(self) -> None:
        while True:
            await self._down_now.wait()
            self._down_now.clear()
            await asyncio.sleep(0.2 + self.random.random() * 8)
            self.up()

    async def _look_for_strays(self) -> None:
        while True:
            await asyncio.sleep(STRAY_TICK_S)
            container = self.machine.container
            if container is not None and not container.frozen and self.server and self.server.client.attached:
                self.checks.look_for_strays(STRAY_TICK_S)

    def _task_failed(self, name: str, error: BaseException) -> None:
        if not expected(error):
            self.machine.unexpected(name, error)

    def _around_write(self, work: Callable[[], T]) -> T:
        if self.faults.take("server.crash_before_commit"):
            self.crash()
            raise asyncio.CancelledError
        if self.faults.take("store.busy"):
            raise InjectedError("database is locked")
        result = work()
        self.checks.committed()
        if self.faults.take("server.crash_after_commit"):
            self.crash()
            raise asyncio.CancelledError
        return result

    async def call(self, name: str, make: Callable[[TownRuntime], Awaitable[T]]) -> T:
        """A request over the network, which may lose it or its answer. Raises `CallError` without an answer."""
        self.machine.steps += 1
        await asyncio.sleep(self.random.random() * (20.0 if self.faults.take("call.delayed") else 0.02))
        if self.faults.take("call.reordered"):
            await self._calls.let_one_overtake(20.0)
        self._calls.passed()
        if self.faults.take("call.lost") or self.server is None:
            await asyncio.sleep(self.random.random())
            raise CallError("nobody answers")
        scheduler, runtime = self.server.scheduler, self.server.runtime
        task = scheduler.run(_await(make(runtime)), name)
        if self.faults.take("call.doubled"):
            self._own(self._again(scheduler, runtime, make, name))
        await asyncio.wait({task})
        if task.cancelled():
            raise CallError("the server went away")
        if (error := task.exception()) is not None:
            if isinstance(error, BoomtownError):
                raise error
            self._task_failed(name, error)
            raise CallError(str(error))
        if self.faults.take("answer.lost"):
            raise CallError("the answer was lost")
        return task.result()

    async def _again(
        self, scheduler: SimScheduler, runtime: TownRuntime, make: Callable[[TownRuntime], Awaitable[Any]], name: str
    ) -> None:
        await asyncio.sleep(self.random.random() * 10)
        if not scheduler.dead:
            task = scheduler.run(_await(make(runtime)), name)
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()) is not None:
                self._task_failed(name, error)

    async def desk_call(self, spec: RunSpec, method: str, body: Any = None, bead: str | None = None) -> Any:
        """What an agent asks, with its token. A run that is over must hear that it is fenced."""

        async def make(runtime: TownRuntime) -> Any:
            claims = runtime.tokens.verify(spec.env["GASTOWN_SESSION_TOKEN"])
            place = [claims.town_id, claims.rig_id]
            if method in _ON_AN_AGENT:
                place.append(claims.agent_id)
            elif method == "close_bead":
                place.append(bead or spec.bead_id)
            over = self._is_over(spec.run_id)
            given = () if body is False else (body,)
            result = await getattr(runtime.desk, method)(claims, *place, *given)
            if over and not (method == "done" and over == "done"):
                self.machine.errors.append(f"{method} by run {spec.number} of {spec.rig}, which is over, was answered")
            return result

        return await self.call(method, make)

    def _is_over(self, run_id: str) -> str | None:
        """ "done" if its `done` was accepted: that answer is stored."""
        for ended_at, answer in self.raw.execute("SELECT ended_at, done_answer FROM runs WHERE id = ?", (run_id,)):
            if ended_at is None:
                return None
            return "done" if answer not in (None, "null") else "over"
        return "over"

    def haunt(self, work: Coroutine[Any, Any, None]) -> None:
        self._own(work)

    def _own(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(work)
        self._tasks.add(task)

        def over(done: asyncio.Task[Any]) -> None:
            self._tasks.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                self.machine.unexpected("world", error)

        task.add_done_callback(over)
        return task

    # what is there

    def any_rig(self, random: Random) -> str | None:
        found = [row[0] for row in self.raw.execute("SELECT id FROM rigs ORDER BY created_at, name")]
        return random.choice(found) if found else None

    def any_bead(self, random: Random) -> str:
        found = [row[0] for row in self.raw.execute("SELECT id FROM beads ORDER BY seq")]
        return random.choice(found)

    def bead_ids(self, rig: str | None) -> list[tuple[str, str]]:
        return self.raw.execute("SELECT id, status FROM beads WHERE rig_id = ? ORDER BY seq", (rig,)).fetchall()

    def polecat_ids(self, rig: str | None) -> list[str]:
        query = "SELECT id FROM polecats WHERE rig_id = ? AND released_at IS NULL ORDER BY created_at, name"
        return [row[0] for row in self.raw.execute(query, (rig,))]

    def merge_ids(self, rig: str) -> list[str]:
        query = "SELECT id FROM merges WHERE rig_id = ? AND status IN ('remote_refused', 'base_red') ORDER BY seq"
        return [row[0] for row in self.raw.execute(query, (rig,))]

    def merge_of(self, bead: str) -> str:
        return next(self.raw.execute("SELECT id FROM merges WHERE bead_id = ? ORDER BY seq DESC", (bead,)))[0]

    def rigs_paused(self) -> list[tuple[str | None, bool]]:
        """None stands for the whole home."""
        home: list[tuple[str | None, bool]] = [
            (None, bool(row[0])) for row in self.raw.execute("SELECT paused FROM home")
        ]
        return home + self.raw.execute("SELECT id, paused FROM rigs ORDER BY created_at").fetchall()

    def new_remote(self) -> str:
        self._remotes += 1
        url = f"/remotes/{self._remotes}"
        self.machine.remotes[url] = Remote(self.machine.objects.commit({"readme": "hello"}))
        return url

    # the story

    async def tell(self, entries: Sequence[Entry]) -> None:
        """Live through the plan, then have everything come to rest, and look at what is left."""
        story = self._own(self._story(entries))
        failed = self._own(self.failed.wait())
        await asyncio.wait({story, failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.machine.errors:
            return
        if not story.cancelled() and (error := story.exception()) is not None:
            self.machine.unexpected("story", error)

    async def _story(self, entries: Sequence[Entry]) -> None:
        self.up()
        while self.server is None or self.server.client.attached is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        setting = Random(f"{self.seed}/rigs")
        for number in range(setting.choice((1, 1, 2))):
            await self.people.add_rig(f"rig{number}", setting)
        keeper, looker = self._own(self._keep_up()), self._own(self._look_for_strays())
        begun = self.loop.time()
        for entry in entries:
            await asyncio.sleep(max(0.0, begun + entry.at - self.loop.time()))
            self.note(f"plan: {entry.kind}")
            if entry.kind in AT_AN_OCCASION:
                self.faults.arm(entry.kind, entry.salt % (2 if entry.kind in RARE else 6))
            elif entry.kind in AT_A_TIME:
                await self._go_wrong(entry.kind, Random(entry.salt))
            else:
                self._own(self.people.act(entry.kind, entry.salt))
        await self._come_to_rest()
        keeper.cancel()
        looker.cancel()
        self.checks.at_the_end()

    async def _go_wrong(self, kind: str, random: Random) -> None:
        machine, remotes = self.machine, list(self.machine.remotes.values())
        remote = random.choice(remotes) if remotes else None
        match kind:
            case "server.crash":
                self.crash()
            case "server.restart" if self.server is not None:
                await self.server.runtime.close()
                self.crash()
            case "server.down" if self.server is not None:
                self._own(self._down(self.server, random.random() < 0.3))
            case "container.crash":
                machine.kill_container()
            case "container.freeze" if machine.container is not None:
                machine.container.freeze()
                self.loop.call_later(random.choice((5.0, 60.0, 300.0)), machine.container.thaw)
            case "container.returns":
                if self.server is None or not self.server.client.cut(random.choice((3.0, 40.0, 200.0))):
                    return
            case "clock.jump":
                machine.clock.jump(random.choice((-3600.0, -30.0, -1.0, 2.0, 45.0, 3600.0)))
            case "agent.killed" if machine.running:
                random.choice(machine.running).kill(9)
            case "memory.short":
                machine.taken_elsewhere = random.choice((8, 14, 16)) * GIGABYTE
                self.loop.call_later(random.random() * 60, lambda: setattr(machine, "taken_elsewhere", 0))
            case "store.second_claim":
                if not self.checks.claim_again():
                    return
            case _ if remote is None:
                return
            case "remote.moves":
                self._push_over_there(remote, f"theirs{random.randrange(4)}.txt", "moved")
            case "remote.conflicts":
                self._push_over_there(remote, f"shared{random.randrange(4)}.txt", "moved")
            case "remote.breaks":
                self._push_over_there(remote, "theirs.txt", "a bug")
            case "remote.refuses":
                remote.refuses = True
                self.loop.call_later(random.random() * 100, lambda: setattr(remote, "refuses", False))
            case "remote.away":
                remote.away = True
                self.loop.call_later(random.random() * 100, lambda: setattr(remote, "away", False))
            case _:
                return
        self.faults.fired(kind)

    def _push_over_there(self, remote: Remote, path: str, word: str) -> None:
        files = self.machine.objects.files(remote.main)
        word = f"{len(self.machine.objects.commits)} {word}"
        remote.main = self.machine.objects.commit({**files, path: word}, (remote.main,))

    async def _down(self, server: Server, now: bool) -> None:
        """`boomtown down`, and a later `up`."""

        async def go() -> None:
            await server.runtime.stop_agents(now)
            await server.runtime.stop_container()

        task = server.scheduler.run(go(), "down")
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            self._task_failed("down", error)
        if self.server is server:
            self.crash()

    async def _come_to_rest(self) -> None:
        """Nothing goes wrong any more, and a person does what is asked of people: then every bead ends."""
        self.note("calm")
        self.calm = True
        self.faults.disarm()
        for remote in self.machine.remotes.values():
            remote.refuses = remote.away = False
            files = self.machine.objects.files(remote.main)
            if any(word.endswith("bug") for word in files.values()):
                mended = {path: word.removesuffix("bug") for path, word in files.items()}
                remote.main = self.machine.objects.commit(mended, (remote.main,))
        until = self.loop.time() + LONGEST_CALM_S
        while restless := list(self.checks.restless()):
            if self.loop.time() > until:
                self.machine.errors.append(f"stuck: {'; '.join(restless[:6])}")
                return
            await self.people.tidy_up()
            await asyncio.sleep(TICK_S)

    async def close(self) -> None:
        """Nothing of this town is left in the loop."""
        self.crash()
        if self.machine.container is not None:
            self.machine.container.kill()
        everything = [task for task in asyncio.all_tasks(self.loop) if task is not asyncio.current_task()]
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


_ON_AN_AGENT = {"prime", "done", "heartbeat", "put_checkpoint", "mail", "hook", "unhook", "ask"}


def _ignore(_now: bool, _keep: bool) -> None:
    pass


async def _await(work: Awaitable[T]) -> T:
    return await work


def expected(error: BaseException | None) -> bool:
    """Whether it follows from what the plan does."""
    return isinstance(error, (BoomtownError, InjectedError, asyncio.CancelledError))


def _settings(random: Random) -> Settings:
    """Short times, so that a story is short; caps of all kinds."""
    kinds = {
        "a": AgentSettings(
            "a",
            command=("a",),
            max=random.choice((None, None, 2)),
            memory_limit=random.choice((None, 6 * GIGABYTE)),
        ),
        "b": AgentSettings("b", kind="acp", command=("b",), max=random.choice((None, None, 1))),
    }
    return Settings(
        default_agent="a",
        agents=kinds,
        max_agents=random.choice((None, None, 3)),
        timeout_s=120.0,
        stall_after_s=30.0,
        backoff_s=(2.0, 5.0, 10.0, 20.0),
        quota_backoff_s=(5.0, 30.0, 60.0),
        breaker_failures=random.choice((2, 20, 20)),
        breaker_window_s=300.0,
    )
