"""From a polecat's branch to the default branch of the remote, and into a local checkout."""

import asyncio
import os
from pathlib import Path

import pytest
from container_kit import FAST, Kit, commit, git, push_to, repository, show, until, write

from boomtown.container import merging, pushing
from boomtown.container.protocol import CloneSpec, DiffSpec, GateSpec, MergePlan, MergeSpec, PushSpec, RunSpec, to_wire
from boomtown.container.requests import Requests
from boomtown.container.service import Container
from boomtown.domain.errors import ConflictError, NotFoundError, UnavailableError

MESSAGE = "Add a file\n\nIt was missing.\n\nBead: 1234\n"


def merge_spec(spec: RunSpec, style: str = "squash") -> MergeSpec:
    return MergeSpec(
        rig="web",
        merge_id="m1",
        branch=spec.branch,
        base_branch=spec.base_branch,
        style=style,
        message=MESSAGE,
        author_name="Toast (polecat)",
        author_email="toast@polecats.example",
    )


def works(**files: str) -> str:
    """A script that commits files; names are given with `__` for `.`."""
    lines = [f"printf '%s' '{text}' > {name.replace('__', '.')}" for name, text in files.items()]
    return " && ".join([*lines, "git add -A", f"git commit --quiet -m 'Change {' '.join(files)}'"])


async def worked(kit: Kit, container: Container, script: str, **changes: object) -> RunSpec:
    """A run that has ended and whose worktree is gone."""
    spec = kit.spec(script, **changes)
    state = await kit.finish(container, spec)
    assert state.exit_code == 0, (state.error, state.last_words)
    await container.dispose(kit.disposal(spec, "ref"))
    container.forget([spec.run_id])
    return spec


async def plan(container: Container, spec: RunSpec, style: str = "squash") -> MergePlan:
    return await merging.plan_merge(container.clones.get("web"), merge_spec(spec, style))


async def land(container: Container, spec: RunSpec, made: MergePlan) -> pushing.PushResult:
    assert made.commit
    return await pushing.push(container.clones.get("web"), PushSpec("web", spec.base_branch, made.base, made.commit))


