"""What an agent does to the shared clone, its worktree and its HOME, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from container_kit import Kit, git, push_to, repository, show, until

from boomtown.container.guard import Guard
from boomtown.container.merging import diff
from boomtown.container.protocol import DiffSpec
from boomtown.container.service import Container

COMMIT = "git add -A; git commit -qm Work"


async def tried(kit: Kit, container: Container, *tries: str, **changes: object) -> dict[str, str]:
    """Run each as the agent, after a commit of its own; answers what is said where it failed, "done" elsewhere."""
    lines = [f"echo work > work; {COMMIT}"]
    for number, words in enumerate(tries):
        lines.append(f"if said=$( ({words}) 2>&1 ); then echo {number} done; else echo {number} failed: $said; fi")
    spec = kit.spec("\n".join(lines), **changes)
    state = await kit.finish(container, spec)
    assert state.facts
    assert state.facts.own_commits == 1, kit.output(spec, "stderr")
    said = [str(line).partition(" ")[2] for line in kit.output(spec)]
    await container.dispose(kit.disposal(spec))
    return dict(zip(tries, said, strict=True))


async def test_refs_of_others_are_not_moved_by_a_worktree_or_a_push(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        neighbour = kit.spec(f"echo mine > mine; {COMMIT}; sleep 300")
        await container.start(neighbour)
        clone = container.clones.get("web")
        await until(lambda: clone.branch(neighbour.branch) != clone.ref("refs/remotes/origin/main"))
        repo, before = clone.repo, git(clone.repo, "for-each-ref")
        theirs = f"refs/heads/{neighbour.branch}"
        answers = await tried(
            kit,
            container,
            f"git update-ref {theirs} HEAD",
            f"git branch -f {neighbour.branch} HEAD",
            f"git update-ref -d {theirs}",
            f"git push {repo} HEAD:{theirs}",
            f"git push {repo} +HEAD:refs/heads/main",
            f"git --git-dir={repo} update-ref {theirs} HEAD",
            f"cd /; env -i PATH=$PATH git --git-dir={repo} update-ref -d {theirs}",
            f"env -i PATH=$PATH HOME=$HOME git update-ref {theirs} HEAD",
            "git config core.hooksPath /dev/null; git branch other",
            f"git symbolic-ref HEAD {theirs} && git commit --allow-empty -qm Mine",
            "git update-ref refs/remotes/origin/main HEAD",
            "git update-ref -d refs/remotes/origin/main",
            "git update-ref refs/boomtown/beads/x HEAD",
            f"git update-ref worktrees/{neighbour.worktree_slug}/HEAD HEAD",
            "git replace -f origin/main HEAD",
            "git tag v1",
            "git checkout -q -b polecat",
            "echo more > more; git stash -u",
            "git gc",
        )
        assert [words for words, said in answers.items() if said == "done"] == []
        assert "it moves only its own branch, polecat/cat2/" in answers[f"git update-ref {theirs} HEAD"]
        assert "Commit on your own branch" in answers["echo more > more; git stash -u"]
        ours = ("refs/heads/polecat/cat2/", "refs/boomtown/stray/")
        lines = [line for line in git(repo, "for-each-ref").splitlines() if not any(ref in line for ref in ours)]
        assert lines == before.splitlines()


async def test_what_agents_use_of_git_still_works(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    elsewhere = f"{tmp_path}/elsewhere"
    async with kit.inside(origin) as container:
        newest = push_to(origin, {"newest": "n"})
        for tag in ("v1", "v2"):
            git(origin, "tag", tag, newest)
        answers = await tried(
            kit,
            container,
            "git commit --amend -qm Better",
            'git fetch origin && test -n "$(git log ..origin/main)"',
            "git rebase -q origin/main && git reset -q --soft HEAD && git checkout -q --detach && git checkout -q -",
            "git bisect start HEAD HEAD~1 && git bisect reset",
            f"git init -q {elsewhere} && cd {elsewhere} && git commit -qm x --allow-empty && git branch b && git tag v",
            f"cd {elsewhere} && echo a > a && git add a && git stash && printf '#!/bin/sh\\ntouch hooked' >"
            " .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit && git commit -qm y --allow-empty && ls hooked",
        )
        assert set(answers.values()) == {"done"}, answers


async def test_nothing_that_an_agent_wrote_is_run_or_believed_by_the_towns_git(tmp_path: Path) -> None:
    files = {".gitattributes": "*.txt filter=evil diff=evil merge=evil\n", "a.txt": "a\n"}
    kit, origin = Kit(tmp_path), repository(tmp_path, files)
    trap = tmp_path / "sprung"
    evil = f"touch {trap}; cat"
    settings = {
        "filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil,
        "filter.evil.required": "true",
        "diff.evil.textconv": evil, "diff.evil.command": evil, "diff.external": evil, "merge.evil.driver": evil,
        "core.fsmonitor": evil, "core.sshCommand": evil, "core.editor": evil, "core.pager": evil, "core.askPass": evil,
        "core.gitProxy": evil, "core.alternateRefsCommand": evil, "credential.helper": f"!{evil}", "gpg.program": evil,
        "commit.gpgSign": "true", "core.attributesFile": f"{tmp_path}/evil", "core.worktree": "/",
        "include.path": f"{tmp_path}/evil",
        f"url.{tmp_path}/other.insteadOf": str(origin), "remote.town.uploadpack": evil, "remote.town.receivepack": evil,
        "remote.town.url": f"{tmp_path}/other", "extensions.worktreeConfig": "true", "alias.fetch": f"!{evil}",
        "uploadpack.packObjectsHook": evil, "sequence.editor": evil, "core.hooksPath": f"{tmp_path}/hooks",
    }  # fmt: skip
    script = "\n".join(
        [
            "common=$(git rev-parse --git-common-dir); record=$(git rev-parse --git-dir)",
            f"mkdir -p {tmp_path}/hooks $common/hooks evil.git",
            f"files=\"$common/config $record/config.worktree {tmp_path}/evil\"",
            *(f"for c in $files; do git config -f $c '{key}' '{value}'; done" for key, value in settings.items()),
            f"for h in post-checkout pre-commit post-merge reference-transaction pre-push post-index-change; do"
            f" printf '#!/bin/sh\\ntouch {trap}\\n' > {tmp_path}/hooks/$h; chmod +x {tmp_path}/hooks/$h;"
            f" cp {tmp_path}/hooks/$h $common/hooks/; cp {tmp_path}/hooks/$h $common/../hooks/; done",
            "cp -r $common/config evil.git/; echo $PWD/evil.git > $record/commondir",
            "mkdir -p $common/info; echo '* filter=evil' > $common/info/attributes",
            "git rev-parse HEAD > $common/shallow",
            "echo $PWD/evil.git > $common/objects/info/alternates",
            "echo dirty > a.txt; echo new > new.txt",
        ]
    )  # fmt: skip
    async with kit.inside(origin) as container:
        spec = kit.spec(script)
        await kit.finish(container, spec)
        trap.unlink(missing_ok=True)  # the agent's own git may spring it
        await container.start(kit.spec("sleep 300"))
        trap.unlink(missing_ok=True)
        diff = await container.trees("web").clone.base("main")
        assert diff == git(origin, "rev-parse", "main")
        kept = (await container.dispose(kit.disposal(spec))).wip_commit
        assert kept
        assert show(kit.clone_repo(), f"{kept}:a.txt") == "dirty"
        push_to(origin, {"b.txt": "b"})
        await kit.finish(container, kit.spec(f"{COMMIT}; true", fetch_max_age_s=0.0))
        repo = kit.clone_repo()
        assert not trap.exists()
        assert [
            name for name in ("shallow", "info/attributes", "objects/info/alternates") if (repo / name).exists()
        ] == []
        assert "evil" not in (repo / "config").read_text()


async def test_the_town_follows_no_link_and_waits_at_no_pipe_that_an_agent_left(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    secret = tmp_path / "secret"
    secret.mkdir()
    for name in ("polecat.md", "prompts/polecat.md", "id_rsa", "config", "git/config"):
        (secret / name).parent.mkdir(exist_ok=True)
        (secret / name).write_text("the user's own\n")
    before = {path: path.read_text() for path in secret.rglob("*") if path.is_file()}
    script = (
        f"echo a > a; {COMMIT}; rm -rf .boomtown; ln -s {secret} .boomtown; ln -s {secret}/id_rsa key;"
        f" ln -s {secret} folder; mkfifo pipe; record=$(git rev-parse --git-dir); git add -A;"
        " mkfifo $record/MERGE_HEAD;"
        f" rm $record/index; ln -s {secret}/id_rsa $record/index;"
        f" rm -rf ~/.config ~/.gitconfig; ln -s {secret} ~/.config; ln -s {secret}/id_rsa ~/.gitconfig"
    )
    async with kit.inside(origin) as container:
        spec = kit.spec(script)
        await kit.finish(container, spec)
        kept = (await container.dispose(kit.disposal(spec))).wip_commit
        assert kept
        files = git(kit.clone_repo(), "ls-tree", "-r", kept).splitlines()
        modes = {line.split("\t")[1]: line.split()[0] for line in files}
        assert {modes[name] for name in (".boomtown", "key", "folder")} == {"120000"}, "the links themselves are kept"
        assert not [name for name in modes if name.startswith(("folder/", ".boomtown/"))]
        again = kit.spec("cat", branch=spec.branch, bead_id=spec.bead_id, role="The home's own rules.")
        assert (await kit.finish(container, again)).exit_code == 0
        assert "The home's own rules." in kit.output(again)
        assert not [line for line in kit.output(again) if "the user's own" in str(line)]
        await container.dispose(kit.disposal(again))
        gone = kit.spec(f"here=$PWD; cd /; rm -rf $here; ln -s {secret} $here")
        await kit.finish(container, gone)
        assert (await container.dispose(kit.disposal(gone))).wip_commit is None
        assert not os.path.lexists(kit.worktree(gone))
    assert {path: path.read_text() for path in secret.rglob("*") if path.is_file()} == before


async def test_commits_whose_objects_are_elsewhere_end_a_run_and_harm_nobody(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = kit.spec(
            "mkdir -p ~/away; here=$(git rev-parse --git-common-dir)/objects; export GIT_OBJECT_DIRECTORY=$HOME/away"
            f" GIT_ALTERNATE_OBJECT_DIRECTORIES=$here; echo a > a; {COMMIT}"
        )
        state = await kit.finish(container, spec)
        assert state.state == "exited"
        other = kit.spec(f"echo b > b; {COMMIT}")
        facts = (await kit.finish(container, other)).facts
        assert facts
        assert facts.own_commits == 1
        await container.dispose(kit.disposal(other))
        assert state.facts
        assert (state.facts.own_commits, state.facts.dirty) == (0, True)
        kept = (await container.dispose(kit.disposal(spec))).wip_commit
        assert kept
        assert show(kit.clone_repo(), f"{kept}:a") == "a"


async def test_what_an_agent_writes_into_gits_own_files_moves_no_other_ref(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        clone = container.clones.get("web")
        neighbour = kit.spec(f"echo mine > mine; {COMMIT}; sleep 300")
        await container.start(neighbour)
        await until(lambda: clone.branch(neighbour.branch) not in (None, clone.ref("refs/remotes/origin/main")))
        theirs = clone.branch(neighbour.branch)
        for words in (
            f"git symbolic-ref refs/heads/$b refs/heads/{neighbour.branch}",
            f"printf '%s\\nupdate refs/heads/{neighbour.branch} %s\\n' $h $h > $r/HEAD",
            f"echo 'ref: refs/heads/{neighbour.branch}' > $r/HEAD",
            "echo --help > $r/HEAD; echo --help > $r/MERGE_HEAD",
            "rm $r/HEAD; mkfifo $r/HEAD; rm $r/index; mkfifo $r/index",
            "rm $r/../../refs/heads/$b; mkfifo $r/../../refs/heads/$b",
        ):
            begin = "b=$(git branch --show-current); h=$(git rev-parse HEAD); r=$(git rev-parse --git-dir)"
            spec = kit.spec(f"echo a > a; {COMMIT}; {begin}; echo left > left; {words}")
            await kit.finish(container, spec)
            await container.dispose(kit.disposal(spec))
            assert clone.branch(neighbour.branch) == theirs, words
            kept = [clone.branch(spec.branch), clone.ref(f"refs/boomtown/stray/{spec.run_id}")]
            files = [git(clone.repo, "ls-tree", "--name-only", commit) for commit in kept if commit]
            assert any("left" in names for names in files), words


async def test_a_link_in_the_place_of_an_index_is_not_copied_for_a_diff(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    (tmp_path / "id_rsa").write_text("the user's own\n")
    async with kit.inside(origin) as container:
        spec = kit.spec(
            f"echo a > a; git add -A; i=$(git rev-parse --git-dir)/index; mv $i ~/i; ln -s {tmp_path}/id_rsa $i;"
            " echo ready; sleep 300"
        )
        await container.start(spec)
        await until(lambda: "ready" in kit.output(spec))
        await container.clones.get("web").fetch()
        live = DiffSpec(spec.rig, spec.bead_id, spec.branch, spec.base_branch, spec.worktree_slug)
        found = await diff(container.trees("web"), live, await container.clones.get("web").base("main"))
        assert "+++ b/a" in found.text
        assert "the user's own" not in found.text


async def test_the_doctor_and_a_container_renew_one_clone_side_by_side(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        clone = container.clones.get("web")
        hook = clone.guard.hooks / "pre-push"

        def renew_often() -> bool:
            for _ in range(100):
                Guard(clone.paths).renew()
                if not hook.exists():
                    return False
            return True

        (clone.guard.hooks / "post-commit").write_text("an agent's")
        assert all(await asyncio.gather(*(asyncio.to_thread(renew_often) for _ in range(4))))
        assert sorted(path.name for path in clone.guard.hooks.iterdir()) == ["pre-push", "reference-transaction"]
