"""A person in the place of the town's driver: never two who write, and every way out leads on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from container_kit import Kit, repository, until

from boomtown.container import proctable
from boomtown.container.protocol import Attached, Message, RunSpec, RunState, Talk
from boomtown.container.service import Container
from boomtown.container.visits import CONTINUE, GONE, HAND_ON, STOPPED
from boomtown.domain.errors import BadInputError, ConflictError

TALKER = Path(__file__).parents[2] / "e2e" / "talker.py"
INTERFACE = ["sh", "-c", "exec sleep 300", "{session}"]
ANN = "user:ann"


def told(kit: Kit, spec: RunSpec) -> list[object]:
    return [line for line in kit.output(spec, "message") if "I was told" in str(line)]


def seen(container: Container, spec: RunSpec) -> RunState:
    return next(run.view() for run in container._runs.values() if run.spec.run_id == spec.run_id)


@asynccontextmanager
async def spoken_with(tmp_path: Path) -> AsyncIterator[tuple[Kit, Container, RunSpec, subprocess.Popen[bytes]]]:
    """A run whose agent has taken its first prompt, and a terminal."""
    kit = Kit(tmp_path)
    spec = kit.spec(adapter="acp", command=(sys.executable, str(TALKER)), talk=Talk(back="You have it back."))
    terminal = subprocess.Popen(["sleep", "300"])
    try:
        async with kit.inside(repository(tmp_path)) as container:
            await container.start(spec)
            await until(lambda: told(kit, spec))
            yield kit, container, spec, terminal
    finally:
        terminal.kill()
        terminal.wait()


def begin(found: Attached) -> subprocess.Popen[bytes]:
    """The interface, as the command line starts it."""
    return subprocess.Popen(found.argv, cwd=found.path, env=found.env)


async def test_the_session_is_a_persons_until_they_give_it_back(tmp_path: Path) -> None:
    async with spoken_with(tmp_path) as (kit, container, spec, terminal):
        driver = seen(container, spec).pid
        assert driver is not None
        with pytest.raises(BadInputError, match="no-such-program"):
            await container.attach(spec.run_id, ANN, terminal.pid, ["no-such-program"])
        with pytest.raises(ConflictError, match="not on the machine"):
            await container.attach(spec.run_id, ANN, 2**22 + 1, INTERFACE)
        ticket, found = await container.attach(spec.run_id, ANN, terminal.pid, INTERFACE)
        assert not proctable.lives(driver, None), "nobody else writes"
        assert (found.path, found.argv[-1]) == (str(kit.worktree(spec)), "one")
        held = seen(container, spec)
        assert (held.state, held.attached, held.pid) == ("running", ANN, None)
        with pytest.raises(ConflictError, match="ann is attached to Cat1 already"):
            await container.attach(spec.run_id, "user:bob", terminal.pid, INTERFACE)

        interface = begin(found)
        assert container.tell(spec.run_id, (Message(id="m", text="meanwhile"),))
        assert not container.detach(spec.run_id, "not the ticket", HAND_ON)
        assert container.detach(spec.run_id, ticket, CONTINUE)
        assert not container.detach(spec.run_id, ticket, HAND_ON), "it was given back already"
        await until(lambda: "I was told: meanwhile" in told(kit, spec))
        assert await asyncio.to_thread(interface.wait, 30) == -9, "what is left of theirs goes"
        back = seen(container, spec)
        assert (back.state, back.attached, back.left) == ("running", "", CONTINUE)
        assert back.pid not in (None, driver)

        ticket, found = await container.attach(spec.run_id, ANN, terminal.pid, INTERFACE)
        assert container.detach(spec.run_id, ticket, HAND_ON)
        await until(lambda: seen(container, spec).state == "exited")
        assert (seen(container, spec).exit_code, seen(container, spec).error) == (0, None), "git decides"


async def test_a_terminal_that_is_gone_and_a_stop_lead_out(tmp_path: Path) -> None:
    async with spoken_with(tmp_path) as (kit, container, spec, terminal):
        lost = subprocess.Popen(["sleep", "300"])
        _, found = await container.attach(spec.run_id, ANN, lost.pid, INTERFACE)
        orphan = begin(found)
        lost.kill()
        lost.wait()
        await until(lambda: seen(container, spec).left == GONE and seen(container, spec).pid)
        assert await asyncio.to_thread(orphan.wait, 30) == -9
        await until(lambda: "The terminal is gone; the town goes on." in kit.output(spec, "system"))
        await until(lambda: len(told(kit, spec)) == 2)

        ticket, found = await container.attach(spec.run_id, ANN, terminal.pid, INTERFACE)
        interface = begin(found)
        container.stop(spec.run_id, 30.0, gently=False)
        assert await asyncio.to_thread(interface.wait, 30) == -9
        await until(lambda: seen(container, spec).state == "exited")
        assert (seen(container, spec).attached, seen(container, spec).left) == ("", STOPPED)
        assert not container.detach(spec.run_id, ticket, CONTINUE)
        with pytest.raises(ConflictError, match="over"):
            await container.attach(spec.run_id, ANN, terminal.pid, INTERFACE)


async def test_one_who_said_done_within_the_interface_is_let_finish_before_it_is_ended(tmp_path: Path) -> None:
    async with spoken_with(tmp_path) as (_kit, container, spec, terminal):
        ticket, found = await container.attach(spec.run_id, ANN, terminal.pid, INTERFACE)
        interface = begin(found)
        container.stop(spec.run_id, 60.0, gently=True)
        assert container.detach(spec.run_id, ticket, CONTINUE)
        await until(lambda: seen(container, spec).state == "exited")
        assert await asyncio.to_thread(interface.wait, 30) == -9
