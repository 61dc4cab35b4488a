"""What tests of the container are made of: real repositories, real homes, agents that are shell scripts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from boomtown.container import proctable
from boomtown.container.card import find, kill, wait_until_gone
from boomtown.container.cgroups import Cgroups
from boomtown.container.frames import FrameReader
from boomtown.container.local import LocalContainer
from boomtown.container.protocol import CloneSpec, DisposeSpec, Report, RunSpec, RunState
from boomtown.container.service import Container
from boomtown.container.settings import Settings
from boomtown.container.trees import sweep
from boomtown.domain.errors import BoomtownError
from boomtown.home.paths import Home

T = TypeVar("T")

DEADLINE_S = 20.0
FAST = Settings(report_every_s=0.1, warm_worktrees=0, drain_grace_s=0.5)
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(where: Path, *args: str, check: bool = True, stdin: str | None = None) -> str:
    """Run git as a person would."""
    env = os.environ | IDENTITY
    done = subprocess.run(["git", *args], cwd=where, env=env, input=stdin, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.strip()


def write(where: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)


def commit(where: Path, files: dict[str, str], message: str = "Change") -> str:
    """Commit files in a work tree; returns the commit."""
    write(where, files)
    git(where, "add", "-A")
    git(where, "commit", "--quiet", "-m", message)
    return git(where, "rev-parse", "HEAD")


def repository(where: Path, files: dict[str, str] | None = None, branch: str = "main", bare: bool = True) -> Path:
    """A repository with one commit; bare ones can be pushed to like a server's."""
    work = where / "work"
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "-b", branch)
    commit(work, {"README.md": "# Hello\n"} if files is None else files, "Begin")
    if not bare:
        return work
    git(where, "clone", "--quiet", "--bare", str(work), str(where / "origin.git"))
    return where / "origin.git"


def push_to(origin: Path, files: dict[str, str], message: str = "Somebody else's", branch: str = "main") -> str:
    """Somebody else lands a commit."""
    other = origin.parent / f"other-{uuid.uuid4().hex[:6]}"
    git(origin.parent, "clone", "--quiet", "--branch", branch, str(origin), str(other))
    made = commit(other, files, message)
    git(other, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    return made


def show(repo: Path, spec: str) -> str:
    return git(repo, "show", spec)


class Kit:
    """A home with a rig, and its container: in this process (`inside`), or one of its own (`client`)."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.home.create()
        self.home_id = str(uuid.uuid4())
        self.reports: list[Report] = []
        self.attached: list[str] = []
        self.number = 0
        self.run_ids: list[str] = []

    def clone_repo(self, rig: str = "web") -> Path:
        return self.home.rig(rig).repo

    def spec(self, script: str = "true", **changes: object) -> RunSpec:
        """A run of a shell script as the agent; each call is another bead, polecat and branch."""
        self.number += 1
        bead = str(uuid.uuid4())
        name = f"Cat{self.number}"
        values: dict[str, object] = {
            "run_id": str(uuid.uuid4()),
            "number": self.number,
            "rig": "web",
            "bead_id": bead,
            "polecat_id": str(uuid.uuid4()),
            "name": name,
            "branch": f"polecat/{name.lower()}/{bead[:6]}",
            "worktree_slug": name.lower(),
            "base_branch": "main",
            "agent_kind": "mine",
            "adapter": "command",
            "command": ("sh", "-c", script),
            "prompt": "Do it.\n",
            "prompt_mode": "stdin",
            "env": {"PATH": os.environ["PATH"]},
            "author_name": f"{name} (polecat)",
            "author_email": f"{name.lower()}@polecats.example",
            "wip_subject": f"wip: {name} {bead[:6]}",
        }
        spec = RunSpec(**(values | changes))  # type: ignore[arg-type]
        self.run_ids.append(spec.run_id)
        return spec

    def disposal(self, spec: RunSpec, wip: str = "branch") -> DisposeSpec:
        return DisposeSpec(
            rig=spec.rig,
            run_id=spec.run_id,
            worktree_slug=spec.worktree_slug,
            branch=spec.branch,
            wip=wip,
            wip_subject=spec.wip_subject,
            author_name=spec.author_name,
            author_email=spec.author_email,
            base_branch=spec.base_branch,
        )

    def worktree(self, spec: RunSpec) -> Path:
        return self.home.rig(spec.rig).worktree(spec.worktree_slug)

    def frames(self, spec: RunSpec) -> list[dict[str, object]]:
        return FrameReader(self.home.stream(spec.run_id)).read(100_000, 1 << 30)

    def output(self, spec: RunSpec, kind: str = "stdout") -> list[object]:
        return [frame["data"] for frame in self.frames(spec) if frame["kind"] == kind]

    def marked(self) -> list[int]:
        """Living processes of this home's runs."""
        table = proctable.scan()
        return [pid for pid in table if table[pid].alive and (proctable.mark_of(pid) or "").startswith(self.home_id)]

    # a container in this process

    @contextlib.asynccontextmanager
    async def inside(
        self, origin: Path | None = None, settings: Settings = FAST, groups: Cgroups | None = None
    ) -> AsyncIterator[Container]:
        """The container's service without its process, with `origin` as the rig `web`."""
        container = Container(self.home, self.home_id, settings, groups)
        container.tidy()
        if origin is not None:
            await container.clone(CloneSpec("web", str(origin)))
        try:
            yield container
        finally:
            await container.drain(0.0)
            await container.close()

    async def finish(self, container: Container, spec: RunSpec) -> RunState:
        """Start a run in a container of this process and wait for its end."""
        await container.start(spec)
        return await until(lambda: self._ended(container.hello().runs, spec))

    # a container in its own process

    @contextlib.asynccontextmanager
    async def client(
        self, origin: Path | None = None, settings: Settings = FAST, silence_after_s: float = 90.0
    ) -> AsyncIterator[LocalContainer]:
        """A container process, ended afterwards with all it runs."""
        client = LocalContainer(self.home, self.home_id, settings=settings, silence_after_s=silence_after_s)
        client.on_report(self.reports.append)
        client.on_attach(lambda hello: self.attached.append(hello.container_id))
        await client.open()
        try:
            if origin is not None:
                await client.clone(CloneSpec("web", str(origin)))
            yield client
        finally:
            await self.end(client)

    async def end(self, client: LocalContainer) -> None:
        """End all runs and whatever container the home has."""
        with contextlib.suppress(BoomtownError):
            for run_id in self.run_ids:
                await client.stop(run_id, 0.0)
        await client.close()
        if (card := find(self.home)) is not None:
            kill(card)
            assert await wait_until_gone(card, DEADLINE_S)
        sweep(self.home_id)

    def latest(self, spec: RunSpec) -> RunState | None:
        """The run in the newest report that has it."""
        for report in reversed(self.reports):
            for run in report.runs:
                if run.run_id == spec.run_id:
                    return run
        return None

    async def exit_of(self, spec: RunSpec, within_s: float = DEADLINE_S) -> RunState:
        return await until(lambda: self._ended((run for r in self.reports for run in r.runs), spec), within_s)

    def _ended(self, runs: Iterable[RunState], spec: RunSpec) -> RunState | None:
        return next((run for run in runs if run.run_id == spec.run_id and run.state == "exited"), None)


async def until(condition: Callable[[], T | bool | None], within_s: float = DEADLINE_S) -> T:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
    return found  # type: ignore[return-value]
