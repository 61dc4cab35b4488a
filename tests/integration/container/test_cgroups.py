"""A cgroup for each run: in a folder that stands in for one with the memory controller, and in a real one."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_kit import Kit, repository, until

from boomtown.container.cgroups import MOUNTS, Cgroups, find

HOME_ID = "0123456789"


def pretended(root: Path, controllers: str = "cpu memory", given: str = "memory", inside: str = "") -> Path:
    """A mount with one cgroup in it, `here`; its files are plain ones, so that nothing is enforced."""
    folder = root / "here"
    folder.mkdir(parents=True)
    for name, text in (("controllers", controllers), ("subtree_control", given), ("procs", inside)):
        (folder / f"cgroup.{name}").write_text(text)
    return root


@pytest.mark.parametrize("missing", [{"controllers": "cpu"}, {"given": "cpu", "inside": "1"}])
def test_without_the_memory_controller_or_among_others_there_is_none(tmp_path: Path, missing: dict[str, str]) -> None:
    mount = pretended(tmp_path, **missing)
    assert find(HOME_ID, [mount], "/here") is None
    assert find(HOME_ID, [tmp_path / "nowhere"], "/here") is None
    assert not (mount / "here" / "boomtown").exists()


def test_processes_of_the_home_go_into_a_child_where_the_cgroup_is_theirs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "600"], env={"BOOMTOWN_HOME": str(tmp_path)}) as ours:
        monkeypatch.setenv("BOOMTOWN_HOME", str(tmp_path))
        mount = pretended(tmp_path / "mount", given="", inside=f"{ours.pid}\n")
        assert find(HOME_ID, [mount], "/here") is not None
        ours.kill()
    assert (mount / "here" / "boomtown" / "cgroup.procs").read_text() == str(ours.pid)
    assert (mount / "here" / "cgroup.subtree_control").read_text() == "+memory"


async def test_a_run_is_in_its_own_with_its_limit_and_what_the_kernel_killed_is_told(tmp_path: Path) -> None:
    mount = pretended(tmp_path / "mount")
    groups = find(HOME_ID, [mount], "/here")
    kit = Kit(tmp_path)
    marker = tmp_path / "go"
    spec = kit.spec(f"until [ -e {marker} ]; do sleep 0.05; done; exit 9", memory_limit=1 << 30)
    async with kit.inside(repository(tmp_path), groups=groups) as container:
        await container.start(spec)
        folder = mount / "here" / f"boomtown-{HOME_ID[:8]}-{spec.run_id}"
        entered = folder / "cgroup.procs"
        await until(lambda: entered.exists() and entered.read_text() == "0\n")
        assert (folder / "memory.max").read_text() == str(1 << 30)
        assert (folder / "memory.oom.group").read_text() == "1"
        (folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\noom_group_kill 1\n")
        marker.touch()
        end = await until(lambda: next((run for run in container.hello().runs if run.state == "exited"), None))
        assert (end.out_of_memory, end.exit_code) == (True, 9)
        assert (folder / "cgroup.kill").read_text() == "1"


async def test_a_run_starts_all_the_same_where_its_cgroup_can_not_be_made(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path), groups=Cgroups(tmp_path / "nowhere", HOME_ID)) as container:
        spec = kit.spec("echo here")
        end = await kit.finish(container, spec)
        assert (end.exit_code, end.out_of_memory, kit.output(spec)) == (0, False, ["here"])


@pytest.fixture
def real() -> Iterator[Cgroups]:
    """Real cgroups, version 2, whatever controllers there are."""
    for mount in MOUNTS:
        own = mount / f"boomtown-test-{uuid.uuid4().hex[:8]}"
        if (mount / "cgroup.controllers").exists() and os.access(mount, os.W_OK):
            try:
                own.mkdir()
            except OSError:
                continue
            yield Cgroups(own, HOME_ID)
            own.rmdir()
            return
    pytest.skip("no cgroup of version 2 can be made here")


async def test_a_real_cgroup_holds_all_that_a_run_starts_and_is_gone_with_it(tmp_path: Path, real: Cgroups) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("setsid env -i sleep 600 & cat /proc/self/cgroup; cat /proc/$!/cgroup; exit 3")
    async with kit.inside(repository(tmp_path), groups=real) as container:
        end = await kit.finish(container, spec)
    assert (end.exit_code, end.out_of_memory) == (3, False)
    lines = [line for line in kit.output(spec) if str(line).startswith("0::")]
    assert [str(line).endswith(spec.run_id) for line in lines] == [True, True]


def test_a_real_cgroup_is_killed_in_one_stroke_and_a_successor_clears_what_is_left(real: Cgroups) -> None:
    groups = [real.of_run(str(number), None) for number in (1, 2)]
    kept = [subprocess.Popen(group.around(["/bin/sleep", "600"])) for group in groups]
    for group, process in zip(groups, kept, strict=True):
        inside = group._path / "cgroup.procs"
        while str(process.pid) not in inside.read_text().split():
            assert process.poll() is None
    groups[0].kill()
    assert (kept[0].wait(30), kept[1].poll()) == (-9, None)
    groups[0].remove()
    assert not groups[0]._path.exists()
    real.clear()
    assert kept[1].wait(30) == -9
    real.clear()
    assert not groups[1]._path.exists()
