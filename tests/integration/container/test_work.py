"""What a run leaves behind: judged from git, and never lost."""

import time
from pathlib import Path
from typing import Any

import pytest
from container_kit import Kit, commit, git, push_to, repository, show, until

from boomtown.container import merging, worktrees
from boomtown.container.protocol import DiffSpec, Facts, RunSpec
from boomtown.container.service import Container
from boomtown.domain.errors import ConflictError

COMMIT = "git add -A && git commit --quiet -m Work"


async def ended(kit: Kit, container: Container, script: str, **changes: object) -> tuple[RunSpec, Facts]:
    spec = kit.spec(script, **changes)
    state = await kit.finish(container, spec)
    assert state.facts is not None, state.error
    return spec, state.facts


async def again(kit: Kit, container: Container, spec: RunSpec, script: str) -> tuple[RunSpec, Facts]:
    """The next attempt of the same bead."""
    return await ended(kit, container, script, bead_id=spec.bead_id, branch=spec.branch)


@pytest.mark.parametrize(
    ("script", "own"),
    [
        ("true", 0),
        (f"echo a > a; {COMMIT}", 1),
        (f"echo a > a; {COMMIT}; echo b > a; {COMMIT}", 2),
        ("git commit --quiet --allow-empty -m Nothing", 0),
        (f"echo a > a; {COMMIT}; git commit --quiet --allow-empty -m Nothing", 1),
        (f"echo a > a; {COMMIT}; git rm --quiet a; git commit --quiet -m Undo", 0),
        (f"git checkout --quiet --detach; echo a > a; {COMMIT}", 1),
        (f"git checkout --quiet -b mine; echo a > a; {COMMIT}", 1),
        (f"echo a > a; {COMMIT}; git branch --quiet -m elsewhere", 1),
        (f"echo a > a; {COMMIT}; git checkout --quiet --detach HEAD~1", 1),
    ],
)
async def test_own_commits_are_those_that_change_something(tmp_path: Path, script: str, own: int) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, facts = await ended(kit, container, script)
        assert facts.own_commits == own
        assert facts.tip == container.clones.get("web").branch(spec.branch)
        assert await container.inspect("web", spec.branch, spec.worktree_slug, "main") == facts


async def test_uncommitted_files_become_wip_on_the_branch(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    script = "echo changed > README.md; mkdir 'ä b'; echo new > 'ä b/ç d.txt'; echo no > ignored.log"
    async with kit.inside(repository(tmp_path, {"README.md": "r\n", ".gitignore": "*.log\n"})) as container:
        spec, facts = await ended(kit, container, script)
        assert (facts.own_commits, facts.dirty) == (0, True)
        result = await container.dispose(kit.disposal(spec))
        assert result.wip_commit == result.tip
        assert await container.dispose(kit.disposal(spec)) == result, "asked again, the same answer"
        repo = kit.clone_repo()
        assert show(repo, f"{result.tip}:ä b/ç d.txt") == "new"
        assert (
            git(repo, "show", "-s", "--format=%s|%an|%cn", str(result.tip))
            == f"{spec.wip_subject}|{spec.author_name}|Boomtown"
        )
        assert not kit.worktree(spec).exists()
        second, facts = await again(kit, container, spec, "cat 'ä b/ç d.txt' README.md")
        assert kit.output(second) == ["new", "changed"]
        assert facts.own_commits == 0, "work in progress that the town committed is nobody's own commit"


async def test_leftovers_of_a_handed_on_branch_never_land(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, facts = await ended(kit, container, f"echo a > a; {COMMIT}; echo left > left.txt")
        result = await container.dispose(kit.disposal(spec, "ref"))
        assert result.tip == facts.tip
        clone = container.clones.get("web")
        assert clone.ref(f"refs/boomtown/wip/{spec.run_id}") == result.wip_commit
        assert show(clone.repo, f"{result.wip_commit}:left.txt") == "left"
        assert await container.dispose(kit.disposal(spec, "ref")) == result


async def test_a_merge_in_progress_survives_with_what_is_solved(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"a": "one\n", "b": "one\n"})
    async with kit.inside(origin) as container:
        spec, _ = await ended(kit, container, f"echo mine > a; echo mine > b; {COMMIT}")
        await container.dispose(kit.disposal(spec))
        theirs = push_to(origin, {"a": "theirs\n", "b": "theirs\n"})
        half = kit.spec("echo solved > a; git add a", bead_id=spec.bead_id, branch=spec.branch, rework=True)
        state = await kit.finish(container, half)
        assert state.facts
        assert state.facts.dirty
        result = await container.dispose(kit.disposal(half))
        repo = kit.clone_repo()
        assert git(repo, "show", "-s", "--format=%P", str(result.tip)).split()[1] == theirs
        assert show(repo, f"{result.tip}:a") == "solved"
        assert "<<<<<<<" in show(repo, f"{result.tip}:b")
        third = kit.spec(
            "cat", bead_id=spec.bead_id, branch=spec.branch, rework=True, conflict_note="Still open: {files}"
        )
        state = await kit.finish(container, third)
        assert any("b" in str(line) for line in kit.output(third) if str(line).startswith(("Still open", "- ")))
        assert state.facts
        assert state.facts.marked_files == ("b",)


async def test_a_rebase_in_progress_loses_nothing(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"a": "one\n"})
    async with kit.inside(origin) as container:
        spec, _ = await ended(kit, container, f"echo mine > a; {COMMIT}; echo b > b; {COMMIT}")
        await container.dispose(kit.disposal(spec))
        push_to(origin, {"a": "theirs\n"})
        second, facts = await again(
            kit, container, spec, "git fetch -q origin; git rebase -q origin/main; echo half > a; echo c > c; true"
        )
        assert facts.own_commits == 2, "the branch itself is where it was"
        result = await container.dispose(kit.disposal(second))
        stray = container.clones.get("web").ref(f"refs/boomtown/stray/{second.run_id}")
        assert stray == result.wip_commit
        assert result.tip == facts.tip
        assert show(kit.clone_repo(), f"{stray}:a") == "half"
        assert show(kit.clone_repo(), f"{stray}:c") == "c"


