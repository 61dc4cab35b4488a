"""Process trees: everything that a run, a gate or a git command has started, wherever it went.

A process belongs to a tree if its environment carries the tree's mark, if its session was made by the tree's root, if
its parent belongs, or if it was once seen to belong. So neither a session of its own nor an emptied environment nor a
dead parent takes a process out of its tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import structlog

from boomtown.container import proctable
from boomtown.container.proctable import Proc

log = structlog.get_logger()

Key = tuple[int, float]


@dataclass(frozen=True)
class Usage:
    """What a tree used: processor share since the last look (100 is one core), resident memory now."""

    cpu_percent: float = 0.0
    memory_bytes: int = 0


@dataclass
class Tree:
    """One tree. `root` is None until its first process is started; `folders` are where only its processes are.

    `hosts`: its root works for other trees too. What that starts for one of them, as mark or folder tell, is theirs.
    """

    mark: str
    root: Key | None = None
    folders: tuple[str, ...] = ()
    hosts: bool = False
    seen: set[Key] = field(default_factory=set)
    alive: list[Proc] = field(default_factory=list)
    usage: Usage = Usage()
    peak_memory_bytes: int = 0
    _cpu: dict[Key, float] = field(default_factory=dict)
    _looked_at: float = 0.0

    def update(self, members: list[Proc]) -> None:
        self.alive = [proc for proc in members if proc.alive]
        self.seen = {proc.key for proc in members}
        now, cpu = time.monotonic(), {proc.key: proc.cpu_s for proc in members}
        spent = sum(used - self._cpu.get(key, 0.0) for key, used in cpu.items())
        elapsed = now - self._looked_at
        percent = 100 * max(0.0, spent) / elapsed if self._looked_at and elapsed > 0 else 0.0
        self.usage = Usage(round(percent, 1), sum(proc.memory_bytes for proc in self.alive))
        self.peak_memory_bytes = max(self.peak_memory_bytes, self.usage.memory_bytes)
        self._cpu, self._looked_at = cpu, now


class Forest:
    """All trees of this home."""

    def __init__(self, home_id: str, started_here: Callable[[], Collection[int]] = tuple) -> None:
        """`started_here` gives the pids of this process's own children; any other child of ours is an orphan."""
        self._prefix = f"{home_id}:"
        self._started_here = started_here
        self._trees: dict[str, Tree] = {}
        self._orphans: dict[Key, Proc] = {}
        self._next_look: asyncio.Future[None] | None = None

    def plant(self, purpose: str, folders: Iterable[str] = (), hosts: bool = False) -> Tree:
        """A new tree; its processes must be started with `MARK` set to its mark."""
        tree = Tree(self._prefix + purpose, folders=tuple(folders), hosts=hosts)
        self._trees[tree.mark] = tree
        return tree

    def fell(self, tree: Tree) -> None:
        """Forget a tree, once `kill` has proven it gone."""
        self._trees.pop(tree.mark, None)

    async def look(self) -> None:
        """Look at all processes once and share them out. Everybody who asks in the same turn gets the same look."""
        if self._next_look is None:
            loop = asyncio.get_running_loop()
            self._next_look = loop.create_future()
            loop.call_soon(self._look_now)
        await asyncio.shield(self._next_look)

    def _look_now(self) -> None:
        waiting, self._next_look = self._next_look, None
        try:
            table = proctable.scan()
            owners = self._owners(table)
            members: dict[str, list[Proc]] = {mark: [] for mark in self._trees}
            for pid, mark in owners.items():
                members[mark].append(table[pid])
            for mark, procs in members.items():
                self._trees[mark].update(procs)
            self._orphans = self._find_orphans(table, owners)
        except BaseException as error:
            if waiting is not None:
                waiting.set_exception(error)
            raise
        if waiting is not None:
            waiting.set_result(None)

    def _owners(self, table: dict[int, Proc]) -> dict[int, str]:
        """Which process belongs to which tree, by mark."""
        seen = {key: tree.mark for tree in self._trees.values() for key in tree.seen}
        sessions = {tree.root[0]: tree for tree in self._trees.values() if tree.root}
        owners: dict[int, str] = {}
        us = os.getpid()
        for proc in table.values():
            if proc.pid == us:
                continue
            mark = seen.get(proc.key)
            if mark is None and (tree := sessions.get(proc.session)) and tree.root and proc.start >= tree.root[1]:
                mark = tree.mark
            if mark is None and proc.alive:
                mark = proctable.mark_of(proc.pid)
            if mark in self._trees:
                owners[proc.pid] = self._guest_of(self._trees[mark], proc) or mark
        # children belong where their parent does; parents come before children by start, but for equal ticks
        pending = sorted((proc for proc in table.values() if proc.pid not in owners), key=lambda proc: proc.start)
        grew = True
        while grew:
            grew = False
            for proc in pending:
                if proc.pid not in owners and proc.ppid in owners and proc.pid != us:
                    owners[proc.pid] = owners[proc.ppid]
                    grew = True
        return owners

    def _guest_of(self, host: Tree, proc: Proc) -> str | None:
        """The tree for which a process of the tree `host` works, if that is another."""
        if not host.hosts or proc.key == host.root:
            return None
        mark = proctable.mark_of(proc.pid)
        if mark != host.mark and mark in self._trees:
            return mark
        guests = (tree for tree in self._trees.values() if not tree.hosts)
        return next((tree.mark for tree in guests if _is_in(proc, tree.folders)), None)

    def _find_orphans(self, table: dict[int, Proc], owners: dict[int, str]) -> dict[Key, Proc]:
        """Adopted children of ours that nothing ties to a tree: they emptied their environment and lost a parent."""
        us, own = os.getpid(), self._started_here()
        return {
            proc.key: proc
            for proc in table.values()
            if proc.ppid == us
            and proc.alive
            and proc.pid not in owners
            and proc.pid not in own
            and proctable.mark_of(proc.pid) is None
        }

    def unmarked(self) -> list[Key]:
        """Processes that a successor of ours could not find by their mark."""
        members = [proc for tree in self._trees.values() for proc in tree.alive]
        return sorted({proc.key for proc in members if _hides(proc)} | set(self._orphans))

    async def kill(self, tree: Tree) -> None:
        """Kill every process of the tree and return once two looks in a row have found none."""
        empty, wait_s, warn_at = 0, 0.002, time.monotonic() + 10
        while True:
            try:
                await self.look()
            except OSError as error:  # out of file descriptors: without a look there is no proof
                log.error("tree.no_look", mark=tree.mark, error=str(error))
                await asyncio.sleep(0.5)
                continue
            doomed = tree.alive + self._lost_children_of(tree)
            empty = 0 if doomed else empty + 1
            if empty == 2:
                return
            for proc in doomed:
                kill(proc.key)
            if doomed and time.monotonic() > warn_at:
                log.warning("tree.does_not_die", mark=tree.mark, pids=[proc.pid for proc in doomed])
                warn_at = time.monotonic() + 60
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 0.5)

    async def leave(self, tree: Tree, within_s: float) -> None:
        """Let those end that share the session of the tree's root; return when they have, or after `within_s`."""
        wait_s, until = 0.01, time.monotonic() + within_s
        while time.monotonic() < until:
            await self.look()
            if not any(tree.root and proc.session == tree.root[0] for proc in tree.alive):
                return
            await asyncio.sleep(wait_s)
            wait_s *= 2

    def _lost_children_of(self, tree: Tree) -> list[Proc]:
        """Orphans that must be this tree's: they are in its folders, or no other tree could have started them."""
        if not self._orphans:
            return []
        others = [other for other in self._trees.values() if other.root and other is not tree and other.folders]
        return [
            proc
            for proc in self._orphans.values()
            if tree.root
            and proc.start >= tree.root[1]
            and (not any(proc.start >= other.root[1] for other in others if other.root) or _is_in(proc, tree.folders))
        ]


