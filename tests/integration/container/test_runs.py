"""One run, from its start to the proof of its end."""

import asyncio
from pathlib import Path

import pytest
from container_kit import Kit, git, repository, until

from boomtown.container.protocol import DisposeResult, Talk
from boomtown.domain.errors import AlreadyRunningError

WORK = "echo hi > new.txt && git add new.txt && git commit --quiet -m 'Add new.txt'"


async def test_an_agent_works_in_its_own_worktree_on_its_own_branch(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"cat > ../seen-prompt; pwd; git branch --show-current; {WORK}; git log -1 --format='%an <%ae>'")
    async with kit.client(repository(tmp_path)) as client:
        state = await client.start(spec)
        assert (state.state, state.start_failed) == ("running", False)
        end = await kit.exit_of(spec)
        assert end.exit_code == 0, end
        assert end.facts
        assert (end.facts.own_commits, end.facts.dirty, end.facts.marked_files) == (1, False, ())
        where, branch, author = kit.output(spec)
        assert where == str(kit.worktree(spec))
        assert branch == spec.branch
        assert author == f"{spec.author_name} <{spec.author_email}>"
        assert (kit.worktree(spec).parent / "seen-prompt").read_text() == "Do it.\n"
        result = await client.dispose(kit.disposal(spec))
        assert result == DisposeResult(None, end.facts.tip)
        assert not kit.worktree(spec).exists()
        assert git(kit.clone_repo(), "worktree", "list").count("\n") == 0


async def test_an_agent_gets_the_given_environment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    kit = Kit(tmp_path)
    spec = kit.spec("env")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await kit.exit_of(spec)
    names = {str(line).partition("=")[0] for line in kit.output(spec)}
    own = {"HOME", "TMPDIR", "BOOMTOWN_MARK", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}
    own |= {f"XDG_{n}" for n in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME")}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == own | {"PATH", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"}


