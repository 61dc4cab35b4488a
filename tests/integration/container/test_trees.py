"""Ends of runs: whatever an agent starts, wherever it hides, is gone before the exit is reported."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from container_kit import FAST, Kit, repository, show, until

from boomtown.container import local, proctable, unmarked
from boomtown.container.local import LocalContainer
from boomtown.container.protocol import PROTOCOL
from boomtown.container.settings import Settings
from boomtown.container.trees import Forest
from boomtown.domain.errors import ConflictError, UnavailableError

PYTHON = sys.executable
_DEAF = "import signal, time, os; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(500)"
HARDY = f'{PYTHON} -c "{_DEAF}"'
"""Says its pid and ignores SIGTERM."""


def alive(pid: int) -> bool:
    return proctable.lives(pid, None)


def pids(kit: Kit, spec: object) -> list[int]:
    return [int(str(line)) for line in kit.output(spec)]  # type: ignore[arg-type]


async def test_stop_asks_first_and_kills_the_whole_tree_after_the_grace(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"setsid {HARDY} & {HARDY}")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        both = await until(lambda: pids(kit, spec) if len(pids(kit, spec)) == 2 else None)
        assert all(map(alive, both))
        assert await client.stop(spec.run_id, 0.3) is True
        end = await kit.exit_of(spec)
        assert end.signal == signal.SIGTERM or end.signal == signal.SIGKILL
        assert not any(map(alive, both))
        assert kit.marked() == []


async def test_an_agent_may_end_in_its_own_way(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("trap 'echo saved; exit 7' TERM; echo on; while :; do sleep 0.05; done")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await until(lambda: kit.output(spec))
        await client.stop(spec.run_id, 10.0)
        end = await kit.exit_of(spec)
    assert end.exit_code == 7
    assert kit.output(spec) == ["on", "saved"]


async def test_what_the_agent_left_running_is_gone_when_its_exit_is_reported(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"setsid {HARDY} & {HARDY} & sleep 0.5; exit 0")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        end = await kit.exit_of(spec)
        left = pids(kit, spec)
        assert (end.exit_code, len(left)) == (0, 2)
        assert not any(map(alive, left))


@pytest.mark.parametrize("parent", ["stays", "goes"])
async def test_a_descendant_without_environment_in_its_own_session_is_found(tmp_path: Path, parent: str) -> None:
    kit = Kit(tmp_path)
    wait = "exec sleep 500" if parent == "stays" else "exit 0"
    hidden = f"env -i setsid {HARDY}"
    spec = kit.spec(f"({hidden} &) ; sleep 0.5; {wait}")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        (pid,) = await until(lambda: pids(kit, spec))
        if parent == "stays":
            assert alive(pid)
            await client.stop(spec.run_id, 0.0)
        await kit.exit_of(spec)
        assert not alive(pid)


async def test_a_hidden_descendant_of_one_run_does_not_end_with_another(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    one = kit.spec(f"(env -i setsid {HARDY} &); sleep 500")
    two = kit.spec("sleep 0.2")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(one)
        (pid,) = await until(lambda: pids(kit, one))
        await client.start(two)
        await kit.exit_of(two)
        assert alive(pid)
        await client.stop(one.run_id, 0.0)
        await kit.exit_of(one)
        assert not alive(pid)


async def test_a_stopped_agent_is_ended_too(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo on; kill -STOP $$; sleep 100")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await until(lambda: kit.output(spec))
        await client.stop(spec.run_id, 0.2)
        assert (await kit.exit_of(spec)).state == "exited"


async def test_adopted_orphans_leave_no_zombies(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("for n in 1 2 3 4 5; do (sleep 0.05 &) ; done; echo on; sleep 100")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await until(lambda: kit.output(spec))
        assert client.attached
        container = client.attached.pid

        def zombies() -> list[int]:
            return [p.pid for p in proctable.scan().values() if p.ppid == container and not p.alive]

        await asyncio.sleep(0.2)
        await until(lambda: not zombies())


async def test_a_killed_container_leaves_nobody_to_its_successor(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    specs = [kit.spec(f"echo x > left.txt; (setsid {HARDY} &); (env -i setsid {HARDY} &); {HARDY}") for _ in range(3)]
    async with kit.client(repository(tmp_path)) as client:
        for spec in specs:
            await client.start(spec)
        for spec in specs:
            await until(lambda spec=spec: len(pids(kit, spec)) == 3)
        everybody = [pid for spec in specs for pid in pids(kit, spec)]
        first = client.attached
        assert first
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: len(kit.attached) == 2)
        assert not any(map(alive, everybody))
        assert client.attached
        assert client.attached.runs == ()
        assert client.attached.pid != first.pid
        for spec in specs:
            facts = await client.inspect("web", spec.branch, spec.worktree_slug, "main")
            assert facts.dirty
            kept = await client.dispose(kit.disposal(spec))
            assert kept.wip_commit == kept.tip


async def test_what_left_its_folder_and_emptied_its_environment_is_remembered(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"(cd / && env -i setsid {HARDY} &); sleep 500")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        (hidden,) = await until(lambda: pids(kit, spec))
        await until(lambda: hidden in [pid for pid, _ in unmarked.recall(kit.home)])
        assert client.attached
        os.kill(client.attached.pid, signal.SIGKILL)
        await until(lambda: len(kit.attached) == 2)
        assert not alive(hidden)


async def test_what_has_ended_is_not_remembered_for_want_of_a_mark() -> None:
    forest = Forest("home")
    ended = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    proc = proctable.read(ended.pid)
    await ended.communicate(b"")
    assert proc
    forest.plant("a run").alive = [proc]
    assert forest.unmarked() == []


async def test_a_frozen_container_is_replaced_and_its_agents_are_gone(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(HARDY)
    async with kit.client(repository(tmp_path), silence_after_s=1.0) as client:
        await client.start(spec)
        (agent,) = await until(lambda: pids(kit, spec))
        first = client.attached
        assert first
        os.kill(agent, signal.SIGSTOP)
        os.kill(first.pid, signal.SIGSTOP)
        await until(lambda: len(kit.attached) == 2)
        assert not alive(agent)
        assert not alive(first.pid)


async def test_a_container_that_may_be_silent_is_left_alone(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.client(silence_after_s=0.2) as client:
        await asyncio.sleep(1.0)
        assert len(kit.attached) == 1
        assert client.attached


async def test_two_homes_do_not_disturb_each_other(tmp_path: Path) -> None:
    one, two = Kit(tmp_path / "one"), Kit(tmp_path / "two")
    here, there = one.spec(HARDY), two.spec(HARDY)
    origin = repository(tmp_path)
    async with one.client(origin) as first, two.client(origin) as second:
        await first.start(here)
        await second.start(there)
        (agent,) = await until(lambda: pids(one, here))
        (other,) = await until(lambda: pids(two, there))
        assert second.attached
        os.kill(second.attached.pid, signal.SIGKILL)
        await until(lambda: len(two.attached) == 2)
        assert not alive(other)
        assert alive(agent)
        assert len(one.attached) == 1


async def test_agents_outlive_the_server_and_are_found_again(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"exec {HARDY}")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        (agent,) = await until(lambda: pids(kit, spec))
        await client.close()
        async with kit.client() as again:
            assert again.attached
            (run,) = again.attached.runs
            assert (run.run_id, run.state, run.pid) == (spec.run_id, "running", agent)
            assert len(set(kit.attached)) == 1
            await again.stop(spec.run_id, 0.0)
            await kit.exit_of(spec)


async def test_without_a_server_the_container_keeps_the_work_and_ends(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"echo precious > work.txt; {HARDY}")
    settings = Settings(report_every_s=0.1, orphan_after_s=0.3, drain_grace_s=0.1, warm_worktrees=0)
    async with kit.client(repository(tmp_path), settings) as client:
        await client.start(spec)
        (agent,) = await until(lambda: pids(kit, spec))
        container = client.attached.pid if client.attached else 0
        await client.close()
        await until(lambda: not alive(container))
    assert not alive(agent)
    assert not kit.home.container_json.exists()
    assert not kit.worktree(spec).exists()
    assert show(kit.clone_repo(), f"{spec.branch}:work.txt") == "precious"
    assert show(kit.clone_repo(), f"{spec.branch}").splitlines()[4].strip() == spec.wip_subject


async def test_a_container_that_is_told_to_end_keeps_the_work(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"echo precious > work.txt; {HARDY}")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await until(lambda: pids(kit, spec))
        assert client.attached
        os.kill(client.attached.pid, signal.SIGTERM)
        end = await kit.exit_of(spec)
        assert end.facts
        await until(lambda: len(kit.attached) == 2)
        assert show(kit.clone_repo(), f"{spec.branch}:work.txt") == "precious"


@pytest.mark.parametrize(("ours", "replaced"), [(PROTOCOL + 1, False), (PROTOCOL + 2, True)])
async def test_a_container_of_another_version_is_kept_or_drained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: int, replaced: bool
) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec(f"echo precious > work.txt; {HARDY}")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        await until(lambda: pids(kit, spec))
        first = client.attached
        assert first
        await client.close()
        monkeypatch.setattr(local, "PROTOCOL", ours)
        newer = LocalContainer(kit.home, kit.home_id, settings=FAST)
        if not replaced:
            assert (await newer.open()).container_id == first.container_id
            await newer.stop(spec.run_id, 0.0)
            await newer.close()
            return
        with pytest.raises(UnavailableError):
            await newer.open()  # the successor in this test speaks the same old version
        assert not alive(first.pid)
        assert show(kit.clone_repo(), f"{spec.branch}:work.txt") == "precious"
        await newer.close()


def test_the_process_table_is_the_same_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    with_proc, ours = proctable.scan(), os.getpid()
    monkeypatch.setattr(proctable, "_LINUX", False)
    without = proctable.scan()
    assert without[ours].ppid == with_proc[ours].ppid
    assert without[ours].session == with_proc[ours].session
    assert without[ours].alive
    assert proctable.mark_of(ours) is None


async def test_an_agent_that_closes_its_output_goes_on(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("exec <&- >&- 2>&-; sleep 0.3; echo a > a; git add a; git commit -qm A")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        end = await kit.exit_of(spec)
        assert end.exit_code == 0
        assert end.facts
        assert end.facts.own_commits == 1


async def test_shutdown_is_refused_while_runs_live(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("sleep 100")
    async with kit.client(repository(tmp_path)) as client:
        await client.start(spec)
        with pytest.raises(ConflictError, match=spec.name):
            await client.shutdown()


async def test_a_long_home_path_is_no_obstacle(tmp_path: Path) -> None:
    kit = Kit(tmp_path / ("long" * 20) / ("longer" * 15))
    spec = kit.spec("echo fine")
    async with kit.client(repository(tmp_path), FAST) as client:
        await client.start(spec)
        await kit.exit_of(spec)
    assert kit.output(spec) == ["fine"]


async def test_two_clients_at_once_get_one_container(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    both = [LocalContainer(kit.home, kit.home_id, settings=FAST) for _ in range(2)]
    hellos = await asyncio.gather(*(client.open() for client in both))
    assert len({hello.pid for hello in hellos}) == 1

    def living() -> list[int]:
        return [p.pid for p in proctable.scan().values() if p.alive and _is_container_of(p.pid, kit)]

    await until(lambda: len(living()) == 1)
    await both[0].close()
    await both[1].shutdown()
    assert living() == []


def _is_container_of(pid: int, kit: Kit) -> bool:
    try:
        return f"boomtown.container\0--home-id\0{kit.home_id}" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
