"""The machine below a simulated town: its disk, its processes, its container, and the remotes over there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from boomtown.container.protocol import RunSpec
from boomtown.domain.kinds import Refusal
from boomtown.domain.memory import Machine as Memory
from tests.simulation.container import SimContainer
from tests.simulation.repos import Clone, Objects, Remote, Worktree
from tests.simulation.seams import Ids, SimClock, VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.faults import Faults


GIGABYTE = 1 << 30
MEMORY = 16 * GIGABYTE


class BreachError(Exception):
    """An invariant does not hold."""


class Process:
    """An agent's process tree. `stubborn`: it ends only when it is killed."""

    def __init__(self, machine: Machine, spec: RunSpec, container: SimContainer, pid: int) -> None:
        self.machine, self.spec, self.container, self.pid = machine, spec, container, pid
        self.ended: asyncio.Future[int] = machine.loop.create_future()
        self.stubborn = False
        self.memory = Random(f"{machine.seed}/memory/{spec.rig}/{spec.number}").choice((1, 2, 3)) * GIGABYTE
        self.last_words = ""
        self.answered = False
        self.refusal: Refusal | None = None
        self.said = ""
        """Its last message."""
        self._task: asyncio.Task[int] | None = None

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def begin(self, live: Callable[[Process], Any]) -> None:
        self._task = self.machine.loop.create_task(live(self), name=f"agent {self.pid}")
        self._task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[int]) -> None:
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.machine.unexpected(f"agent {self.pid}", error)
        elif self.alive:
            self.ended.set_result(task.result())

    def kill(self, signal: int) -> None:
        if signal == 15 and self.stubborn:
            return
        if self.alive:
            self.ended.set_result(-signal)
            if self._task is not None:
                self._task.cancel()


class Machine:
    """Everything that outlives a crash of the server."""

    def __init__(self, loop: VirtualLoop, seed: int, faults: Faults, note: Callable[[str], None]) -> None:
        self.loop, self.seed, self.faults, self.note = loop, seed, faults, note
        self.clock = SimClock(loop)
        self.random = Random(f"{seed}/machine")
        self.new_id = Ids(Random(f"{seed}/ids"))
        self.objects = Objects()
        self.clones: dict[str, Clone] = {}
        self.remotes: dict[str, Remote] = {}
        self.processes: list[Process] = []
        self.sessions: defaultdict[str, list[str]] = defaultdict(list)
        """For each polecat, the ids of the messages that its session took."""
        self.container: SimContainer | None = None
        self.live: Callable[[Process], Any] = _idle
        self.on_container_lost: Callable[[SimContainer], None] = lambda _container: None
        self.steps = 0
        self.errors: list[str] = []
        self.taken_elsewhere = 0
        self._containers = 0

    def take(self, kind: str) -> bool:
        """Whether a fault of this kind happens now."""
        return self.faults.take(kind)

    def unexpected(self, where: str, error: BaseException) -> None:
        """An error that nothing explains is a breach too."""
        self.errors.append(f"{where}: {type(error).__name__}: {error}")

    # processes

    def execute(self, spec: RunSpec, container: SimContainer) -> Process:
        process = Process(self, spec, container, 1000 + len(self.processes))
        for other in self.running:
            if other.spec.bead_id == spec.bead_id or (other.spec.rig, other.spec.branch) == (spec.rig, spec.branch):
                self.errors.append(f"run {spec.number} of {spec.rig} starts while run {other.spec.number} is alive")
        self.processes.append(process)
        self.note(f"process {process.pid} begins: {spec.rig} run {spec.number}, {spec.branch}")
        process.begin(self.live)
        return process

    @property
    def running(self) -> list[Process]:
        return [process for process in self.processes if process.alive]

    def memory(self) -> Memory:
        """What is left of the machine's memory, by what runs on it."""
        taken = self.taken_elsewhere + sum(process.memory for process in self.running)
        return Memory(available=max(0, MEMORY - taken), total=MEMORY)

    # the container

    async def start_container(self) -> SimContainer:
        """A successor first proves that nothing of the one before runs, and takes away what that left half made."""
        await asyncio.sleep(0.1 + self.random.random())
        for process in self.running:
            process.kill(9)
        for clone in self.clones.values():
            for tree in [tree for tree in clone.worktrees.values() if tree.half_made]:
                del clone.worktrees[tree.slug]
        self._containers += 1
        self.container = SimContainer(self, f"container-{self._containers}")
        self.note(f"{self.container.id} begins")
        return self.container

    def kill_container(self) -> None:
        """SIGKILL. Its agents go on as orphans until a successor finds them."""
        if self.container is not None and not self.container.dead:
            self.note(f"{self.container.id} is gone")
            self.container.kill()
            self.on_container_lost(self.container)

    # what must not happen on disk

    def removed(self, rig: str, clone: Clone, tree: Worktree) -> None:
        """Called before a worktree is taken away: each of its uncommitted files must be in a commit that is kept."""
        if tree.half_made:
            return
        kept = [self.objects.files(tip) for tip in (*clone.heads.values(), *clone.kept.values())]
        for path, word in tree.dirty.items():
            if not any(files.get(path) == word for files in kept):
                self.errors.append(f"uncommitted work is lost: {path} in {rig}/{tree.slug}")

    def landed(self, commit: str) -> None:
        """Called when a remote's default branch was moved: a bead is on it once."""
        made = self.objects.commits
        beads = [made[c].bead_id for c in made[commit].line if made[c].bead_id]
        if len(beads) != len(set(beads)):
            self.errors.append(f"bead {made[commit].bead_id} was landed twice")


async def _idle(_process: Process) -> int:
    return 0
