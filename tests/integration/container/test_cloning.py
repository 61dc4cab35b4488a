"""`rig add`: what is taken, what is refused, and what a person is told."""

import os
from pathlib import Path

import pytest
from container_kit import Kit, commit, git, push_to, repository, write

from boomtown.container import git as container_git
from boomtown.container.clones import PUSH_REFUSAL
from boomtown.container.git import check_git, scrub
from boomtown.container.protocol import CloneSpec
from boomtown.container.service import Container
from boomtown.container.urls import check_url
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError, UnavailableError


async def refusal(kit: Kit, container: Container, url: str, branch: str | None = None) -> BoomtownError:
    """The error of a `rig add` that leaves nothing."""
    with pytest.raises(BoomtownError) as caught:
        await container.clone(CloneSpec("web", url, branch))
    assert not kit.home.rig("web").root.exists()
    assert container.clones.names() == []
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "  ",
        "-oProxyCommand=x",
        "--upload-pack=x",
        "ext::sh -c x",
        "fd::3",
        "ftp://host/x",
        "https://",
        "ssh://-x/y",
        "a\nb",
    ],
)
def test_urls_that_git_would_take_for_something_else_are_refused(url: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_url(url)
    assert caught.value.field == "gitUrl"


@pytest.mark.parametrize("url", ["https://host/x.git", "ssh://git@host:22/x", "git@host:me/x.git", "host.example:x"])
def test_urls_of_remotes_are_taken_as_they_are(url: str) -> None:
    assert check_url(url) == url


def test_a_relative_path_becomes_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repo").mkdir()
    assert check_url("./repo") == str(tmp_path / "repo")
    assert check_url("repo") == str(tmp_path / "repo")
    with pytest.raises(BadInputError, match="nothing at"):
        check_url("./missing")


def test_a_refusal_does_not_repeat_credentials() -> None:
    with pytest.raises(BadInputError) as caught:
        check_url("ftp://me:hunter2@host/x")
    assert "hunter2" not in caught.value.message
    assert scrub("fatal: https://me:hunter2@host/x not found") == "fatal: https://host/x not found"


async def test_a_clone_knows_its_default_branch(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, branch="trunk")
    async with kit.inside() as container:
        result = await container.clone(CloneSpec("web", str(origin)))
        assert (result.default_branch, result.head) == ("trunk", git(origin, "rev-parse", "trunk"))
        assert result.notes == ()
        assert await container.clone(CloneSpec("web", str(origin))) == result, "asked again, the same answer"
        with pytest.raises(ConflictError):
            await container.clone(CloneSpec("web", str(repository(tmp_path / "other"))))


async def test_a_file_url_is_a_local_repository(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    async with kit.inside() as container:
        result = await container.clone(CloneSpec("web", f"file://{origin}"))
        assert any("boomtown/main" in note for note in result.notes)


async def test_a_branch_may_be_named(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    git(origin, "branch", "release/1", "main")
    async with kit.inside() as container:
        error = await refusal(kit, container, str(origin), "nope")
        assert "release/1" in error.message
        assert "nope" in error.message
        assert "no name" in (await refusal(kit, container, str(origin), "--all")).message
        assert (await container.clone(CloneSpec("web", str(origin), "release/1"))).default_branch == "release/1"


async def test_a_detached_head_asks_for_a_branch(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    git(origin, "checkout", "--quiet", "--detach")
    async with kit.inside() as container:
        assert "--branch" in (await refusal(kit, container, str(origin))).message


async def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    (tmp_path / "plain").mkdir()
    async with kit.inside() as container:
        assert isinstance(await refusal(kit, container, str(tmp_path / "plain")), BadInputError)
        assert isinstance(await refusal(kit, container, str(tmp_path / "missing")), BadInputError)
        error = await refusal(kit, container, "http://me:hunter2@127.0.0.1:9/x.git")
        assert isinstance(error, UnavailableError)
        assert "hunter2" not in error.message


async def test_branches_that_are_in_the_way_are_refused(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    git(origin, "branch", "polecat", "main")
    async with kit.inside() as container:
        assert "'polecat'" in (await refusal(kit, container, str(origin))).message
    local = repository(tmp_path / "local", bare=False)
    git(local, "branch", "boomtown", "main")
    async with kit.inside() as container:
        assert "'boomtown'" in (await refusal(kit, container, str(local))).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_repository_without_the_right_to_push_is_refused(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    (origin / "objects").chmod(0o500)
    async with kit.inside() as container:
        assert "pushed to" in (await refusal(kit, container, str(origin))).message
    (origin / "objects").chmod(0o700)


async def test_a_remote_that_does_not_take_pushes_is_refused(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside() as container:
        url = f"ssh://git@host.invalid{origin}"
        os.environ["GIT_SSH_COMMAND"] = _only_fetch(tmp_path)
        try:
            container.git = container_git.Git(container.processes, kit.home_id)
            container.clones._git = container.git
            error = await refusal(kit, container, url)
        finally:
            del os.environ["GIT_SSH_COMMAND"]
        assert "no push for you" in error.message


def _only_fetch(where: Path) -> str:
    """A stand-in for ssh that runs the remote's command here, unless it is for a push."""
    script = where / "ssh"
    script.write_text(
        '#!/bin/sh\nfor last; do :; done\ncase "$last" in\n*receive-pack*) echo "no push for you" >&2; exit 1;;\nesac\n'
        'eval "$last"\n'
    )
    script.chmod(0o755)
    return str(script)


async def test_notes_say_what_polecats_will_not_see(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, bare=False)
    commit(origin, {".gitattributes": "*.bin filter=lfs diff=lfs\n", ".gitmodules": '[submodule "x"]\n\tpath = x\n'})
    git(origin, "checkout", "--quiet", "-b", "feature")
    commit(origin, {"f.txt": "f"})
    git(origin, "checkout", "--quiet", "main")
    write(origin, {"new file.txt": "n"})
    async with kit.inside() as container:
        notes = " ".join((await container.clone(CloneSpec("web", str(origin)))).notes)
    for word in ("1 file in", "feature", "LFS", "submodules", "boomtown pull web"):
        assert word in notes, notes


# what agents can do with it


async def test_git_push_in_a_worktree_is_refused_with_the_sentence(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    before = git(origin, "for-each-ref")
    pushes = ("", "origin HEAD", "--force origin HEAD:main", "--no-verify", f"{origin} HEAD:refs/heads/x", "--dry-run")
    script = "git commit -q --allow-empty -m x; " + "; ".join(
        f"git push {how} 2> err && echo pushed; grep -c '{PUSH_REFUSAL}' err" for how in pushes
    )
    async with kit.inside(origin) as container:
        spec = kit.spec(script)
        await kit.finish(container, spec)
        said = kit.output(spec)
    assert "pushed" not in said
    assert len(said) == len(pushes)
    assert all(int(str(count)) > 0 for count in said)
    assert git(origin, "for-each-ref") == before


async def test_credentials_of_the_url_are_not_in_the_clone(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        clone = container.clones.get("web")
        clone.set_up("https://me:hunter2@git.example/x.git", "sha1")
        config = (clone.repo / "config").read_text()
        assert "hunter2" not in config
        assert "https://git.example/x.git" in config


async def test_configuration_that_an_agent_wrote_is_not_obeyed(tmp_path: Path) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path, {".gitattributes": "*.txt filter=evil\n", "a.txt": "a\n"})
    trap = tmp_path / "sprung"
    script = (
        f"git config filter.evil.clean 'touch {trap}; cat'; git config filter.evil.smudge 'touch {trap}; cat';"
        f"git config core.fsmonitor 'touch {trap}'; git config core.hooksPath {tmp_path}/hooks;"
        f"git config remote.origin.url {tmp_path}/other; mkdir -p {tmp_path}/hooks;"
        f"for h in post-checkout pre-commit post-merge reference-transaction; do"
        f" printf '#!/bin/sh\\ntouch {trap}\\n' > {tmp_path}/hooks/$h; chmod +x {tmp_path}/hooks/$h;"
        f" cp {tmp_path}/hooks/$h $(git rev-parse --git-common-dir)/hooks/; done; rm -f {trap}; echo dirty > a.txt"
    )
    async with kit.inside(origin) as container:
        spec = kit.spec(script)
        await kit.finish(container, spec)
        trap.unlink(missing_ok=True)  # the agent's own git may spring it
        assert (await container.dispose(kit.disposal(spec))).wip_commit
        push_to(origin, {"b.txt": "b"})
        await kit.finish(container, kit.spec("true", fetch_max_age_s=0.0))
        assert not trap.exists()


# git itself


def test_an_old_or_missing_git_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_git()[0].isdigit()
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 2.25.1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(UnavailableError, match=r"2\.25\.1 is too old"):
        check_git()
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UnavailableError, match="not installed"):
        check_git()
