"""A whole town for a test: its own home, repositories and agents, driven by the installed command alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

COMMAND = Path(sys.executable).parent / "boomtown"
AGENT = Path(__file__).parent / "agent.py"
TALKER = Path(__file__).parent / "talker.py"
VANDAL = Path(__file__).parent / "vandal.py"
KINDS = (
    "works", "quick", "waits", "crashes", "recovers", "idles", "leaves_files", "stubborn", "chatty", "twice", "goes_on",
    "same_line", "red_first", "reviewed", "pushes", "tells", "hogs", "talks", "hostile",
)  # fmt: skip
SETTINGS = {"backoff": [0.05, 0.1, 0.1, 0.1], "stop_grace": 1.0, "done_grace": 1.0, "fetch_max_age": 0}


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as the one JSON document that it must be."""
        return json.loads(self.out)


@dataclass(frozen=True)
class LiveRun:
    """What a test agent said when it began."""

    run_id: str
    bead_id: str
    name: str
    pid: int
    worktree: Path


def eventually(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """The first true answer of `condition`. Fails, saying `what` did not come true."""
    until = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)
    return answer


def alive(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _described(process: psutil.Process) -> str:
    """What a process is, while it can still be asked."""
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {process.status()} of {process.ppid()}: {' '.join(process.cmdline())}"
    return f"{process.pid}, gone by now"


def git(folder: Path, *words: str) -> str:
    """What git says; fails if it fails."""
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


class Town:
    """One home. `close` takes everything down and proves that nothing is left running."""

    def __init__(self, **settings: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bt-"))
        self.home = self.folder / "home"
        self.control = self.folder / "control"
        self.home.mkdir(mode=0o700)
        self.control.mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("BOOMTOWN", "GASTOWN", "GIT_"))},
            "BOOMTOWN_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.configure(**settings)

    # the command

    def run(self, *words: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> Ran:
        """Run `boomtown WORDS…` to its end, however that is; a traceback is never right."""
        result = subprocess.run(
            [str(COMMAND), *words],
            env=environment or self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            cwd=self.folder,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return Ran(result.returncode, result.stdout, result.stderr)

    def ok(self, *words: str, stdin: str | None = None) -> Ran:
        """As `run`; fails unless the exit status is 0."""
        ran = self.run(*words, stdin=stdin)
        assert ran.status == 0, f"boomtown {' '.join(words)}: {ran.err}\n{ran.out}"
        return ran

    def fails(self, *words: str, status: int = 1) -> str:
        """As `run`, for what must fail with one clear line; that line."""
        ran = self.run(*words)
        assert ran.status == status, f"boomtown {' '.join(words)} ended with {ran.status}: {ran.err}{ran.out}"
        assert ran.err.startswith("boomtown: "), ran.err
        return ran.err

    def ask(self, *words: str) -> Any:
        """The JSON that a command prints."""
        return self.ok(*words, "--json").json

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it."""
        return subprocess.Popen(
            [str(COMMAND), *words],
            env=self.environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    # its life

    def configure(self, **settings: Any) -> None:
        """Write config.toml: all test agents, short delays, and `settings`."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in (SETTINGS | settings).items()]
        programs = {kind: [str(AGENT), kind] for kind in KINDS} | {"vandal": [str(VANDAL)]}
        for kind, words in programs.items():
            lines += [
                f"[agents.{kind}]",
                f"command = {json.dumps([sys.executable, *words])}",
                f"env = {{ CONTROL = {json.dumps(str(self.control))} }}",
            ]
        lines += ["[agents.talker]", 'kind = "acp"', f"command = {json.dumps([sys.executable, str(TALKER)])}"]
        (self.home / "config.toml").write_text("\n".join(lines) + "\n")

    def up(self, *words: str) -> None:
        port = () if (self.home / "port").exists() or "--port" in words else ("--port", "0")
        self.ok("up", "--detach", *port, *words)

    def down(self, *words: str) -> None:
        self.ok("down", *words)

    @property
    def url(self) -> str:
        return json.loads((self.home / "server.json").read_text())["url"]

    @property
    def server_pid(self) -> int:
        return json.loads((self.home / "server.json").read_text())["pid"]

    @property
    def container_pid(self) -> int:
        return json.loads((self.home / "container.json").read_text())["pid"]

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to this home: server, container, agents and what they started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and str(self.folder) in str(process.environ()):
                    found.append(process)
            except psutil.Error:
                continue
        return [process for process in found if process.pid != os.getpid()]

    def last_words(self, lines: int = 40) -> str:
        """The ends of the logs of server and container, for whoever reads why a test failed."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"{log.name}:\n" + "\n".join(log.read_text().splitlines()[-lines:]) for log in logs)

    def close(self) -> None:
        """Take everything down; whatever survives is a failure, and is ended."""
        (self.control / "go").touch()
        down = self.run("down", "--now") if (self.home / "server.json").exists() else None
        left = self._survivors()
        words = [f"still running: {[_described(process) for process in left]}", f"{down}", self.last_words()]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, "\n".join(words)

    def _survivors(self) -> list[psutil.Process]:
        until = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.02)
        return left

    # repositories

    def repository(self, name: str = "origin", files: dict[str, str] | None = None, branch: str = "main") -> Path:
        """A bare repository with one commit."""
        work, bare = self.folder / f"{name}.work", self.folder / f"{name}.git"
        git(self.folder, "init", "--quiet", f"--initial-branch={branch}", str(work))
        for path, text in (files or {"README.md": "# Test\n"}).items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message", "Begin")
        git(self.folder, "clone", "--quiet", "--bare", str(work), str(bare))
        return bare

    def rig(self, name: str = "web", *options: str, origin: Path | None = None) -> Path:
        """Add a rig that lands by itself, over a new repository; returns the origin."""
        where = origin or self.repository(name)
        merge = () if "--merge" in options else ("--merge", "direct")
        self.ok("rig", "add", name, str(where), *merge, *options)
        return where

    # what goes on

    def sling(self, agent: str, *titles: str, rig: str = "web", options: tuple[str, ...] = ()) -> list[str]:
        """Ids of new beads."""
        answer = self.ask("sling", rig, *titles, "--agent", agent, *options)
        return [result["bead"]["id"] for result in answer["results"]]

    def bead(self, bead_id: str) -> dict[str, Any]:
        return self.ask("bead", "show", bead_id)

    def beads(self, rig: str = "web") -> list[dict[str, Any]]:
        return self.ask("beads", rig)

    def wait_for(self, bead_id: str, **wanted: Any) -> dict[str, Any]:
        """The bead, once its fields are as wanted; for `merge` its merge's status. Fails at once if it is over."""

        def reached() -> dict[str, Any] | None:
            bead = self.bead(bead_id)
            values = bead | {"merge": bead["merge"] and bead["merge"]["status"]}
            if all(values[key] == value for key, value in wanted.items()):
                return bead
            over = bead["status"] in ("closed", "failed", "cancelled")
            assert not over, f"{wanted} was awaited, but: {self.ok('bead', 'show', bead_id).out}"
            return None

        return eventually(reached, f"bead {bead_id[:8]} is {wanted}")

    def all_closed(self, rig: str = "web", timeout_s: float = 90.0) -> list[dict[str, Any]]:
        def closed() -> list[dict[str, Any]] | None:
            found = self.beads(rig)
            return found if all(bead["status"] == "closed" for bead in found) else None

        return eventually(closed, "all beads are closed", timeout_s)

    def live_runs(self) -> list[LiveRun]:
        """Test agents whose process lives, as they said themselves."""
        return [run for run in self.runs() if alive(run.pid)]

    def runs(self) -> list[LiveRun]:
        """All runs that ever began."""
        found = []
        for file in self.control.glob("run.*"):
            bead_id, name, pid, worktree = file.read_text().splitlines()
            found.append(LiveRun(file.name.removeprefix("run."), bead_id, name, int(pid), Path(worktree)))
        return found

    def said(self, what: str) -> str:
        """What an agent noted under a name, once it did."""
        path = self.control / what
        eventually(path.exists, f"an agent notes {what}")
        return path.read_text()

    def variables(self, bead_id: str) -> dict[str, str]:
        """The environment that an agent was given that tells it."""
        return dict(line.split("=", 1) for line in self.said(f"env.{bead_id}").splitlines() if "=" in line)

    def go(self, *names: str) -> None:
        """Let agents that wait go on: all, or some."""
        for name in names or ("go",):
            (self.control / name).touch()

    def worktrees(self, rig: str = "web") -> list[Path]:
        """Folders of live runs."""
        folder = self.home / "rigs" / rig / "worktrees"
        return sorted(path for path in folder.glob("*") if path.name not in ("warm", "scratch"))
