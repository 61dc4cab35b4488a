"""A real town for drills: its server, container, agents and origin, broken, mended and watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from boomtown.cli.client import Client, server_of
from boomtown.container import proctable
from boomtown.container.protocol import PROTOCOL
from boomtown.domain.errors import BoomtownError, UnavailableError
from boomtown.home.paths import Home
from boomtown.home.steps import FOLDER
from tests.e2e.towns import COMMAND, git

T = TypeVar("T")
AGENT = Path(__file__).with_name("agent.py")
ROOT = Path(__file__).parents[2]
KINDS = ("works", "quick", "leaves", "recovers", "clashes", "stays", "waits")
SETTINGS = {
    "backoff": [0.05, 0.05, 0.05, 0.05],
    "stop_grace": 0.5,
    "done_grace": 0.5,
    "fetch_max_age": 0,
    "silence_after": 6,
    "orphan_after": 120,
}
CONTAINER = {
    "BOOMTOWN_REPORT_EVERY_S": "0.5",
    "BOOMTOWN_WARM_WORKTREES": "1",
    "BOOMTOWN_MIN_FREE_BYTES": "0",
    "BOOMTOWN_DRAIN_GRACE_S": "0.5",
}
RIG = "web"
NOBODY = 64_321
SMALL_DISK = 48 << 20
PATIENCE_S = 90.0
"""How long anything may take on a machine that has much else to do."""


class StuckError(AssertionError):
    """What was waited for did not come."""


def eventually(condition: Callable[[], T], what: Callable[[], str] | str, timeout_s: float = PATIENCE_S) -> T:
    """The first true answer of `condition`. Raises `StuckError`."""
    until = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > until:
            raise StuckError(f"not within {timeout_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
    return answer


def is_stopped(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def look_with_git(folder: Path, *words: str) -> str:
    """What git says of a repository, whosever it is."""
    return git(folder, "-c", f"safe.directory={folder}", *words)


def lives(pid: int) -> bool:
    return proctable.lives(pid, None)


class DrillTown:
    """One home in a folder of its own, up and with one rig. `close` takes it down; `keep` leaves its files."""

    def __init__(self, *, small_disk: bool = False, uid: int = 0, **settings: Any) -> None:
        """`small_disk`: the home is on a disk of its own. `uid`: who the town runs as, if that is not who we are."""
        self.folder = Path(tempfile.mkdtemp(prefix="bt-drill-"))
        self.home = Home(self.folder / "home")
        self.control = self.folder / "control"
        self.origin = self.folder / "origin.git"
        self.home.root.mkdir()
        self.small_disk, self.uid = small_disk and _mount(self.home.root), uid
        self.home.create()
        self.control.mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("BOOMTOWN", "GASTOWN", "GIT_"))},
            **CONTAINER,
            "BOOMTOWN_HOME": str(self.home.root),
            FOLDER: str(self.control),
            "PYTHONPATH": f"{Path(__file__).with_name('versions')}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_SSH_COMMAND": f"sh {Path(__file__).with_name('remote.sh')} {self.control}",
            "GIT_SSH_VARIANT": "ssh",
        }
        self.protocol = PROTOCOL
        self.held: set[int] = set()
        self._person = ThreadPoolExecutor(1)
        self._zygote: subprocess.Popen[str] | None = None
        self.configure(**settings)
        self._make_origin()
        if uid:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, uid, uid)

    @property
    def protocol(self) -> int:
        """The version that the next server speaks, and the next container."""
        return int(self.environment["DRILL_PROTOCOL"])

    @protocol.setter
    def protocol(self, version: int) -> None:
        self.environment["DRILL_PROTOCOL"] = str(version)

    def configure(self, **settings: Any) -> None:
        """Write config.toml: the agents, short delays, and `settings`."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in (SETTINGS | settings).items()]
        for kind in KINDS:
            lines += [
                f"[agents.{kind}]",
                f"command = {json.dumps([sys.executable, '-I', '-S', str(AGENT), kind])}",
                f"env = {{ CONTROL = {json.dumps(str(self.control))} }}",
            ]
        self.home.config.write_text("\n".join(lines) + "\n")

    def _make_origin(self) -> None:
        work = self.folder / "work"
        git(self.folder, "init", "--quiet", "--initial-branch=main", str(work))
        (work / "shared.txt").write_text("at first\n")
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message", "Begin")
        git(self.folder, "clone", "--quiet", "--bare", str(work), str(self.origin))
        shutil.rmtree(work)

    # its life

    def open(self) -> None:
        """Up, with its rig."""
        self.up()
        self.client().mutate(
            "createRig",
            townId=self.client().query("listTowns")[0]["id"],
            name=RIG,
            gitUrl=f"ssh://drill{self.origin}",
            merge="direct",
        )

    def up(self) -> None:
        """Start a server and wait until it answers."""
        pid = self.begin_server()

        def answers() -> bool:
            if not lives(pid):
                raise StuckError(f"the server ended: {self.said()}")
            return self.server_pid == pid

        eventually(answers, "the server answers")

    def begin_server(self) -> int:
        if self._zygote is None or self._zygote.poll() is not None:
            self._zygote = subprocess.Popen(
                [*self._as_uid(), sys.executable, "-m", "tests.drill.zygote", "boomtown"],
                env=self.environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert self._zygote.stdout
            self._zygote.stdout.readline()
        assert self._zygote.stdin
        assert self._zygote.stdout
        self._zygote.stdin.write("up\n")
        self._zygote.stdin.flush()
        return int(self._zygote.stdout.readline())

    def _as_uid(self) -> list[str]:
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--"] if self.uid else []

    def sleep(self, seconds: float) -> None:
        """Have the machine's clocks say that it was suspended for so long."""
        path = self.control / "asleep"
        slept = float(path.read_text()) if path.exists() else 0.0
        path.write_text(str(slept + seconds))

    def end_zygote(self) -> None:
        """The next server is started with the environment as it is then."""
        if self._zygote is not None:
            self._zygote.communicate()
            self._zygote = None

    def command(self, *words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """The installed command, to its end; `before`: what it is started by."""
        return subprocess.run(
            [*before, str(COMMAND), *words], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip

    def down(self) -> None:
        """As `boomtown down`."""
        pids = [self.server_pid, self.container_pid]
        self.client().mutate("shutdown")
        eventually(lambda: not any(pid and lives(pid) for pid in pids), "server and container end")

    def close(self, *, keep: bool = False) -> list[str]:
        """Take everything down; what survives is named, and ended."""
        self.thaw()
        (self.control / "go").touch()
        left: list[str] = []
        with contextlib.suppress(BoomtownError, OSError):
            if lives(self.server_pid or 0):
                self.client().mutate("shutdown", now=True)
        self.end_zygote()
        try:
            eventually(lambda: not self.processes(), "all processes end", 60.0)
        except StuckError:
            left = [f"process {pid} survives the end of its town: {line}" for pid, line in self.processes().items()]
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.small_disk and not keep:
            subprocess.run(["umount", self.home.root], check=False)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return left

    # who is there

    @property
    def server_pid(self) -> int | None:
        return _pid(self.home.server_json)

    @property
    def container_pid(self) -> int | None:
        return _pid(self.home.container_json)

    def processes(self) -> dict[int, str]:
        """Everything that belongs to this home, but for who starts its servers: pid and command line."""
        needle, found = os.fsencode(self.folder), {}
        for pid in _everybody():
            with contextlib.suppress(OSError):
                if needle in Path(f"/proc/{pid}/environ").read_bytes() and lives(pid):
                    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[pid] = line
        if self._zygote is not None:
            found.pop(self._zygote.pid, None)
        return found

    def agents(self) -> list[int]:
        """Processes that runs have started."""
        mark = f"{self.home.home_id.read_text().strip()}:" if self.home.home_id.exists() else "-"
        marks = {pid: proctable.mark_of(pid) or "" for pid in _everybody() if lives(pid)}
        return [pid for pid, said in marks.items() if said.startswith(mark) and said != f"{mark}git"]

    def kill(self, *pids: int | None) -> None:
        """kill -9, and wait until they are gone."""
        for pid in filter(None, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(lives(pid) for pid in pids if pid), f"{pids} are gone")

    def freeze(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.held.add(pid)

    def thaw(self, *pids: int) -> None:
        """Let those go on, or all that were held."""
        for pid in pids or tuple(self.held):
            self.held.discard(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def recover(self) -> None:
        """What a person does who finds the town down."""
        self.thaw()
        if not lives(self.server_pid or 0):
            self.up()

    # steps

    def arm(self, step: str) -> None:
        """Who comes to this step next stands still."""
        (self.control / step).touch()

    def reached(self, step: str, timeout_s: float) -> int | None:
        """The pid of who stands at the step; None if nobody came in time, and then nobody will."""

        def somebody() -> int | None:
            found = next(self.control.glob(f"{step}.[0-9]*"), None)
            return int(found.name.rpartition(".")[2]) if found else None

        try:
            pid = eventually(somebody, step, timeout_s)
        except StuckError:
            with contextlib.suppress(FileNotFoundError):
                (self.control / step).unlink()
                return None
            pid = eventually(somebody, step)  # just now
        assert pid
        (self.control / f"{step}.{pid}").unlink()
        eventually(lambda: is_stopped(pid) or not lives(pid), f"{pid} stands at {step}")
        self.held.add(pid)
        return pid

    # what goes on

    def client(self) -> Client:
        """Raises `UnavailableError` while no server is there."""
        server = server_of(self.home)
        if server is None:
            raise UnavailableError("no server")
        return Client(server)

    @property
    def rig_id(self) -> str:
        return self.ask("SELECT id FROM rigs")[0][0]

    def sling(self, *kinds: str) -> list[str]:
        """One bead for each kind of agent; returns their ids."""
        return self.begin_sling(*kinds).result(timeout=PATIENCE_S)

    def begin_sling(self, *kinds: str) -> Future[list[str]]:
        """As `sling`, without waiting for the answer: whoever gives it may be held. A lost one is asked for again."""
        tasks = [{"title": f"Be one who {kind}", "agent": kind} for kind in kinds]
        key, rig_id, until = str(uuid.uuid4()), self.rig_id, time.monotonic() + PATIENCE_S

        def ask() -> list[str]:
            while True:
                try:
                    answer = self.client().mutate("sling", rigId=rig_id, tasks=tasks, idempotencyKey=key)
                    return [result["bead"]["id"] for result in answer["results"]]
                except BoomtownError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)

        return self._person.submit(ask)

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The store as it is, for reading."""
        with contextlib.closing(sqlite3.connect(f"file:{self.home.database}?mode=ro", uri=True, timeout=30)) as raw:
            yield raw

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database() as raw:
            return raw.execute(query, values).fetchall()

    def notes(self, kind: str) -> list[str]:
        """What agents noted, without the kind."""
        return [path.name.removeprefix(f"{kind}.") for path in self.control.glob(f"{kind}.*")]

    def said(self) -> str:
        """The last words of a server that did not start."""
        with contextlib.suppress(OSError):
            return (self.home.root / "up.log").read_text()[-500:]
        return ""


def _everybody() -> list[int]:
    """All processes but this one, whosever they are."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid())]


def _mount(folder: Path) -> bool:
    """A disk of its own for `folder`; False if that can't be had."""
    size = f"size={SMALL_DISK}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], capture_output=True, check=False)
    return done.returncode == 0


def somebody_else() -> int:
    """A user as whom Python and Boomtown can be run here; 0 if there is none, or none is needed."""
    change = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    trial = "import boomtown, subprocess, sys; subprocess.run([sys.executable, '-c', 'import boomtown'], check=True)"
    if os.getuid() == 0:
        with contextlib.suppress(OSError):
            done = subprocess.run([*change, sys.executable, "-c", trial], cwd="/", capture_output=True, check=False)
            return NOBODY if done.returncode == 0 else 0
    return 0


def _pid(path: Path) -> int | None:
    try:
        return json.loads(path.read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return None
