"""One run: from the request to start it to the proof that its whole process tree is gone, and what git says then."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from boomtown.container import work
from boomtown.container.agents.acp import AcpConversation
from boomtown.container.agents.adapter import Conversation, Ending, Heard, adapter_for
from boomtown.container.agents.past import with_past
from boomtown.container.agents.refusals import read_last_words
from boomtown.container.cgroups import Cgroups
from boomtown.container.clones import Clones
from boomtown.container.commands import run_command
from boomtown.container.gifts import bring
from boomtown.container.hosts import Guest, Hosts
from boomtown.container.pipes import PipeReader, PipeWriter
from boomtown.container.prepare import base_or_ours, prepare_home, prepare_worktree, wip_on_branch
from boomtown.container.processes import NULL, PIPE, Child, Processes, find_command
from boomtown.container.proctable import MARK
from boomtown.container.prompting import whole_prompt
from boomtown.container.protocol import Attached, DisposeResult, Facts, Message, Refusal, RunSpec, RunState, Talk
from boomtown.container.sandbox import NONE, choose, confine, probe, room
from boomtown.container.streams import LineSplitter, StreamWriter, Words, without
from boomtown.container.surroundings import SetupError, furnish
from boomtown.container.trees import Forest, Tree, Usage
from boomtown.container.visits import CONTINUE, GONE, STOPPED, Visit, terminal
from boomtown.container.worktrees import Worktrees
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError
from boomtown.home.paths import Home
from boomtown.home.steps import reach

log = structlog.get_logger()

STARTING, RUNNING, EXITED = "starting", "running", "exited"
MOST_PROCESSES = 1000
"""Of one run at a time."""
_PIPES_END_S = 2.0
"""How long a pipe may stay open after every process of the tree is gone."""
_LAST_WORDS_S = 1.0
"""How long a conversation may go on after its program is gone: what that said before may still be on its way."""
LEAVES_S = 1.0
"""How long a program gets to end when it is asked to, before it is asked more plainly; and then its helpers, by
themselves: they may be writing the session down."""


@dataclass(frozen=True)
class Workshop:
    """What all runs share."""

    home: Home
    processes: Processes
    forest: Forest
    clones: Clones
    hosts: Hosts
    trees: Callable[[str], Worktrees]
    cgroups: Cgroups | None = None


class Run:
    """One run. `on_exit` is called once, when its end is proven and judged; `on_news` when others should look at it."""

    def __init__(
        self, spec: RunSpec, shop: Workshop, on_exit: Callable[[Run], None], on_news: Callable[[Run], None]
    ) -> None:
        self.spec = spec
        self.state = STARTING
        self.ended = asyncio.get_running_loop().create_future()
        self._shop = shop
        self._on_exit = on_exit
        self._on_news = on_news
        self._talk: Conversation | None = None
        self._guest: Guest | None = None
        """Its stay in a process that serves others too; None: it has a process of its own."""
        self._child: Child | None = None
        self._tree: Tree | None = None
        self._stream: StreamWriter | None = None
        self._group = shop.cgroups.of_run(spec.run_id, spec.memory_limit) if shop.cgroups else None
        self._stopping = False
        self._sandbox = NONE
        self._kill_at: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at: float | None = None
        self._exited_at: float | None = None
        self._code: int | None = None
        self._error: str | None = None
        self._start_failed = False
        self._setup_failed = False
        self._refusal: Refusal | None = None
        self._out_of_memory = False
        self._setting_up = False
        self._broken = False
        self._facts: Facts | None = None
        self._splitters: list[LineSplitter] = []
        self._said = Words()
        self._pipes: list[PipeReader] = []
        self._input: PipeWriter | None = None
        self._env: dict[str, str] = {}
        self._messages: tuple[Message, ...] = ()
        self._person: Visit | None = None
        self._left = ""

    @property
    def live(self) -> bool:
        return self.state != EXITED

    @property
    def preparing(self) -> bool:
        """Whether its worktree is being made; the rig's own setup, which comes after that, may take its time."""
        return self.state == STARTING and not self._setting_up

    @property
    def worktree(self) -> Path:
        return self._shop.home.rig(self.spec.rig).worktree(self.spec.worktree_slug)

    @property
    def _home(self) -> Path:
        return self._shop.home.rig(self.spec.rig).agent_home(self.spec.bead_id)

    def view(self) -> RunState:
        """This run as the server sees it."""
        spec, stream, usage = self.spec, self._stream, self._usage
        heard = self._talk.heard if self._talk else Heard()
        return RunState(
            run_id=spec.run_id,
            number=spec.number,
            rig=spec.rig,
            bead_id=spec.bead_id,
            polecat_id=spec.polecat_id,
            branch=spec.branch,
            worktree=str(self.worktree),
            state=self.state,
            pid=None if self._visited else self._pid,
            started_at=self._started_at,
            exited_at=self._exited_at,
            exit_code=self._code if self._code is not None and self._code >= 0 else None,
            signal=-self._code if self._code is not None and self._code < 0 else None,
            error=self._told(self._error or heard.trouble if self.live and not self._visited else self._error),
            start_failed=self._start_failed,
            setup_failed=self._setup_failed,
            out_of_memory=self._out_of_memory,
            last_output_at=stream.last_output_at if stream else None,
            last_seq=stream.last_seq if stream else 0,
            cpu_percent=usage.cpu_percent,
            memory_bytes=usage.memory_bytes,
            peak_memory_bytes=self._tree.peak_memory_bytes if self._tree and not self._guest else 0,
            last_words=self._last_words,
            facts=self._facts,
            session=heard.session,
            question=heard.question if self.live and not self._visited else None,
            usage=heard.usage,
            delivered=heard.delivered,
            refusal=replace(self._refusal, words=self._told(self._refusal.words) or "") if self._refusal else None,
            answered=heard.answered,
            attached=self._person.by if self._person else "",
            ticket=self._person.ticket if self._person else "",
            left=self._left,
            report="" if self.live or not spec.report else self._told(heard.report or self._said.text) or "",
        )

    @property
    def _usage(self) -> Usage:
        """What it takes now; of a process that serves others too, its share."""
        if self._tree is None or not self.live:
            return Usage()
        own = self._tree.usage
        share = self._guest.host.share if self._guest else Usage()
        return Usage(round(own.cpu_percent + share.cpu_percent, 1), own.memory_bytes + share.memory_bytes)

    @property
    def _visited(self) -> bool:
        """Whether a person has its session: no program of ours runs."""
        return self._person is not None and self._person.begun.is_set()

    def _told(self, text: str | None) -> str | None:
        return without(self.spec.secrets, text) if text else text

    @property
    def _last_words(self) -> str:
        """What it said last; of a program that is spoken with and failed, what that wrote on its standard error."""
        complaints = self._talk.complaints if self._talk and self._code else ""
        return self._told(complaints) or (self._stream.last_words if self._stream else "")

    async def start(self) -> None:
        """Return once the program runs, or could not be started. Raises what has nothing to do with this run."""
        began = time.monotonic()
        try:
            trees = self._shop.trees(self.spec.rig)
            conflicts = await prepare_worktree(trees, self.spec)
            self.spec = await with_past(self.spec, trees, self._home, self._shop.home.stream)
            env = self.spec.env | prepare_home(self._home, self.spec)
            self._sandbox = choose(self.spec.around.sandbox, probe())
            if self._sandbox == NONE:
                env |= trees.clone.guard.environment(env)
            await self._inherit()
            if not self._stopping:
                await self._set_up(trees, env)
            if not self._stopping:
                self._begin(conflicts, env)
                log.info("run.started", **self._names, pid=self._pid, ms=round(1000 * (time.monotonic() - began)))
                self._own(self._live())
                if self._setting_up:
                    self._on_news(self)
                return
        except SetupError as error:
            self._error, self._start_failed, self._setup_failed = error.message, True, True
        except BoomtownError as error:
            if error.code == "REMOTE_UNREACHABLE" and not self._stopping:
                raise
            self._error, self._start_failed = error.message, True
        except OSError as error:
            self._error, self._start_failed = f"{self.spec.command[0]} could not be started: {error}.", True
        await self._kill()
        await self._finish()

    @property
    def _names(self) -> dict[str, object]:
        return {"run": self.spec.run_id, "rig": self.spec.rig, "branch": self.spec.branch}

    @property
    def _pid(self) -> int | None:
        child = self._guest.host.child if self._guest else self._child
        return child.pid if child else None

    async def _inherit(self) -> None:
        """Give its HOME what it has of the person's; what was left out is said in the stream."""
        talk = self.spec.talk
        if talk is None or not (talk.gifts or talk.notes):
            return
        home = self._shop.hosts.make_home(self.spec) if talk.shared else self._home
        for note in (*talk.notes, *await asyncio.to_thread(bring, talk.gifts, home)):
            self._open_stream().notice(note)

    def _open_stream(self) -> StreamWriter:
        if self._stream is None:
            self._stream = StreamWriter(self._shop.home.stream(self.spec.run_id), secrets=self.spec.secrets)
        return self._stream

    async def _set_up(self, trees: Worktrees, env: dict[str, str]) -> None:
        """Make the worktree ready as the rig wants it. Raises `SetupError` with the words of what failed."""
        spec, shop, around = self.spec, self._shop, self.spec.around
        if around.plain:
            await furnish(trees, spec.worktree_slug, self.worktree, self._home, around)
            return
        self._setting_up = True
        stream = self._open_stream()
        for line in await furnish(trees, spec.worktree_slug, self.worktree, self._home, around):
            stream.notice(line)
        for command in around.setup:
            if self._stopping:
                return
            stream.notice(f"$ {command}")
            splitter = LineSplitter(stream, "stdout")
            code = await run_command(
                shop.processes, shop.forest, self._planted, command,
                cwd=self.worktree, env=env, timeout_s=around.setup_timeout_s,
                output=splitter.feed, started=self._begun, confine=self._confined,
            )  # fmt: skip
            splitter.end()
            self._child = None
            if code != 0 and not self._stopping:
                how = f"took longer than {around.setup_timeout_s:g} s" if code is None else f"ended with status {code}"
                words = f" Last words: {stream.last_words}" if stream.last_words else ""
                raise SetupError(f"The setup command `{command}` {how}.{words}")

    def _confined(self, argv: Sequence[str]) -> Sequence[str]:
        """How to start `argv` so that it stays in the run's sandbox and cgroup, if it has them."""
        spec, trees = self.spec, self._shop.trees(self.spec.rig)
        if self._sandbox != NONE:
            where = (spec.worktree_slug, self.worktree, self._home, spec.around, spec.branch)
            argv = confine(self._sandbox, argv, room(self._shop.home, trees, *where))
        return self._group.around(argv) if self._group else argv

    def _begun(self, child: Child) -> None:
        self._child = child

    @property
    def _planted(self) -> Tree:
        """Where everything belongs that this run starts."""
        if self._tree is None:
            self._tree = self._shop.forest.plant(self.spec.run_id, (str(self.worktree), str(self._home)))
        return self._tree

    def _begin(self, conflicts: tuple[str, ...], env: dict[str, str]) -> None:
        prompt = whole_prompt(self.spec, self.worktree, conflicts)
        stream = self._open_stream()
        if self.spec.talk and self.spec.talk.shared:
            self._enter(self.spec.talk, prompt, env)
        else:
            self._spawn(stream, prompt, env)
        reach("run spawned")
        self._started_at, self.state = self._started_at or time.time(), RUNNING

    def _enter(self, talk: Talk, prompt: str, env: dict[str, str]) -> None:
        """Begin in a process that serves others too."""
        tree = self._planted
        self._guest = self._shop.hosts.enter(self.spec, env, tree)
        marked = replace(self.spec, talk=replace(talk, tools=talk.tools | {MARK: tree.mark}))
        self._talk = AcpConversation(marked, prompt, self.worktree, self._home, self._guest.host.home)

    def _spawn(self, stream: StreamWriter, prompt: str, env: dict[str, str]) -> None:
        """Begin in a process of its own."""
        spec, shop = self.spec, self._shop
        home, tree = self._home, self._planted
        env = self._env = env | {MARK: tree.mark}
        adapter = adapter_for(spec.adapter)
        launch = adapter.launch(spec, prompt, self.worktree, home)
        talk, earlier = launch.conversation, self._talk
        if talk is not None and earlier is not None:
            talk.follow(earlier)
            talk.tell(self._messages)
        self._talk = talk
        program = find_command(launch.argv[0], env.get("PATH"), self.worktree)
        if program is None:
            raise BadInputError(
                f"The agent's command {launch.argv[0]!r} is not there or can't be executed. Install it, or correct "
                f"`command` of the agent {spec.agent_kind!r} in config.toml."
            )
        child = self._child = shop.processes.spawn(
            self._confined((program, *launch.argv[1:])),
            cwd=self.worktree,
            env=env | dict(launch.env),
            stdin=NULL if launch.stdin is None and talk is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        tree.root = (child.pid, child.start or 0.0)
        heard = ("stderr",) if talk else ("stdout", "stderr")
        said = self._said.hear if spec.report else None
        hears = {"stdout": said, "stderr": talk.overhear if talk else None}
        self._splitters = [LineSplitter(stream, adapter.kind_of(pipe), hears[pipe]) for pipe in heard]
        self._pipes = [
            PipeReader(child.take(pipe), splitter.feed) for pipe, splitter in zip(heard, self._splitters, strict=True)
        ]
        self._input = PipeWriter(child.take("stdin"), launch.stdin) if launch.stdin is not None else None

    async def _live(self) -> None:
        """Wait for the program, then for its whole tree, then for its output; a person may come in between."""
        assert self._stream
        code = await self._outlast()
        while self._person is not None and not self._stopping and await self._host(self._person):
            code = await self._outlast() if self._go_on() else 1
        if self._person is not None:
            code = 1 if self._error else 0
            self._leave(self._person)
        self._code = code
        if (
            code != 0
            and not self._stopping
            and self._refusal is None
            and (not self._talk or not self._talk.heard.session)
        ):
            self._refusal = read_last_words(self._stream.last_words, time.time())
        if self._talk and code != 0 and self._error and self._talk.complaints:
            self._error = f"{self._error} Its standard error ends: {self._talk.complaints}"
        if code in (126, 127) and self._stream.last_words.startswith("setpriv: failed to execute"):
            self._start_failed, self._error = True, self._stream.last_words.removeprefix("setpriv: ")
        await self._finish()

    async def _program(self) -> int:
        """Wait for its end; the exit status that it comes to."""
        if self._guest:
            return await self._stay(self._guest)
        assert self._child
        return await (self._converse() if self._talk else self._child.wait())

    async def _stay(self, guest: Guest) -> int:
        assert isinstance(self._talk, AcpConversation)
        assert self._stream
        ending = await guest.stay(self._talk, self._stream, lambda: self._on_news(self))
        self._error, self._refusal = self._error or ending.error, ending.refusal
        return ending.code

    async def _outlast(self) -> int:
        """Until the program, its tree and its output have come to their end; returns the exit status."""
        assert self._tree
        code = await self._program()
        if self._group:
            self._group.kill()
        await self._shop.forest.kill(self._tree)
        if self._pipes:
            await asyncio.wait([pipe.ended for pipe in self._pipes], timeout=_PIPES_END_S)
        for pipe in self._pipes:
            pipe.close()
        if self._input:
            self._input.close()
        for splitter in self._splitters:
            splitter.end()
        return code

    # a person in our place

    async def attach(self, by: str, pid: int, command: Sequence[str]) -> tuple[str, Attached]:
        """End our own program and give its session away; returns a ticket, and how the interface is started.

        `{session}` in `command` is the session. `pid`: the process that will hold it. Raises `ConflictError`.
        """
        name, session = self.spec.name, self._talk.heard.session if self._talk else None
        if self._person is not None:
            raise ConflictError(f"{self._person.by.removeprefix('user:')} is attached to {name} already.")
        if self._guest is not None:
            raise BadInputError(
                f"{name} has no program of its own: `shared = true` has one serve several. "
                f"`boomtown shell {name}` opens a shell in its worktree.",
                field="agentId",
            )
        if self.state != RUNNING or self._stopping or self._talk is None or session is None:
            raise ConflictError(f"{name} is beginning or ending, and has no session now. Try again in a moment.")
        argv = [word.replace("{session}", session) for word in command]
        program = find_command(argv[0], self._env.get("PATH"), self.worktree)
        if program is None:
            raise BadInputError(f"{argv[0]} was not found or can't be executed. Install it.")
        visit = self._person = Visit(by, uuid4().hex, terminal(pid))
        self._talk.stop(gently=False)
        begun = asyncio.ensure_future(visit.begun.wait())
        await asyncio.wait({begun, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not visit.begun.is_set():
            raise ConflictError(f"The run of {name} has ended meanwhile.")
        argv = [*self._confined((program, *argv[1:]))]
        return visit.ticket, Attached(str(self.worktree), tuple(argv), self._env)

    def detach(self, ticket: str, how: str) -> bool:
        """The person has left; False if it was not theirs any more."""
        if self._person is None or self._person.ticket != ticket or self._person.how:
            return False
        self._person.end(how)
        return True

    async def _host(self, visit: Visit) -> bool:
        """The session is theirs. Returns, with nothing of them left, whether the town goes on with it."""
        assert self._tree
        assert self._stream
        self._error = self._refusal = None
        visit.begun.set()
        self._stream.notice(f"{visit.by.removeprefix('user:')} has the session, in the agent's own interface.")
        log.info("run.attached", **self._names, by=visit.by)
        self._on_news(self)
        how = await visit.last()
        await self._shop.forest.kill(self._tree)
        return how in (CONTINUE, GONE) and not self._stopping

    def _leave(self, visit: Visit) -> None:
        """It is the town's again."""
        assert self._stream
        self._person, self._left = None, visit.how or STOPPED
        said = {GONE: "The terminal is gone; the town goes on.", CONTINUE: "The town goes on."}
        self._stream.notice(said.get(self._left, f"The session was left: {self._left}."))
        log.info("run.detached", **self._names, by=visit.by, how=self._left)
        self._on_news(self)

    def _go_on(self) -> bool:
        """Start the program again, in the same session; False if it can't be."""
        assert self._person
        self._leave(self._person)
        if self.spec.talk is not None:
            self.spec = replace(self.spec, talk=replace(self.spec.talk, again=self.spec.talk.back))
        try:
            self._begin((), self._env)
        except (BoomtownError, OSError) as error:
            self._error = str(error)
            return False
        return True

    async def _converse(self) -> int:
        """Speak with the program until one of both has enough; returns the exit status that it comes to."""
        assert self._child
        assert self._talk
        assert self._stream
        child, talk = self._child, self._talk
        stdin, stdout = child.take("stdin"), child.take("stdout")
        holding = asyncio.ensure_future(talk.hold(stdin, stdout, self._stream, lambda: self._on_news(self)))
        gone = asyncio.ensure_future(child.wait())
        await asyncio.wait({holding, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            await asyncio.wait({holding}, timeout=_LAST_WORDS_S)
            holding.cancel()
            await asyncio.wait({holding})
            return gone.result() or 1
        ending: Ending = holding.result()
        if ending.hung_up:  # it is about to end by itself, and its own status says more
            await asyncio.wait({gone}, timeout=LEAVES_S)
            if gone.done():
                return gone.result() or 1
        await self._see_off(gone)
        self._error, self._refusal = self._error or ending.error, ending.refusal
        return ending.code

    async def _see_off(self, gone: asyncio.Future[int]) -> None:
        """The program's input has ended: that, or a signal to its group, shall end it; what stays is killed later.

        A tool that runs in a session of its own is gone 5 s after a stop, whatever the agent makes of it: see
        `session.STOP_S`, too.
        """
        assert self._child
        assert self._talk
        if self._talk.ends_on_eof:
            await asyncio.wait({gone}, timeout=LEAVES_S)
        if not gone.done():
            await self._shop.forest.look()
            self._child.signal_group(signal.SIGTERM)
            await asyncio.wait({gone}, timeout=LEAVES_S)
        if not gone.done():
            await self._kill()
            await gone
        if self._tree:
            await self._shop.forest.leave(self._tree, LEAVES_S)

    async def _finish(self) -> None:
        """The tree is gone: read git, and say so."""
        spec = self.spec
        if self._kill_at:
            self._kill_at.cancel()
        if self._tree:
            self._shop.forest.fell(self._tree)
        if self._group:
            self._out_of_memory = self._group.ran_out
            self._group.remove()
        reach("run gone")
        if self._talk:
            await self._talk.settle()
        if self._stream:
            self._stream.close()
        try:
            self._facts = await read_facts(
                self._shop.trees(spec.rig), spec.branch, spec.worktree_slug, spec.base_branch
            )
        except (BoomtownError, OSError) as error:
            self._error = self._error or str(error)
            log.error("run.facts_unknown", **self._names, error=str(error))
        self._exited_at, self.state = time.time(), EXITED
        log.info("run.exited", **self._names, code=self._code, error=self._error)
        self.ended.set_result(None)
        self._on_exit(self)

    def stop(self, grace_s: float, gently: bool = False) -> None:
        """Ask the program to end; after `grace_s` seconds its whole tree is killed. Again: the shorter grace holds.

        `gently`: it has handed its work on, and may finish what it is just saying.
        """
        if not self.live:
            return
        loop = asyncio.get_running_loop()
        if self._kill_at is None or self._kill_at.when() > loop.time() + grace_s:
            if self._kill_at:
                self._kill_at.cancel()
            self._kill_at = loop.call_later(grace_s, lambda: self._own(self._kill()))
        if self._talk:
            self._talk.stop(gently)
        if self._person and not gently:
            self._person.end(STOPPED)
        if not self._stopping:
            self._stopping = True
            if not self._talk:
                self._own(self._ask_to_end())

    def end_if_crowded(self) -> None:
        """End it at once if it has more processes than anything that is in order."""
        if self._tree and len(self._tree.alive) > MOST_PROCESSES and not self._error:
            self._error = f"It had more than {MOST_PROCESSES} processes at a time and was ended."
            log.warning("run.crowded", **self._names, processes=len(self._tree.alive))
            self._own(self._kill())

    def tell(self, messages: tuple[Message, ...]) -> bool:
        """Pass messages on; False if there is nobody to hear them."""
        if self.live and self._talk:
            self._messages += messages
            self._talk.tell(messages)
        return self.live and self._talk is not None

    async def _ask_to_end(self) -> None:
        if self._child:
            await self._shop.forest.look()  # while the parents live, whose children they are is plain
            self._child.signal_group(signal.SIGTERM)
            self._child.signal_group(signal.SIGCONT)

    async def _kill(self) -> None:
        if self._person:
            self._person.end(STOPPED)
        if self._group:
            self._group.kill()
        if self._guest:
            await self._guest.expel()
        elif self._tree and self._tree.root:
            await self._shop.forest.kill(self._tree)

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=f"run {self.spec.run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run.failed", **self._names, exc_info=error)
            if self.live and not self._broken:
                self._broken = True
                self._error = f"Boomtown itself failed here: {error!r}. The container's log says where."
                self._own(self._give_up())

    async def _give_up(self) -> None:
        """Something of ours broke, as when a newer version was installed beneath: the run must end all the same."""
        await self._kill()
        self._code = await self._child.wait() if self._child else None
        await self._finish()

    async def keep_work(self) -> DisposeResult:
        """Take the worktree away without a server's word: work in progress goes onto the branch."""
        return await work.dispose(self._shop.trees(self.spec.rig), wip_on_branch(self.spec))


async def read_facts(trees: Worktrees, branch: str, slug: str, default_branch: str) -> Facts:
    """What git says of a branch and its worktree, against the default branch as last fetched."""
    return await work.facts(trees, slug, branch, await base_or_ours(trees.clone, default_branch))
