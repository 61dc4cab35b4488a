"""Worktrees checked out in advance: there when a run starts, current, invisible, and never in the way."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from container_kit import Kit, git, push_to, repository, until

from boomtown.container.git import GitError
from boomtown.container.service import Container
from boomtown.container.settings import Settings

WARM = Settings(report_every_s=0.1, warm_worktrees=2, drain_grace_s=0.2)


def warm(container: Container) -> list[Path]:
    return container.trees("web").warm()


async def test_a_clone_warms_worktrees_and_a_start_takes_one(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {f"d/{n}.txt": f"{n}\n" for n in range(20)})
    async with kit.inside(origin, WARM) as container:
        await until(lambda: len(warm(container)) == 2)
        spec = kit.spec("git status --porcelain --branch; git log -1 --format=%s; cat d/7.txt")
        before = container.git.commands
        state = await container.start(spec)
        assert state.state == "running"
        assert container.git.commands - before <= 1, "one git process for a start on a warm worktree"
        await until(lambda: not container.live)
        assert kit.output(spec) == [f"## {spec.branch}", "Begin", "7"]
        await until(lambda: len(warm(container)) == 2)
        listed = git(kit.clone_repo(), "worktree", "list")
        assert str(kit.worktree(spec)) in listed


async def test_a_rig_gets_as_many_warm_worktrees_as_it_may_have_runs(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin, Settings(report_every_s=0.1, drain_grace_s=0.2)) as container:
        await until(lambda: len(warm(container)) == 5)
        await container.start(kit.spec("sleep 60", at_once=7))
        await until(lambda: len(warm(container)) == 7)


async def test_a_cold_start_takes_one_git_process_too(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        before = container.git.commands
        await container.start(kit.spec("sleep 5"))
        assert container.git.commands - before == 1


async def test_a_warm_worktree_that_is_behind_is_brought_up_to_date(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"old.txt": "old", "same.txt": "same"})
    async with kit.inside(origin, WARM) as container:
        await until(lambda: len(warm(container)) == 2)
        push_to(origin, {"new.txt": "new", "old.txt": "changed"})
        spec = kit.spec("cat new.txt old.txt same.txt; git status --porcelain", fetch_max_age_s=0.0)
        state = await kit.finish(container, spec)
        assert kit.output(spec) == ["newchangedsame"]
        assert state.facts
        assert (state.facts.own_commits, state.facts.dirty) == (0, False)


async def test_an_existing_branch_gets_a_warm_worktree_at_its_tip(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin, WARM) as container:
        first = kit.spec("echo a > a; git add a; git commit -qm A")
        await kit.finish(container, first)
        await container.dispose(kit.disposal(first))
        await until(lambda: len(warm(container)) == 2)
        second = kit.spec("cat a; git log --format=%s", branch=first.branch, bead_id=first.bead_id)
        await kit.finish(container, second)
        assert kit.output(second) == ["a", "A", "Begin"]


async def test_a_successor_uses_what_is_warm_and_takes_away_what_is_half_made(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin, WARM) as container:
        await until(lambda: len(warm(container)) == 2)
    folder = kit.home.rig("web").warm
    kept, broken = sorted(folder.iterdir())
    (kit.clone_repo() / "worktrees" / broken.name).rename(kit.clone_repo() / "elsewhere")
    (folder / ".new-warm-x").mkdir()
    async with kit.inside() as container:
        assert list(folder.iterdir()) == [kept]
        assert (await kit.finish(container, kit.spec("ls"))).exit_code == 0
        assert list(folder.iterdir()) == []


async def test_an_idle_container_forks_nothing(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin, WARM) as container:
        await until(lambda: len(warm(container)) == 2)
        await until(lambda: not container.processes.pids)
        before = container.git.commands
        await asyncio.sleep(0.5)
        assert container.git.commands == before


@pytest.mark.parametrize("settings", [Settings(warm_worktrees=0), Settings(min_free_bytes=1 << 50)])
async def test_warm_worktrees_can_be_had_without(tmp_path: Path, settings: Settings) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin, settings) as container:
        await asyncio.sleep(0.3)
        assert warm(container) == []


async def test_one_that_can_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path), replace(WARM, warm_worktrees=0)) as container:
        trees = container.trees("web")
        for _ in range(3):
            with pytest.raises(GitError):
                await trees.warm_up("1" * 40)
        assert list(trees.clone.paths.warm.iterdir()) == []
        assert list((trees.clone.repo / "worktrees").iterdir()) == []
