"""A throw-away town to measure: its own home, repository and server, driven over the public API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from bench.ending import undisturbed

PROBE = 'F="$OUT/$BOOMTOWN_BEAD_ID"; date +%s%N > "$F.part"; mv "$F.part" "$F"; exec sleep 600'
"""The trivial agent: its first instruction notes the time."""
WORKER = 'echo "$BOOMTOWN_BEAD_ID" > "$BOOMTOWN_BEAD_ID.txt" && git add -A && git commit -qm work'
"""An agent that does the least that lands."""


def wait_until(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    """The first true answer of `condition`. Raises `TimeoutError`."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if answer := condition():
            return answer
        time.sleep(0.004)
    raise TimeoutError(f"not true after {timeout_s:g} s")


def used_cpu_s(processes: list[psutil.Process]) -> float:
    """Seconds of processor time, of these processes alone."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def remove(folder: Path) -> None:
    """Delete a tree; `rm` takes a third of the time that `shutil.rmtree` does."""
    subprocess.run(["rm", "-rf", str(folder)], check=True, start_new_session=True)


def make_repository(path: Path, files: int) -> Path:
    """A bare repository whose `main` has `files` small files."""
    work = path.with_suffix(".work")
    work.mkdir(parents=True)
    git = ["git", "-C", str(work), "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for number in range(files):
        file = work / f"folder{number % 50}" / f"file{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"line of file {number}\n" * 20, encoding="utf-8")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "The beginning"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(path)], check=True)
    remove(work)
    return path


def _agent(name: str, script: str, out: Path) -> str:
    """A table of config.toml. JSON texts are TOML texts too."""
    command = json.dumps(["sh", "-c", script])
    return f"[agents.{name}]\ncommand = {command}\n[agents.{name}.env]\nOUT = {json.dumps(str(out))}\n"


class Town:
    """A running town; on leaving it is taken down and removed."""

    def __init__(self, more_config: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="boomtown-bench-"))
        self.home = self.folder / "home"
        self.out = self.folder / "out"
        self.out.mkdir()
        self.home.mkdir(mode=0o700)
        agents = [_agent(name, script, self.out) for name, script in (("probe", PROBE), ("worker", WORKER))]
        (self.home / "config.toml").write_text("\n".join([*agents, more_config]), encoding="utf-8")
        self.environment = {**os.environ, "BOOMTOWN_HOME": str(self.home)}

    def __enter__(self) -> Town:
        try:
            with undisturbed():
                self.cli("up", "--detach", "--port", "0")
        except BaseException:
            self._take_down()
            raise
        self.url = json.loads((self.home / "server.json").read_text(encoding="utf-8"))["url"]
        self.token = (self.home / "token").read_text(encoding="utf-8").strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down()

    def _take_down(self) -> None:
        with undisturbed():
            try:
                if (self.home / "server.json").exists():
                    self.cli("down", "--now")
            finally:
                remove(self.folder)

    def cli(self, *words: str) -> str:
        """A command, out of reach of the terminal's Ctrl-C, which is for the bench."""
        command = [sys.executable, "-m", "boomtown", *words]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, start_new_session=True
        ).stdout

    def call(self, procedure: str, **values: Any) -> Any:
        """A mutation over the wire, as any client makes it."""
        return self._ask(procedure, json.dumps(values).encode())

    def query(self, procedure: str, **values: Any) -> Any:
        return self._ask(f"{procedure}?input={urllib.parse.quote(json.dumps(values))}", None)

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/trpc/gastown.{path}",
            data=body,
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]["data"]

    def wait_for_rest(self) -> None:
        """Return once the town does nothing, not even in the background, and the disk has caught up."""
        status = self.status()
        server, container = (psutil.Process(status[part]["pid"]) for part in ("server", "container"))

        def rests() -> bool:
            before = used_cpu_s([server, container])
            time.sleep(0.5)
            return used_cpu_s([server, container]) - before < 0.02 and not container.children()

        wait_until(rests, 300)
        os.sync()

    def status(self) -> dict[str, Any]:
        return json.loads(self.cli("status", "--json"))

    def beads(self, rig: str, status: str | None = None) -> list[dict[str, Any]]:
        words = ["beads", rig, "--json", *(["--status", status] if status else [])]
        return json.loads(self.cli(*words))
