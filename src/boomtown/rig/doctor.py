"""Finds what is wrong with a home and its surroundings, and mends what can be mended without losing anything."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from boomtown.container import card, trees
from boomtown.container.clones import Clone, Clones
from boomtown.container.git import Git, check_git
from boomtown.container.leftovers import leftovers, mend, remote_problem
from boomtown.container.processes import Processes
from boomtown.container.salvage import end_processes
from boomtown.container.sandbox import NONE, in_words, probe
from boomtown.container.settings import Settings as ContainerSettings
from boomtown.domain.errors import BoomtownError
from boomtown.domain.seams import Clock
from boomtown.home import config
from boomtown.home.agents import plan
from boomtown.home.config import DEMO
from boomtown.home.paths import Home
from boomtown.store import backups
from boomtown.store.readonly import Known, known

CLOCK_SLACK_S = 120.0
DOWN_FIRST = "stop the town (`boomtown down`), then `boomtown doctor --fix`"
FIX = "`boomtown doctor --fix`"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `cure`: what to do, null if all is well or it was mended."""

    check: str
    ok: bool
    text: str
    cure: str | None = None
    mended: bool = False


class Doctor:
    """One visit. `free`: nobody serves the home, and the caller's lock keeps it so; only then files are touched."""

    def __init__(self, home: Home, home_id: str, clock: Clock, environ: Mapping[str, str], *, fix: bool, free: bool):
        self._home, self._home_id, self._clock, self._environ = home, home_id, clock, environ
        self._fix, self._free = fix, free
        self._alone = free and card.find(home) is None
        """Neither server nor container runs."""

    def visit(self) -> list[Finding]:
        """Everything. Blocking."""
        found = [*self._tools(), *self._agents(), *self._permissions(), *self._disk(), *self._cards()]
        found += [*self._processes(), *self._database()]
        if (facts := self._known()) is not None:
            found += self._clock_sense(facts)
            found += self._large_files(facts)
            found += asyncio.run(self._rigs(facts))
        return found

    def _mend_or(self, check: str, text: str, cure: str, *, free: bool) -> Finding:
        """A finding that mending may be tried for; `free`: only while nothing runs."""
        if self._fix and (not free or self._alone):
            return Finding(check, True, f"{text} Mended: {cure}.", None, True)
        return Finding(check, False, text, FIX if not free or self._alone else DOWN_FIRST)

    def _tools(self) -> Iterator[Finding]:
        try:
            yield Finding("git", True, f"git {check_git()}")
        except BoomtownError as error:
            yield Finding("git", False, error.message, "install git 2.38 or newer")

    def _agents(self) -> Iterator[Finding]:
        try:
            settings = config.load(self._home.config)
        except BoomtownError as error:
            yield Finding("config", False, error.message, f"correct {self._home.config}")
            return
        yield Finding("config", True, f"{self._home.config} is in order" if self._home.config.exists() else "defaults")
        yield _sandbox(settings.sandbox)
        for name, agent in settings.agents.items():
            if name == DEMO:
                continue
            try:
                program = plan(agent, self._home, self._environ.get("PATH"), None).command[0]
                missing = None if shutil.which(program, path=self._environ.get("PATH")) else f"{program} was not found."
            except BoomtownError as error:
                missing = error.message
            text = missing or "its program is there"
            yield Finding(
                f"agent {name}", missing is None, text, "install it, or correct config.toml" if missing else None
            )

    def _permissions(self) -> Iterator[Finding]:
        home = self._home
        private = [home.root, home.database, home.token, home.jwt_key, home.home_id, home.backups]
        open_ones = [path for path in private if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
        if not open_ones:
            yield Finding("permissions", True, "only you can read the home")
        for path in open_ones:
            mode = 0o700 if path.is_dir() else 0o600
            if self._fix:
                path.chmod(mode)
            text = f"{path} can be read by others."
            yield self._mend_or("permissions", text, f"its mode is {mode:o} now", free=False)

    def _disk(self) -> Iterator[Finding]:
        free, needed = shutil.disk_usage(self._home.root).free, ContainerSettings().min_free_bytes
        text = f"{free / 1e9:.1f} GB free at {self._home.root}"
        enough = free >= needed
        yield Finding("disk", enough, text, None if enough else f"free some: {needed // 1_000_000} MB are needed")

    def _cards(self) -> Iterator[Finding]:
        """`server.json` and `container.json` that name nobody."""
        stale = [self._home.server_json] if self._free and self._home.server_json.exists() else []
        if self._home.container_json.exists() and card.find(self._home) is None:
            stale.append(self._home.container_json)
        for path in stale:
            if self._fix and self._free:
                path.unlink(missing_ok=True)
            yield self._mend_or(
                "cards", f"{path} names a process that is gone.", "it is removed", free=path.name[0] == "s"
            )

    def _processes(self) -> Iterator[Finding]:
        if not self._alone:
            yield Finding("processes", True, "the town runs; its container watches over its processes")
            return
        left = trees.marked(self._home_id, str(self._home.rigs))
        if not left:
            yield Finding("processes", True, "none is left over")
            return
        if self._fix:
            end_processes(self._home, self._home_id)
        yield self._mend_or(
            "processes", f"{left} processes of agents run without a container.", "they ended", free=True
        )

    def _database(self) -> Iterator[Finding]:
        if not self._home.database.exists():
            yield Finding("database", True, "there is none yet; the first `boomtown up` makes it")
            return
        try:
            backups.check(self._home.database)
        except BoomtownError as error:
            yield Finding("database", False, error.message, "`boomtown restore`")
            return
        copies = backups.listing(self._home.backups)
        yield Finding(
            "database", True, f"sound, {self._home.database.stat().st_size / 1e6:.1f} MB; {len(copies)} backups"
        )

    def _known(self) -> Known | None:
        try:
            return known(self._home.database)
        except sqlite3.Error:
            return None

    def _clock_sense(self, facts: Known) -> Iterator[Finding]:
        behind = (facts.last_at or 0.0) - self._clock.now()
        ok = behind < CLOCK_SLACK_S
        text = "not behind the ledger" if ok else f"The clock is {behind:.0f} s behind the newest event of the ledger."
        yield Finding("clock", ok, text, None if ok else "set the clock; timedatectl shows whether it is synchronised")

    def _large_files(self, facts: Known) -> Iterator[Finding]:
        if facts.large:
            there = shutil.which("git-lfs", path=self._environ.get("PATH")) is not None
            text = f"{', '.join(sorted(facts.large))}: large files are brought by Git LFS"
            words = text if there else f"{text}, but git-lfs is not installed."
            cure = None if there else "install it, for instance with `apt-get install git-lfs`"
            yield Finding("git-lfs", there, words, cure)

    async def _rigs(self, facts: Known) -> list[Finding]:
        clones = Clones(self._home, Git(Processes(), self._home_id))
        there = clones.names()
        found = [
            Finding(f"rig {name}", False, "Its clone is gone.", f"`boomtown rig remove {name}`, then add it again")
            for name in facts.rigs
            if name not in there
        ]
        for name in there:
            clone = clones.get(name)
            problem = await remote_problem(clone)
            text = problem or "its remote answers"
            cure = "check the address, the network and your credentials" if problem else None
            found.append(Finding(f"rig {name}", problem is None, text, cure))
            found += [finding async for finding in self._leftovers(clone, facts)]
        return found

    async def _leftovers(self, clone: Clone, facts: Known) -> AsyncIterator[Finding]:
        branches = {branch for rig, branch in facts.branches if rig == clone.name}
        for leftover in await leftovers(clone, facts.worktrees, branches):
            if self._fix and self._alone:
                await mend(clone, leftover)
            yield self._mend_or(f"rig {clone.name}", leftover.text, leftover.cure, free=True)


def _sandbox(wish: str) -> Finding:
    works = probe()
    kind, note = in_words(wish, works)
    ok = wish in (NONE, kind) or kind != NONE
    cure = None if ok else "install bubblewrap, or see docs/security.md"
    return Finding("sandbox", ok, f"{kind}. {note} What works here: {', '.join(works) or NONE}.", cure)


def diagnose(
    home: Home, home_id: str, clock: Clock, environ: Mapping[str, str], *, fix: bool, free: bool
) -> list[Finding]:
    """Look at everything, mend with `fix`. `free`: no server runs, and the caller's lock keeps it so. Blocking."""
    return Doctor(home, home_id, clock, environ, fix=fix, free=free).visit()