async def test_commits_on_an_unrelated_head_are_kept(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, facts = await ended(
            kit, container, f"echo a > a; {COMMIT}; git checkout --quiet --detach HEAD~1; echo b > b; {COMMIT}"
        )
        assert facts.own_commits == 1
        await container.dispose(kit.disposal(spec, "ref"))
        stray = container.clones.get("web").ref(f"refs/boomtown/stray/{spec.run_id}")
        assert show(kit.clone_repo(), f"{stray}:b") == "b"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> main\n", ("täg.md",)),
        ("Heading\n=======\n", ()),
        ("<<<<<<< is how a conflict begins\n", ()),
    ],
)
async def test_conflict_markers_are_found_in_what_the_branch_added(
    tmp_path: Path, text: str, marked: tuple[str, ...]
) -> None:
    kit = Kit(tmp_path)
    there = {"fixture.txt": "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n"}
    async with kit.inside(repository(tmp_path, there)) as container:
        script = f"printf '{text}' > täg.md; echo more >> fixture.txt; {COMMIT}".replace("\n", "\\n")
        _, facts = await ended(kit, container, script)
        assert facts.marked_files == marked


async def test_a_repository_inside_the_worktree_is_set_aside(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    nested = "git init -q second; (cd second; echo y > y; git add y; git commit -qm y)"
    script = f"git init -q inner; echo x > inner/x; {nested}; echo z > z"
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, script)
        result = await container.dispose(kit.disposal(spec))
        assert git(kit.clone_repo(), "ls-tree", "--name-only", str(result.tip)).split() == ["README.md", "z"]
        kept = kit.home.rig("web").root / "found"
        assert sorted(path.name for path in kept.rglob("[xy]")) == ["x", "y"]


async def test_folders_without_rights_are_removed_too(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, "mkdir -p deep/er; touch deep/er/x; chmod -R a-rwx deep")
        await container.dispose(kit.disposal(spec))
        assert not kit.worktree(spec).exists()


