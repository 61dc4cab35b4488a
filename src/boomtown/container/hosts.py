"""Agent processes that serve many runs: started with the first of them, ended some time after the last.

A guest is one run's session in such a host, with the guarantees of a run that has a process of its own: its tools carry
its mark, so that they are its tree; it is over when the host has said so of all that it was asked, or is dead.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from boomtown.container.agents.acp import AcpConversation, open_line
from boomtown.container.agents.adapter import Ending
from boomtown.container.agents.transport import PipeTransport
from boomtown.container.guard import write_private
from boomtown.container.pipes import PipeReader
from boomtown.container.plain import place_below
from boomtown.container.prepare import home_folders
from boomtown.container.processes import PIPE, Child, Processes, find_command
from boomtown.container.proctable import MARK
from boomtown.container.protocol import RunSpec
from boomtown.container.streams import LineSplitter, StreamWriter
from boomtown.container.trees import Forest, Tree, Usage
from boomtown.domain.errors import BadInputError
from boomtown.home.clock import new_id
from boomtown.home.paths import Home

if TYPE_CHECKING:
    from boomtown.container.agents.line import Line

log = structlog.get_logger()

SHELLS = "BOOMTOWN_SHELLS"
"""The variable of a host that says where its plugin finds the environment for the tools of each worktree, by slug."""
START_S = 120.0
"""For the greeting."""
LET_GO_S = 10.0
"""How long a host may go on with a session that is over. One that does is ended, with all sessions in it."""
LEAVES_S = 1.0
LAST_WORDS_S = 1.0
_LAST_LINES = 20
_NO_SESSION = -1
"""In the root of a tree: no session of processes is all its own."""


class Host:
    """One process. `home`: its HOME; `gone`: its exit status, once all that it started is gone."""

    full = False

    def __init__(self, child: Child, tree: Tree, home: Path, forest: Forest) -> None:
        self.child, self.tree, self.home = child, tree, home
        self.guests: list[Guest] = []
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        """What it said last on its standard error, of nobody's session."""
        self._forest = forest
        self._stderr = PipeReader(child.take("stderr"), LineSplitter(self, "stderr").feed)
        self._transport = PipeTransport(
            child.take("stdin"), child.take("stdout"), lambda line: self.lines("stdout", [line])
        )
        self.line: asyncio.Future[Line] = asyncio.ensure_future(self._open())
        self.gone = asyncio.ensure_future(self._live())

    async def _open(self) -> Line:
        """Raises TimeoutError, `ConnectionError` or what the process says instead of a greeting."""
        try:
            async with asyncio.timeout(START_S):
                return await open_line(self._transport)
        except BaseException:
            self.child.signal_group(signal.SIGKILL)  # whoever comes next gets another
            raise

    async def _live(self) -> int:
        code = await self.child.wait()
        await self._forest.kill(self.tree)
        self._forest.fell(self.tree)
        await asyncio.wait([self._stderr.ended, self._transport.ended], timeout=LAST_WORDS_S)
        self._stderr.close()
        await self._transport.close()
        await asyncio.wait([self.line])
        if not self.line.cancelled() and (error := self.line.exception()) is not None:
            log.warning("host.never_greeted", pid=self.child.pid, error=str(error))
        log.info("host.gone", pid=self.child.pid, code=code, guests=len(self.guests))
        return code

    @property
    def usable(self) -> bool:
        """Whether more runs may come."""
        failed = self.line.done() and (self.line.cancelled() or self.line.exception() is not None)
        return not failed and self.child.code is None and not self._transport.ended.done()

    @property
    def share(self) -> Usage:
        """What each guest has of the process's own use."""
        used, count = self.tree.usage, max(1, len(self.guests))
        return Usage(round(used.cpu_percent / count, 1), used.memory_bytes // count)

    def lines(self, kind: str, lines: list[str], more: bool = False) -> None:  # noqa: ARG002
        """What it says beside its conversations. Until it has greeted, all that is about everybody."""
        for line in lines:
            about = [guest for guest in self.guests if not self.line.done() or guest.is_named_in(line)]
            for guest in about:
                guest.overhear(kind, line)
            if not about:
                self.last_lines.append(line)

    async def end(self) -> None:
        """End the process as it likes best: at the end of its input, at a signal, by force."""
        self._transport.end_input()
        await asyncio.wait({self.gone}, timeout=LEAVES_S)
        self.child.signal_group(signal.SIGTERM)
        await asyncio.wait({self.gone}, timeout=LEAVES_S)
        await self.kill()

    async def kill(self) -> None:
        """End the process, with whatever sessions are in it; return when that is proven."""
        self.child.signal_group(signal.SIGKILL)
        await asyncio.shield(self.gone)


class Guest:
    """One run's stay in a host. `shell`: the file with the environment of its tools."""

    def __init__(self, host: Host, spec: RunSpec, tree: Tree, forest: Forest, left: Callable[[Guest], None]) -> None:
        self.host, self.spec = host, spec
        self._tree, self._forest, self._left = tree, forest, left
        self._named = re.compile(re.escape(tree.folders[0]) + r"(?![\w.-])")
        self._talk: AcpConversation | None = None
        self._stream: StreamWriter | None = None
        self._expelled = False

    def is_named_in(self, line: str) -> bool:
        """Whether a line of the host is about this guest."""
        session = self._talk.heard.session if self._talk else None
        return self._named.search(line) is not None or (session is not None and session in line)

    def overhear(self, kind: str, line: str) -> None:
        """What the host says about it, beside the conversation."""
        if self._stream and self._talk:
            self._stream.lines(kind, [line])
            if kind == "stderr":
                self._talk.overhear([line])

    async def stay(self, talk: AcpConversation, stream: StreamWriter, changed: Callable[[], None]) -> Ending:
        """The whole conversation, until the host works no more at anything of it."""
        self._talk, self._stream, host = talk, stream, self.host
        holding = asyncio.ensure_future(talk.visit(host.line, stream, changed))
        try:
            await asyncio.wait({holding, host.gone}, return_when=asyncio.FIRST_COMPLETED)
            if not host.gone.done():
                await self._depart(talk)
            await asyncio.wait({holding}, timeout=LAST_WORDS_S)
        finally:
            holding.cancel()
            await asyncio.wait({holding})
            self._left(self)
        if self._expelled:
            return Ending(-signal.SIGKILL)
        if not host.gone.done():
            return holding.result()
        stream.lines("stderr", list(host.last_lines))
        return Ending(host.gone.result() or 1, "The agent process that it shares with others has ended.")

    async def _depart(self, talk: AcpConversation) -> None:
        """Nobody speaks any more: its tools are killed, and the host has to let go of the session."""
        host = self.host
        await self._forest.kill(self._tree)
        if talk.open:
            await asyncio.wait(talk.open, timeout=LET_GO_S)
        if talk.open:
            log.warning("host.deaf", pid=host.child.pid, run=self.spec.run_id, guests=len(host.guests))
            await host.kill()
        elif not host.usable or not await talk.leave():
            await host.end()

    async def expel(self) -> None:
        """Its time is over: what it started is killed at once, the session is left within seconds."""
        self._expelled = True
        if self._talk:
            self._talk.stop(False)
        await self._forest.kill(self._tree)


class Hosts:
    """All of them. `idle_s`: how long one without guests stays."""

    def __init__(self, home: Home, processes: Processes, forest: Forest, idle_s: float) -> None:
        self._home, self._processes, self._forest, self._idle_s = home, processes, forest, idle_s
        self._hosts: dict[str, Host] = {}
        self._idle: dict[Host, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, spec: RunSpec, env: Mapping[str, str], tree: Tree) -> Guest:
        """A place for the run, whose whole environment is `env`, in a process of its rig, kind and configuration.

        Raises `BadInputError` if there is none, and its command can't be executed.
        """
        assert spec.talk is not None
        paths = self._home.rig(spec.rig)
        home = self.make_home(spec)
        common = {name: value for name, value in env.items() if name not in spec.talk.shared} | home_folders(home)
        shells = place_below(home, ".boomtown/shells/x").parent
        common[SHELLS] = str(shells)
        own = {name: value for name, value in {**env, MARK: tree.mark}.items() if common.get(name) != value}
        kept = place_below(paths.agent_home(spec.bead_id), ".boomtown/shell.json")
        write_private(kept, json.dumps(own).encode())
        link = shells / spec.worktree_slug
        link.unlink(missing_ok=True)
        link.symlink_to(kept)
        key = json.dumps([spec.rig, spec.agent_kind, spec.command, sorted(common.items())])
        host = self._hosts.get(key)
        if host is None or not host.usable:
            host = self._hosts[key] = self._start(spec, common, home)
        if tree.root is None:
            tree.root = (_NO_SESSION, host.child.start or 0.0)
        if (timer := self._idle.pop(host, None)) is not None:
            timer.cancel()
        guest = Guest(host, spec, tree, self._forest, lambda guest: self._left(guest, kept, link))
        host.guests.append(guest)
        return guest

    def make_home(self, spec: RunSpec) -> Path:
        """The HOME of processes that serve runs such as this."""
        home = self._home.rig(spec.rig).shared_home(spec.agent_kind)
        home_folders(home)
        os.utime(home)  # it is in use
        return home

    def _start(self, spec: RunSpec, common: Mapping[str, str], home: Path) -> Host:
        program = find_command(spec.command[0], common.get("PATH"), home)
        if program is None:
            raise BadInputError(
                f"The agent's command {spec.command[0]!r} is not there or can't be executed. Install it, or correct "
                f"`command` of the agent {spec.agent_kind!r} in config.toml."
            )
        tree = self._forest.plant(f"host {new_id()}", (str(home),), hosts=True)
        try:
            child = self._processes.spawn(
                (program, *spec.command[1:]),
                cwd=home, env=dict(common) | {MARK: tree.mark}, stdin=PIPE, stdout=PIPE, stderr=PIPE,
            )  # fmt: skip
        except OSError:
            self._forest.fell(tree)
            raise
        tree.root = (child.pid, child.start or 0.0)
        log.info("host.started", pid=child.pid, rig=spec.rig, agent=spec.agent_kind)
        return Host(child, tree, home, self._forest)

    def _left(self, guest: Guest, *files: Path) -> None:
        for file in files:
            file.unlink(missing_ok=True)
        host = guest.host
        host.guests.remove(guest)
        if not host.guests:
            loop = asyncio.get_running_loop()
            self._idle[host] = loop.call_later(self._idle_s, lambda: self._own(self._end(host)))

    async def _end(self, host: Host) -> None:
        """End a host; whoever comes meanwhile gets another."""
        if (timer := self._idle.pop(host, None)) is not None:
            timer.cancel()
        if host.guests:
            return
        for key in [key for key, known in self._hosts.items() if known is host]:
            del self._hosts[key]
        await host.end()

    async def close(self, rig: str | None = None) -> None:
        """End those that have no guests: all, or a rig's."""
        own = self._home.rig(rig).root if rig else self._home.root
        ends = [self._end(host) for host in [*self._idle] if host.home.is_relative_to(own)]
        await asyncio.gather(*ends, *self._tasks)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="host")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