async def test_starting_a_run_again_starts_nothing(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo once; sleep 100")
    async with kit.client(repository(tmp_path)) as client:
        first, again = await asyncio.gather(client.start(spec), client.start(spec))
        third = await client.start(spec)
        assert {first.pid, third.pid} == {first.pid}
        assert again.state in ("starting", "running")
        await until(lambda: kit.output(spec) == ["once"])
        for change in ("run_id", "bead_id", "polecat_id", "branch", "worktree_slug"):
            if change == "run_id":
                continue
            other = kit.spec("true", **{change: getattr(spec, change)})
            with pytest.raises(AlreadyRunningError):
                await client.start(other)


async def test_a_run_stopped_before_it_started_never_starts(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo never")
    async with kit.client(repository(tmp_path)) as client:
        assert await client.stop(spec.run_id, 0.0) is False
        state = await client.start(spec)
        assert (state.state, state.start_failed) == ("exited", True)
        assert kit.frames(spec) == []


async def test_a_forgotten_run_does_not_start_again(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo once")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await kit.exit_of(spec)
        await client.forget([spec.run_id])
        assert (await client.start(spec)).state == "exited"
        assert kit.output(spec) == ["once"]


async def test_twenty_runs_start_at_once(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    specs = [kit.spec("read line; echo $line; pwd") for _ in range(20)]
    async with kit.client(repository(tmp_path, {f"dir {n}/file ü {n}": "x\n" for n in range(50)})) as client:
        states = await asyncio.gather(*(client.start(spec) for spec in specs))
        assert len({state.pid for state in states}) == 20
        for spec in specs:
            end = await kit.exit_of(spec)
            assert end.exit_code == 0
            assert end.facts
            assert not end.facts.dirty
            assert kit.output(spec) == ["Do it.", str(kit.worktree(spec))]


@pytest.mark.parametrize(
    ("mode", "script", "seen"),
    [
        ("stdin", "cat", "Do it."),
        ("argument", 'printf "%s\n" "$0"', "Do it."),
        ("file", 'cat "$0"', "Do it."),
    ],
)
async def test_the_prompt_comes_as_the_agent_wants_it(tmp_path: Path, mode: str, script: str, seen: str) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(script, prompt_mode=mode)
    async with kit.inside(repository(tmp_path)) as container:
        assert (await kit.finish(container, spec)).exit_code == 0
    assert kit.output(spec)[0] == seen


async def test_an_agent_that_does_not_read_its_prompt_is_no_error(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("exec 0<&-; echo fine", prompt="long\n" * 100_000)
    async with kit.inside(repository(tmp_path)) as container:
        assert (await kit.finish(container, spec)).exit_code == 0
    assert kit.output(spec) == ["fine"]


async def test_a_command_that_is_not_there_is_a_failed_start_with_a_cure(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(command=("no-such-agent",))
    async with kit.inside(repository(tmp_path)) as container:
        state = await container.start(spec)
    assert (state.state, state.start_failed, state.pid) == ("exited", True, None)
    assert "no-such-agent" in (state.error or "")
    assert "config.toml" in (state.error or "")


async def test_a_program_whose_interpreter_is_missing_is_a_failed_start(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    program = tmp_path / "agent"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    spec = kit.spec(command=(str(program),))
    async with kit.inside(repository(tmp_path)) as container:
        state = await kit.finish(container, spec)
    assert state.start_failed
    assert "failed to execute" in (state.error or "")


async def test_exit_status_and_signal_are_told_apart(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        three = await kit.finish(container, kit.spec("echo 'I give up' >&2; exit 3"))
        assert (three.exit_code, three.signal, three.last_words) == (3, None, "I give up")
        killed = await kit.finish(container, kit.spec("kill -KILL $$"))
        assert (killed.exit_code, killed.signal) == (None, 9)


async def test_a_full_disk_is_a_failed_start_with_figures(tmp_path: Path) -> None:
    from boomtown.container.settings import Settings

    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path), Settings(min_free_bytes=1 << 60)) as container:
        state = await container.start(kit.spec())
    assert state.start_failed
    assert "MB free" in (state.error or "")


async def test_the_home_of_a_polecat_stays_over_its_attempts(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    first = kit.spec("echo remembered > ~/notes")
    second = kit.spec("cat ~/notes", bead_id=first.bead_id, branch=first.branch)
    async with kit.inside(repository(tmp_path)) as container:
        await kit.finish(container, first)
        await container.dispose(kit.disposal(first))
        await kit.finish(container, second)
    assert kit.output(second) == ["remembered"]


async def test_reports_carry_processor_and_memory(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo on; while :; do :; done")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)

        def busy() -> bool:
            run = kit.latest(spec)
            return run is not None and run.cpu_percent > 20 and run.memory_bytes > 100_000 and run.last_seq == 1

        await until(busy)
        await client.stop(spec.run_id, 0.0)
        assert (await kit.exit_of(spec)).signal == 15 or (await kit.exit_of(spec)).signal == 9


async def test_an_idle_container_says_nothing(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec()
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await kit.exit_of(spec)
        await client.forget([spec.run_id])
        await asyncio.sleep(0.15)  # a report that was under way
        said = len(kit.reports)
        await asyncio.sleep(0.5)  # five times the time between reports
        assert len(kit.reports) == said


async def test_a_run_ends_with_its_processes_when_the_town_s_own_code_breaks_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another version is installed beneath a container that imports the rest of itself only now."""

    def broken() -> None:
        raise ImportError("cannot import name 'NEW'")

    monkeypatch.setattr("boomtown.container.agents.acp._load", broken)
    kit = Kit(tmp_path)
    spec = kit.spec("exec sleep 600", adapter="acp", talk=Talk())
    async with kit.inside(repository(tmp_path)) as container:
        end = await kit.finish(container, spec)
        assert "Boomtown itself failed here: ImportError" in (end.error or "")
        assert kit.marked() == []
