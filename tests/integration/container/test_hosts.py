"""One agent process for many runs, with a scripted agent. Real ones: `tests/agents/test_sharing.py`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from container_kit import FAST, Kit, repository, until

from boomtown.container import proctable
from boomtown.container.protocol import Message, Question, RunSpec, RunState, Talk
from boomtown.container.service import Container

AGENT = (sys.executable, str(Path(__file__).parent / "shared_agent.py"))
PATIENT_S = 60.0


def guest(kit: Kit, prompt: str) -> RunSpec:
    """A run that shares its process with whoever has the same environment but for `NAME`."""
    spec = kit.spec(prompt=prompt, adapter="acp", command=AGENT, talk=Talk(shared=("NAME",)))
    return replace(spec, env=spec.env | {"NAME": spec.name})


def state(container: Container, spec: RunSpec) -> RunState:
    return next(run for run in container.hello().runs if run.run_id == spec.run_id)


def sleepers(kit: Kit, seconds: int) -> dict[str, int]:
    """Programs of this home that run `sleep`, by the NAME in their environment."""
    found = {}
    for pid in kit.marked():
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and command.read_bytes().split(b"\0")[:2] == [b"sleep", str(seconds).encode()]:
            found[proctable.variable(pid, "NAME") or ""] = pid
    return found


async def started(container: Container, kit: Kit, *specs: RunSpec) -> None:
    """All have said that they did what they were told."""
    for spec in specs:
        await container.start(spec)
    await until(lambda: all("is done" in str(kit.output(spec, "message")) for spec in specs), PATIENT_S)


async def over(container: Container, spec: RunSpec) -> RunState:
    await until(lambda: state(container, spec).state == "exited", PATIENT_S)
    return state(container, spec)


async def test_each_run_has_its_own_tools_and_stream_in_the_one_process(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        one, two = guest(kit, "tool says"), guest(kit, "tool says")
        await started(container, kit, one, two)
        assert state(container, one).pid == state(container, two).pid
        assert set(sleepers(kit, 311)) == {one.name, two.name}
        await until(lambda: len(kit.output(one, "stderr")) == len(kit.output(two, "stderr")) == 1, PATIENT_S)
        for spec in (one, two):
            assert kit.output(spec, "stderr") == [f"about {state(container, spec).session}"]
        tokens = [path for path in kit.home.rig("web").shared_home("mine").rglob("*") if path.is_symlink()]
        assert {path.name for path in tokens} == {one.worktree_slug, two.worktree_slug}

        await until(lambda: state(container, one).memory_bytes > 0, PATIENT_S)
        process = proctable.read(state(container, one).pid or 0)
        assert process
        assert state(container, one).memory_bytes < process.memory_bytes, "a share of it, and its own tool"
        assert state(container, one).peak_memory_bytes == 0, "no measure of what a run takes"

        container.stop(one.run_id, 10.0, False)
        assert (await over(container, one)).exit_code == 0
        assert set(sleepers(kit, 311)) == {two.name}
        assert state(container, two).state == "running"
        assert not [path for path in kit.home.rigs.rglob("shell.json") if one.bead_id in str(path)], "its token is gone"


async def test_a_question_is_asked_in_one_session_and_answered_there(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        one, two = guest(kit, "asks"), guest(kit, "tool")
        one = replace(one, talk=Talk(shared=("NAME",), permission="ask"))
        await started(container, kit, one, two)
        question = await until(lambda: state(container, one).question, PATIENT_S)
        assert isinstance(question, Question)
        assert (question.text, state(container, two).question) == ("deploy", None)
        container.tell(one.run_id, (Message("m1", "yes", answers=question.id),))
        await until(lambda: "I may: o" in kit.output(one, "message"), PATIENT_S)
        assert kit.output(two, "message") == ["tool is done"]
        container.tell(two.run_id, (Message("m2", "stray", now=True),))
        await until(lambda: "stray is done" in kit.output(two, "message"), PATIENT_S)
        assert state(container, two).delivered == ("m2",)
        assert "stray is done" not in kit.output(one, "message")


async def test_what_the_process_started_in_a_worktree_goes_with_the_run_of_that_worktree(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        one, two = guest(kit, "stray"), guest(kit, "says")
        await started(container, kit, one, two)
        assert set(sleepers(kit, 312)) == {""}, "it has the process's environment, and nobody's name"
        container.stop(two.run_id, 10.0, False)
        await over(container, two)
        assert set(sleepers(kit, 312)) == {""}
        container.stop(one.run_id, 10.0, False)
        await over(container, one)
        assert sleepers(kit, 312) == {}


async def test_a_process_that_dies_ends_all_its_runs_and_the_next_ones_get_another(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        specs = [guest(kit, "tool") for _ in range(3)]
        await started(container, kit, *specs)
        pid = state(container, specs[0]).pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        for spec in specs:
            end = await over(container, spec)
            assert (end.signal, end.exit_code) == (signal.SIGKILL, None)
            assert "shares with others" in (end.error or "")
        assert sleepers(kit, 311) == {}
        again = replace(specs[0], run_id=guest(kit, "").run_id, number=99)
        await container.dispose(kit.disposal(specs[0]))
        await started(container, kit, again)
        assert state(container, again).pid != pid
        assert state(container, again).session == state(container, specs[0]).session
        [opened] = kit.output(again, "session")
        assert isinstance(opened, dict)
        assert opened["resumed"] is True


async def test_a_process_that_does_not_let_go_of_a_session_is_ended_with_all_of_them(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        deaf, other = guest(kit, "tool deaf"), guest(kit, "tool")
        await started(container, kit, deaf, other)
        container.stop(deaf.run_id, 60.0, False)
        await until(lambda: set(sleepers(kit, 311)) == {other.name}, PATIENT_S)
        await over(container, deaf)
        assert (await over(container, other)).signal == signal.SIGKILL


async def test_a_process_without_runs_ends_after_a_while_and_one_with_another_environment_is_another(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path), replace(FAST, shared_idle_s=0.05)) as container:
        one, two = guest(kit, "says"), guest(kit, "says")
        two = replace(two, env=two.env | {"SETTING": "of the model, say"})
        await started(container, kit, one, two)
        first, second = state(container, one).pid, state(container, two).pid
        assert first != second
        container.stop(one.run_id, 10.0, False)
        await over(container, one)
        await until(lambda: first not in kit.marked(), PATIENT_S)
        assert second in kit.marked()


async def test_a_program_that_does_not_start_says_why_in_each_of_its_runs(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        broken = replace(guest(kit, "x"), command=("sh", "-c", "echo no such model >&2; exit 3"))
        missing = replace(guest(kit, "x"), command=("no-such-agent",))
        await container.start(broken)
        end = await over(container, broken)
        assert end.exit_code == 3
        assert "no such model" in end.last_words
        await container.start(missing)
        end = await over(container, missing)
        assert end.start_failed
        assert "no-such-agent" in (end.error or "")