def _hides(proc: Proc) -> bool:
    """Whether it lives without a mark; of one that ended meanwhile no mark can be read either."""
    return proctable.mark_of(proc.pid) is None and proctable.lives(*proc.key)


def _is_in(proc: Proc, folders: tuple[str, ...]) -> bool:
    where = proctable.working_folder(proc.pid)
    return where is not None and any(where == folder or where.startswith(folder + os.sep) for folder in folders)


def kill(key: Key) -> None:
    """SIGKILL the process of that pid and start time, and nothing else."""
    pid, start = key
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not hasattr(os, "pidfd_open"):
            if proctable.lives(pid, start):
                os.kill(pid, signal.SIGKILL)
            return
        fd = os.pidfd_open(pid)
        try:
            if proctable.lives(pid, start):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        finally:
            os.close(fd)


def sweep(home_id: str, known: Iterable[Key] = (), folder: str | None = None, deadline_s: float = 60.0) -> int:
    """Kill every process that carries the home's mark, and those `known` to have lost it; return how many.

    A process in `folder` (the home's worktrees) with neither mark nor HOME is one that emptied its environment before
    anybody saw it; a person's own processes have a HOME.

    Blocks until two looks in a row have found none. Raises TimeoutError if some can't be killed within `deadline_s`.
    """
    killed: set[Key] = set()
    spared = _ancestors()
    deadline, empty = time.monotonic() + deadline_s, 0
    known = set(known)
    while empty < 2:
        doomed = _survivors(home_id, known, folder, spared)
        empty = 0 if doomed else empty + 1
        for key in doomed:
            kill(key)
        known |= doomed
        killed |= doomed
        if doomed and time.monotonic() > deadline:
            pids = ", ".join(str(pid) for pid, _ in sorted(doomed))
            raise TimeoutError(f"Processes of this home can't be killed: {pids}.")
        time.sleep(0.005)
    return len(killed)


def marked(home_id: str, folder: str | None = None) -> int:
    """How many processes carry the home's mark, or hide in `folder` without one; see `sweep`."""
    return len(_survivors(home_id, set(), folder, _ancestors()))


def _survivors(home_id: str, known: set[Key], folder: str | None, spared: set[int]) -> set[Key]:
    table = proctable.scan()

    def is_ours(proc: Proc) -> bool:
        mark = proctable.mark_of(proc.pid)
        if proc.key in known or (mark is not None and mark.startswith(f"{home_id}:")):
            return True
        hidden = folder is not None and mark is None and _is_in(proc, (folder,))
        return hidden and proctable.variable(proc.pid, "HOME") is None

    doomed = {proc.pid for proc in table.values() if proc.alive and proc.pid not in spared and is_ours(proc)}
    grew = True
    while grew:  # descendants that emptied their environment
        below = {p.pid for p in table.values() if p.ppid in doomed and p.pid not in doomed and p.pid not in spared}
        grew = bool(below)
        doomed |= below
    return {table[pid].key for pid in doomed if table[pid].alive}


def _ancestors() -> set[int]:
    """This process and those it descends from: a town may be started from within another's agent."""
    pids, pid = {os.getpid()}, os.getppid()
    while pid > 1 and (proc := proctable.read(pid)) is not None:
        pids.add(pid)
        pid = proc.ppid
    return pids
