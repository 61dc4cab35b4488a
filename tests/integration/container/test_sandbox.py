"""What a program can do in a sandbox, and what it can't; tried by one that wants to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from container_kit import Kit, git, repository, until

from boomtown.container import runs
from boomtown.container.protocol import GateSpec, Surroundings
from boomtown.container.sandbox import BWRAP, LANDLOCK, NONE, choose, probe
from boomtown.domain.errors import UnavailableError

COMMIT = "git add -A; git commit -qm Work"
KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(kind not in probe(), reason=f"{kind} does not work here"))
    for kind in (BWRAP, LANDLOCK)
]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own HOME, with something in it."""
    home = tmp_path / "user"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("the user's own\n")
    (home / "toolchain").mkdir()
    (home / "toolchain" / "tool").write_text("a tool\n")
    monkeypatch.setenv("HOME", str(home))
    return home


def said(kit: Kit, spec: object) -> dict[str, str]:
    """What the agent printed, `name: answer` a line."""
    lines = [str(line) for line in kit.output(spec)]  # type: ignore[arg-type]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hostile_program_reaches_only_its_own(tmp_path: Path, user: Path, kind: str) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    around = Surroundings(sandbox=kind, sandbox_read=(str(user / "toolchain"),))
    async with kit.inside(origin) as container:
        secret = {"PATH": os.environ["PATH"], "GASTOWN_SESSION_TOKEN": "secret-of-the-neighbour"}
        neighbour = kit.spec(f"echo mine > mine; {COMMIT}; echo ready; exec sleep 300", around=around, env=secret)
        await container.start(neighbour)
        await until(lambda: "ready" in kit.output(neighbour))
        theirs = container.hello().runs[0].pid
        root = container.clones.get("web").paths.root
        repo, before = root / "repo.git", git(root / "repo.git", "for-each-ref")
        tries = {
            "user": f"cat {user}/.ssh/id_rsa; ls {user}/.ssh",
            "home": f"ls {kit.home.root}/logs; cat {kit.home.root}/clone.config",
            "worktree": f"echo x > {kit.worktree(neighbour)}/mine",
            "their-home": f"ls {root}/homes/{neighbour.bead_id}",
            "origin": f"git push {origin} HEAD:main; echo x > {origin}/description",
            "branch": f"echo $(git rev-parse HEAD) > {repo}/refs/heads/{neighbour.branch}",
            "default": f"echo $(git rev-parse HEAD) > {repo}/refs/remotes/origin/main",
            "forged": f"env -i PATH=$PATH git -c core.hooksPath= update-ref refs/heads/{neighbour.branch} HEAD",
            "config": "git config core.fsmonitor evil",
            "hooks": f"echo evil > {root}/hooks/pre-push; mkdir {repo}/hooks",
            "link": f"ln -s {user}/.ssh/id_rsa key; cat key",
            "environment": "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep of-the-neighbour",
            "signal": f"kill -0 {theirs}",
            "system": "touch /etc/owned /usr/owned",
        }
        works = {
            "own": f"echo own > own && {COMMIT.replace(';', ' &&')} && git log -1 --format=%s",
            "temporary": "mktemp && echo x > ~/file && cat ~/file",
            "tools": f"cat {user}/toolchain/tool",
            "python": f"{sys.executable} -c 'import boomtown'",
        }
        lines = [f"if ( {words} ) >/dev/null 2>&1; then echo {name}: done; else echo {name}: failed; fi"
                 for name, words in (tries | works).items()]  # fmt: skip
        spec = kit.spec("\n".join(lines), around=around)
        state = await kit.finish(container, spec)
        answers = said(kit, spec)
        assert {name for name, answer in answers.items() if answer == "done"} == set(works), kit.output(spec, "stderr")
        assert len(answers) == len(tries) + len(works)
        assert state.facts
        assert state.facts.own_commits == 1
        after = [line for line in git(repo, "for-each-ref").splitlines() if spec.branch not in line]
        assert after == before.splitlines()
        assert not Path("/etc/owned").exists()
        assert (kit.worktree(neighbour) / "mine").read_text() == "mine\n"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_program_in_a_sandbox_is_spoken_with_stopped_and_ends_as_outside(tmp_path: Path, kind: str) -> None:
    kit, origin = Kit(tmp_path), repository(tmp_path)
    around = Surroundings(sandbox=kind, setup=("echo set up > ~/ready",))
    async with kit.inside(origin) as container:
        spec = kit.spec("cat; cat ~/ready; exit 3", around=around)
        assert (await kit.finish(container, spec)).exit_code == 3
        assert kit.output(spec)[-2:] == ["Do it.", "set up"]
        patient = kit.spec(
            "trap 'echo asked to end; exit 0' TERM; echo ready; while :; do sleep 0.1; done", around=around
        )
        await container.start(patient)
        await until(lambda: "ready" in kit.output(patient))
        container.stop(patient.run_id, 30.0, False)
        await until(
            lambda: any(run.run_id == patient.run_id and run.state == "exited" for run in container.hello().runs)
        )
        assert "asked to end" in kit.output(patient)
        hidden = kit.spec("setsid sh -c 'sleep 300' & echo ready; sleep 300", around=around)
        await container.start(hidden)
        await until(lambda: "ready" in kit.output(hidden))
        container.stop(hidden.run_id, 0.0, False)
        await until(lambda: not kit.marked())


@pytest.mark.parametrize("kind", KINDS)
async def test_gates_run_what_agents_wrote_in_a_sandbox_too(tmp_path: Path, user: Path, kind: str) -> None:
    kit, origin = (
        Kit(tmp_path),
        repository(tmp_path, {"test.sh": f"! cat {user}/.ssh/id_rsa && echo x > made && cat made\n"}),
    )
    async with kit.inside(origin) as container:
        spec = GateSpec(
            rig="web",
            key="k",
            commit=git(origin, "rev-parse", "main"),
            gates=("sh test.sh", "git log --oneline", "! ls " + str(kit.home.root / "logs")),
            timeout_s=60.0,
            env={"PATH": os.environ["PATH"]},
            log_path=str(tmp_path / "gate.log"),
            around=Surroundings(sandbox=kind),
        )
        result = await container.gates(spec)
        assert result.green, result.tail
        assert "the user's own" not in (tmp_path / "gate.log").read_text()


async def test_a_sandbox_that_does_not_work_here_starts_nothing_and_auto_takes_what_there_is(tmp_path: Path) -> None:
    assert [choose("auto", works) for works in ((), (LANDLOCK,), (BWRAP, LANDLOCK))] == [NONE, LANDLOCK, BWRAP]
    assert choose("none", (BWRAP,)) == NONE
    with pytest.raises(UnavailableError, match='sandbox = "auto"'):
        choose(BWRAP, (LANDLOCK,))
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        state = await kit.finish(container, kit.spec("true", around=Surroundings(sandbox="no-such")))
        assert state.start_failed
        assert "no-such" in (state.error or "")


async def test_a_run_that_starts_processes_without_end_is_ended_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MOST_PROCESSES", 100)
    kit, origin = Kit(tmp_path), repository(tmp_path)
    async with kit.inside(origin) as container:
        spec = kit.spec("i=0; while [ $i -lt 200 ]; do sleep 300 & i=$((i+1)); done; wait")
        state = await kit.finish(container, spec)
        assert "more than 100 processes" in (state.error or "")
        await until(lambda: not kit.marked())