async def test_locks_of_killed_git_commands_do_not_matter(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    script = (
        f"echo a > a; {COMMIT}; echo b > b; d=$(git rev-parse --git-dir); c=$(git rev-parse --git-common-dir);"
        "touch $d/index.lock $d/HEAD.lock $c/refs/heads/$(git branch --show-current).lock"
    )
    async with kit.inside(repository(tmp_path)) as container:
        spec, facts = await ended(kit, container, script)
        assert facts.own_commits == 1
        result = await container.dispose(kit.disposal(spec))
        assert show(kit.clone_repo(), f"{result.tip}:b") == "b"


async def test_nothing_is_disposed_of_while_it_is_worked_on(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("sleep 100")
    async with kit.inside(repository(tmp_path)) as container:
        await container.start(spec)
        with pytest.raises(ConflictError):
            await container.dispose(kit.disposal(spec))
        with pytest.raises(ConflictError):
            await container.inspect("web", spec.branch, spec.worktree_slug, "main")


# whatever is there when a run starts


async def test_a_run_starts_over_what_an_earlier_one_left(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, "echo precious > left.txt")
        second, _ = await ended(
            kit, container, "cat left.txt", bead_id=spec.bead_id, branch=spec.branch, worktree_slug=spec.worktree_slug
        )
        assert kit.output(second) == ["precious"]


async def test_a_branch_without_a_worktree_goes_on_at_its_tip(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, f"echo a > a; {COMMIT}")
        await container.dispose(kit.disposal(spec))
        second, facts = await again(kit, container, spec, "cat a")
        assert kit.output(second) == ["a"]
        assert facts.own_commits == 1


async def test_a_folder_that_git_does_not_know_is_kept_aside(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("ls")
    async with kit.inside(repository(tmp_path)) as container:
        kit.worktree(spec).mkdir(parents=True)
        (kit.worktree(spec) / "notes.txt").write_text("mine")
        await kit.finish(container, spec)
        assert kit.output(spec) == ["README.md"]
        (kept,) = (kit.home.rig("web").root / "found").rglob("notes.txt")
        assert kept.read_text() == "mine"


async def test_a_worktree_deleted_by_hand_is_made_again(tmp_path: Path) -> None:
    import shutil

    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, f"echo a > a; {COMMIT}")
        shutil.rmtree(kit.worktree(spec))
        second, _ = await ended(
            kit, container, "cat a", bead_id=spec.bead_id, branch=spec.branch, worktree_slug=spec.worktree_slug
        )
        assert kit.output(second) == ["a"]


async def test_a_worktree_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    origin = repository(tmp_path)
    blob = git(origin, "rev-parse", "main:README.md")
    names = f"100644 blob {blob}\tfine\n100644 blob {blob}\t{'x' * 300}\n"
    tree = git(origin, "mktree", stdin=names)
    git(origin, "update-ref", "refs/heads/main", git(origin, "commit-tree", tree, "-m", "A name too long"))
    kit = Kit(tmp_path)
    async with kit.inside(origin) as container:
        spec = kit.spec()
        state = await container.start(spec)
        assert state.start_failed
        assert "xxx" in (state.error or "")
        assert state.facts
        assert (state.facts.own_commits, state.facts.dirty) == (0, False)
        assert not kit.worktree(spec).exists()
        assert (await container.dispose(kit.disposal(spec))).wip_commit is None


async def test_what_a_crash_left_half_made_is_nobodys_work(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    spec = kit.spec("git status --porcelain; cat README.md")
    async with kit.inside(origin) as container:
        trees = container.trees("web")
        await trees.create(spec.worktree_slug, spec.branch, await trees.clone.base("main"))
        (kit.worktree(spec) / "README.md").unlink()
    async with kit.inside() as container:
        assert not kit.worktree(spec).exists()
        state = await kit.finish(container, spec)
        assert kit.output(spec) == ["# Hello"]
        assert state.facts
        assert not state.facts.dirty


async def test_a_bead_retried_under_another_name_keeps_its_branch(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, f"echo a > a; {COMMIT}")
        await container.dispose(kit.disposal(spec))
        renamed = "polecat/birch/" + spec.bead_id[:6]
        names = {"branch": renamed, "old_branch": spec.branch}
        second, _ = await ended(kit, container, "cat a; git branch --show-current", bead_id=spec.bead_id, **names)
        assert kit.output(second) == ["a", renamed]
        assert container.clones.get("web").branch(spec.branch) is None


async def test_submodules_are_left_alone(tmp_path: Path) -> None:
    library = repository(tmp_path / "library", bare=False)
    origin = repository(tmp_path, bare=False)
    git(origin, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    commit(origin, {}, "Add lib")
    kit = Kit(tmp_path)
    async with kit.inside(origin) as container:
        spec, facts = await ended(kit, container, "ls lib | wc -l; test -d lib && echo there")
        assert kit.output(spec) == ["0", "there"]
        assert not facts.dirty
        assert (await container.dispose(kit.disposal(spec))).wip_commit is None


async def test_large_files_are_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    origin = repository(tmp_path, {".gitattributes": "*.bin filter=lfs\n", "big.bin": pointer})
    settings = tmp_path / "gitconfig"
    script = tmp_path / "smudge"
    script.write_text('#!/bin/sh\nif [ "$GIT_LFS_SKIP_SMUDGE" = 1 ]; then cat; else echo DOWNLOADED; fi\n')
    script.chmod(0o755)
    settings.write_text(f'[filter "lfs"]\n\tsmudge = {script}\n\tclean = cat\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    kit = Kit(tmp_path)
    async with kit.inside(origin) as container:
        spec, facts = await ended(kit, container, "head -1 big.bin")
        assert kit.output(spec) == [pointer.splitlines()[0]]
        assert not facts.dirty


async def test_git_agrees_with_our_records_of_worktrees(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("git worktree prune; git fsck; git worktree list --porcelain; git stash list; sleep 100")
    async with kit.inside(repository(tmp_path)) as container:
        await container.start(spec)
        await until(lambda: "locked Boomtown" in kit.output(spec))
        assert f"worktree {kit.worktree(spec)}" in kit.output(spec)
        assert f"branch refs/heads/{spec.branch}" in kit.output(spec)
        assert [line for line in kit.output(spec, "stderr") if "HEAD points to an unborn" not in str(line)] == []


async def test_a_diff_of_a_worktree_that_is_taken_away_meanwhile_is_of_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo new > a")
    async with kit.inside(repository(tmp_path)) as container:
        await kit.finish(container, spec)
        trees, base = container.trees("web"), await container.clones.get("web").base("main")
        plain = trees.in_worktree

        async def first_taken_away(*args: Any, **options: Any) -> Any:
            monkeypatch.setattr(trees, "in_worktree", plain)
            await container.dispose(kit.disposal(spec))
            return await plain(*args, **options)

        monkeypatch.setattr(trees, "in_worktree", first_taken_away)
        asked = DiffSpec("web", spec.bead_id, spec.branch, "main", spec.worktree_slug)
        assert "+new" in (await merging.diff(trees, asked, base)).text


async def test_a_file_that_was_changed_in_the_second_of_its_commit_is_kept(tmp_path: Path) -> None:
    """Git tells a change by whole seconds; one in the second in which the index was written needs a closer look."""
    kit = Kit(tmp_path)
    second = '$(stat -c %Y "$(git rev-parse --git-dir)/index")'
    spec = kit.spec(
        "n=0; while n=$((n + 1)); do printf %09d $n > a; git add a; git commit -qm A; printf 'changed %s' . > a;"
        f' if [ "$(stat -c %Y a)$(stat -c %Z a)" = "{second}{second}" ]; then break; fi; done'
    )
    async with kit.inside(repository(tmp_path)) as container:
        await kit.finish(container, spec)
        changed = int((kit.worktree(spec) / "a").stat().st_mtime)
        await until(lambda: time.time() >= changed + 1)
        asked = DiffSpec("web", spec.bead_id, spec.branch, "main", spec.worktree_slug)
        base = await container.clones.get("web").base("main")
        assert "+changed ." in (await merging.diff(container.trees("web"), asked, base)).text
        kept = await container.dispose(kit.disposal(spec))
        assert kept.wip_commit
        assert show(kit.clone_repo(), f"{spec.branch}:a") == "changed ."


async def test_a_removal_that_broke_off_halfway_is_finished_and_nothing_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = Kit(tmp_path)

    def breaks_off(moment: str) -> None:
        raise KeyboardInterrupt(moment)

    async with kit.inside(repository(tmp_path)) as container:
        spec, _ = await ended(kit, container, "echo precious > left")
        with monkeypatch.context() as patch:
            patch.setattr(worktrees, "reach", breaks_off)
            with pytest.raises(KeyboardInterrupt):
                await container.dispose(kit.disposal(spec))
        container.tidy()
        again = await container.dispose(kit.disposal(spec))
        assert again.wip_commit == again.tip
        assert show(kit.clone_repo(), f"{spec.branch}:left") == "precious"
        assert not container.clones.get("web").found.exists()
        assert not kit.worktree(spec).exists()
        assert not container.trees("web").record(spec.worktree_slug).exists()