async def test_of_two_that_were_made_on_the_same_base_and_pushed_at_once_one_lands(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        specs = [await worked(kit, container, works(**{f"{name}__txt": name})) for name in "ab"]
        made = [await plan(container, spec) for spec in specs]
        landed = await asyncio.gather(*(land(container, spec, one) for spec, one in zip(specs, made, strict=True)))
        assert sorted(result.status for result in landed) == ["landed", "moved"]
        assert git(origin, "rev-list", "--count", "main") == "2"


@pytest.mark.parametrize(("style", "parents"), [("squash", 1), ("merge", 2)])
async def test_a_branch_lands_as_one_commit(tmp_path: Path, style: str, parents: int) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        push_to(origin, {"other.txt": "other"})
        made = await plan(container, spec, style)
        assert (made.conflicts, made.already_merged) == ((), False)
        assert (await land(container, spec, made)).status == "landed"
        assert git(origin, "rev-parse", "main") == made.commit
        assert git(origin, "rev-parse", "main^{tree}") == made.tree
        assert git(origin, "show", "-s", "--format=%an %cn %P", "main").count(" ") == 3 + parents - 1
        assert git(origin, "show", "-s", "--format=%B", "main").strip() == MESSAGE.strip()
        assert show(origin, "main:a.txt") == "A"
        assert show(origin, "main:other.txt") == "other"
        assert await pushing.is_landed(container.clones.get("web"), "main", made.commit or "")
        assert (await land(container, spec, made)).status == "landed"
        assert (await plan(container, spec, style)).already_merged


async def test_new_branches_start_at_what_has_landed(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        first = await worked(kit, container, works(a__txt="A"))
        await land(container, first, await plan(container, first))
        second = await worked(kit, container, "cat a.txt", fetch_max_age_s=1000.0)
        assert kit.output(second) == ["A"]


async def test_a_remote_that_moved_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        made = await plan(container, spec)
        theirs = push_to(origin, {"b.txt": "B"})
        assert (await land(container, spec, made)).status == "moved"
        assert git(origin, "rev-parse", "main") == theirs
        again = await plan(container, spec)
        assert (await land(container, spec, again)).status == "landed"
        assert show(origin, "main:b.txt") == "B"


async def test_a_remote_that_was_set_back_is_not_overrun(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    first = git(origin, "rev-parse", "main")
    push_to(origin, {"b.txt": "B"})
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        made = await plan(container, spec)
        git(origin, "update-ref", "refs/heads/main", first)
        assert (await land(container, spec, made)).status == "moved"
        assert git(origin, "rev-parse", "main") == first


async def test_a_refusal_carries_the_words_of_the_remote(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    hook = origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected: open a request' >&2\nexit 1\n")
    hook.chmod(0o755)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        result = await land(container, spec, await plan(container, spec))
        assert result.status == "refused"
        assert "main is protected: open a request" in result.words
        branch = await pushing.push_branch(container.clones.get("web"), spec.branch)
        assert branch.status == "refused"


async def test_an_unreachable_remote_is_no_refusal(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        made = await plan(container, spec)
        origin.rename(tmp_path / "elsewhere")
        with pytest.raises(UnavailableError):
            await land(container, spec, made)
        with pytest.raises(UnavailableError):
            await plan(container, spec)
        with pytest.raises(UnavailableError):
            await container.start(kit.spec(fetch_max_age_s=0.0))
        assert container.live == []


async def test_a_conflict_names_files_and_what_landed_there(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"täg file.txt": "one\n", "b.txt": "b\n"})
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, 'echo mine > "täg file.txt"; git commit -qam Mine')
        push_to(origin, {"täg file.txt": "theirs\n"}, "Say it their way")
        push_to(origin, {"b.txt": "c\n"}, "Something else")
        made = await plan(container, spec)
        assert made.conflicts == ("täg file.txt",)
        assert made.conflict_commits == ("Say it their way",)
        assert made.commit is None


async def test_rework_begins_inside_the_merge_with_the_newest_default_branch(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"a.txt": "one\n"})
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, "echo mine > a.txt; git commit -qam Mine")
        push_to(origin, {"a.txt": "theirs\n"})
        again = kit.spec(
            "cat; git status --porcelain; cat a.txt; echo both > a.txt; git add a.txt; git commit -q --no-edit",
            branch=spec.branch,
            bead_id=spec.bead_id,
            rework=True,
            conflict_note="Solve these:\n{files}",
        )
        state = await kit.finish(container, again)
        said = kit.output(again)
        assert "- a.txt" in said
        assert "UU a.txt" in said
        assert "<<<<<<< HEAD" in said
        assert state.facts
        assert state.facts.own_commits == 2
        await container.dispose(kit.disposal(again, "ref"))
        made = await plan(container, again)
        assert (await land(container, again, made)).status == "landed"
        assert show(origin, "main:a.txt") == "both"


async def test_rework_without_a_conflict_is_a_merge_of_ours(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        push_to(origin, {"b.txt": "B"})
        again = kit.spec(
            "cat b.txt", branch=spec.branch, bead_id=spec.bead_id, rework=True, conflict_note="Conflict: {files}"
        )
        state = await kit.finish(container, again)
        assert kit.output(again) == ["B"]
        assert state.facts
        assert state.facts.own_commits == 1, "a merge that the town made is nobody's own commit"


async def test_the_first_landing_creates_the_default_branch_of_an_empty_repository(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), tmp_path / "empty.git"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "trunk", str(origin))
    async with kit.inside() as container:
        cloned = await container.clone(CloneSpec("web", str(origin)))
        assert (cloned.default_branch, cloned.head) == ("trunk", None)
        assert any("empty" in note for note in cloned.notes)
        one = await worked(kit, container, works(a__txt="A"), base_branch="trunk")
        two = await worked(kit, container, works(b__txt="B"), base_branch="trunk")
        made = await plan(container, one)
        assert made.base is None
        assert (await land(container, one, made)).status == "landed"
        stale = MergePlan(None, None, made.tip, made.tip)
        assert (await land(container, two, stale)).status in ("moved", "landed")
        assert (await land(container, two, await plan(container, two))).status == "landed"
        assert git(origin, "ls-tree", "--name-only", "trunk").split() == ["a.txt", "b.txt"]


async def test_of_two_pushes_at_once_that_start_at_the_same_commit_one_lands(tmp_path: Path) -> None:
    """The one that waits for the other must not take the other's commit for what it was made on."""
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        one, two = [await worked(kit, container, works(**{name: "1"})) for name in ("a", "b")]
        plans = [await plan(container, spec) for spec in (one, two)]
        results = await asyncio.gather(*(land(container, *of) for of in zip((one, two), plans, strict=True)))
        assert sorted(result.status for result in results) == ["landed", "moved"]
        assert git(origin, "rev-list", "--count", "main") == "2"
        late = one if results[0].status == "moved" else two
        assert (await land(container, late, await plan(container, late))).status == "landed"
        assert git(origin, "ls-tree", "--name-only", "main").split() == ["README.md", "a", "b"]


async def test_a_polecats_branch_can_be_pushed_under_its_own_name(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        clone = container.clones.get("web")
        for _ in range(2):
            assert (await pushing.push_branch(clone, spec.branch)).status == "landed"
        assert show(origin, f"{spec.branch}:a.txt") == "A"


async def test_a_retired_branch_leaves_its_tip(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, works(a__txt="A"))
        clone = container.clones.get("web")
        tip = clone.branch(spec.branch)
        assert await merging.unmerged_branches(clone, "main") == [spec.branch]
        for _ in range(2):
            await merging.retire_branch(clone, spec.branch, spec.bead_id)
        assert clone.branch(spec.branch) is None
        assert clone.ref(f"refs/boomtown/beads/{spec.bead_id}") == tip
        assert await merging.unmerged_branches(clone, "main") == []
        with pytest.raises(NotFoundError, match=spec.branch):
            await plan(container, spec)
        again = await worked(kit, container, works(b__txt="B"), bead_id=spec.bead_id)
        await merging.retire_branch(clone, again.branch, spec.bead_id)
        assert clone.ref(f"refs/boomtown/beads/{spec.bead_id}") != tip
        assert clone.ref(f"refs/boomtown/discarded/{spec.bead_id}/{tip}") == tip, "an earlier one is not lost for it"


# a checkout on this machine


async def test_a_checked_out_branch_is_never_moved_and_pull_brings_the_result(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    before = git(origin, "rev-parse", "main")
    write(origin, {"README.md": "# Being edited\n", "scratch.txt": "mine\n"})
    async with kit.inside() as container:
        cloned = await container.clone(CloneSpec("web", str(origin)))
        assert any("2 files" in note and "not committed" in note for note in cloned.notes)
        assert any("boomtown/main" in note for note in cloned.notes)
        clone = container.clones.get("web")
        one = await worked(kit, container, works(a__txt="A"))
        landed = await land(container, one, await plan(container, one))
        assert (landed.status, landed.ref) == ("landed", "refs/heads/boomtown/main")
        assert git(origin, "rev-parse", "main") == before
        two = await worked(kit, container, "cat a.txt && " + works(b__txt="B"))
        assert kit.output(two) == ["A"], "new branches start at what has landed"
        assert (await land(container, two, await plan(container, two))).status == "landed"
        assert "2 commits" in await pushing.pull(clone, "main")
        assert (origin / "b.txt").read_text() == "B"
        assert (origin / "README.md").read_text() == "# Being edited\n"
        assert (origin / "scratch.txt").read_text() == "mine\n"
        assert "everything" in await pushing.pull(clone, "main")


async def test_pull_does_not_touch_a_checkout_that_it_would_overwrite(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    async with kit.inside(origin) as container:
        spec = await worked(kit, container, "echo new > README.md; git commit -qam New")
        await land(container, spec, await plan(container, spec))
        write(origin, {"README.md": "precious\n"})
        before = git(origin, "rev-parse", "HEAD")
        with pytest.raises(ConflictError, match=r"README\.md"):
            await pushing.pull(container.clones.get("web"), "main")
        assert (origin / "README.md").read_text() == "precious\n"
        assert git(origin, "rev-parse", "HEAD") == before


async def test_both_sides_of_a_checkout_may_move(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    async with kit.inside(origin) as container:
        clone = container.clones.get("web")
        one = await worked(kit, container, works(a__txt="A"))
        await land(container, one, await plan(container, one))
        commit(origin, {"mine.txt": "mine"}, "By hand")
        with pytest.raises(ConflictError, match="of its own"):
            await pushing.pull(clone, "main")
        two = await worked(kit, container, "cat a.txt mine.txt && " + works(b__txt="B"), fetch_max_age_s=0.0)
        assert kit.output(two) == ["Amine"]
        assert (await land(container, two, await plan(container, two))).status == "landed"
        await pushing.pull(clone, "main")
        assert sorted(path.name for path in origin.glob("*.txt")) == ["a.txt", "b.txt", "mine.txt"]


async def test_both_sides_of_a_checkout_in_conflict_are_said(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {"a.txt": "one\n"}, bare=False)
    async with kit.inside(origin) as container:
        one = await worked(kit, container, "echo town > a.txt; git commit -qam Town")
        await land(container, one, await plan(container, one))
        commit(origin, {"a.txt": "person\n"}, "By hand")
        two = await worked(kit, container, works(b__txt="B"), fetch_max_age_s=0.0)
        with pytest.raises(ConflictError, match=r"boomtown/main changed the same lines in a\.txt"):
            await plan(container, two)


async def test_pull_says_where_the_work_is_if_the_origin_is_elsewhere(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        clone = container.clones.get("web")
        clone._url = "https://user:secret@git.example/web.git"
        with pytest.raises(ConflictError) as caught:
            await pushing.pull(clone, "main")
        assert "secret" not in caught.value.message
        assert "git pull" in caught.value.message


# diff


async def test_a_diff_has_what_is_not_committed_while_the_run_lives(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        requests = Requests(container, lambda: None)
        spec = kit.spec(works(a__txt="A") + "; echo un > untracked.txt; echo on; sleep 100")
        await container.start(spec)
        await until(lambda: kit.output(spec))
        ask = {"spec": to_wire(DiffSpec("web", spec.bead_id, spec.branch, "main", spec.worktree_slug))}
        answer = await requests.answer({"id": 1, "op": "diff", "args": ask})
        assert "+A" in answer["result"]["text"]
        assert "untracked.txt" in answer["result"]["stat"]
        assert git(kit.worktree(spec), "status", "--porcelain") == "?? untracked.txt"
        container.stop(spec.run_id, 0.0, False)
        await until(lambda: not container.live)
        await container.dispose(kit.disposal(spec, "ref"))
        after = await requests.answer({"id": 2, "op": "diff", "args": ask})
        assert "untracked.txt" not in after["result"]["stat"]
        assert "a.txt" in after["result"]["stat"]


# gates


def gate_spec(kit: Kit, commit_id: str, *gates: str, timeout_s: float = 30.0, key: str = "k") -> GateSpec:
    log = str(kit.home.rig("web").gate_log("m1"))
    return GateSpec("web", key, commit_id, gates, timeout_s, {"PATH": os.environ["PATH"]}, log)


async def test_gates_run_in_order_in_a_scratch_worktree(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    head = git(origin, "rev-parse", "main")
    async with kit.inside(origin) as container:
        result = await container.gates(gate_spec(kit, head, "test -f README.md", "pwd > $HOME/where; echo dirt > dirt"))
        assert result.green
        where = Path((kit.home.rig("web").agent_home("gates") / "where").read_text().strip())
        assert where.parent == kit.home.rig("web").scratch
        assert not where.exists()
        assert git(kit.clone_repo(), "worktree", "list").count("\n") == 0


async def test_a_red_gate_is_named_with_its_last_lines_and_all_of_it_is_kept(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    head = git(origin, "rev-parse", "main")
    async with kit.inside(origin) as container:
        red = await container.gates(gate_spec(kit, head, "true", "seq 1 500; exit 3", "touch $HOME/never"))
        assert (red.green, red.failed, red.exit_code, red.timed_out) == (False, "seq 1 500; exit 3", 3, False)
        assert red.tail.splitlines() == [str(n) for n in range(401, 501)]
        assert "\n17\n" in Path(red.log_path).read_text()
        assert not (kit.home.rig("web").agent_home("gates") / "never").exists()


async def test_a_gate_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    head = git(origin, "rev-parse", "main")
    async with kit.inside(origin) as container:
        hang = "echo hello; (setsid sleep 300 &); trap '' TERM; sleep 300"
        red = await container.gates(gate_spec(kit, head, hang, timeout_s=0.3))
        assert (red.green, red.exit_code, red.timed_out, red.tail) == (False, None, True, "hello")
        assert kit.marked() == []


async def test_gates_of_the_same_key_run_once(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    head = git(origin, "rev-parse", "main")
    async with kit.inside(origin) as container:
        spec = gate_spec(kit, head, "echo x >> $HOME/times; sleep 0.2")
        results = await asyncio.gather(*(container.gates(spec) for _ in range(3)))
        assert all(result.green for result in results)
        assert (kit.home.rig("web").agent_home("gates") / "times").read_text() == "x\n"


async def test_everything_works_over_the_wire(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.client(origin, FAST) as client:
        spec = kit.spec(works(a__txt="A"))
        await client.start(spec)
        await kit.exit_of(spec)
        await client.dispose(kit.disposal(spec, "ref"))
        made = await client.merge(merge_spec(spec))
        assert made.commit
        assert (await client.gates(gate_spec(kit, made.commit, "test -f a.txt"))).green
        assert (await client.push(PushSpec("web", "main", made.base, made.commit))).status == "landed"
        assert await client.is_landed("web", "main", made.commit)
        assert await client.head("web", "main") == (made.commit, made.tree)
        await client.retire_branch("web", spec.branch, spec.bead_id)
        assert await client.unmerged_branches("web", "main") == []
        assert "+A" in (await client.diff(DiffSpec("web", spec.bead_id, spec.branch, "main", landed=made.commit))).text
        assert "+A" in (await client.diff(DiffSpec("web", spec.bead_id, spec.branch, "main"))).text, "its kept tip"
        with pytest.raises(NotFoundError):
            await client.diff(DiffSpec("web", "another bead", spec.branch, "main"))
        assert "everything" in await client.pull("web", "main")
        await client.remove_rig("web")
        assert not kit.home.rig("web").root.exists()
