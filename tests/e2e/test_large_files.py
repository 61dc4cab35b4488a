"""Git LFS: large files come to agents and gates, and are on the remote before anything there names them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from towns import COMMAND, Town, git

OLD = b"old" * 40_000
AGENT = """
set -e
test "$(wc -c < old.bin)" = 120000
head -c 50000 /dev/urandom > new.bin
sha256sum new.bin > $CONTROL/new
git add --all
git commit --quiet --message "A new large file"
git config filter.lfs.clean "touch $CONTROL/astray; cat"
git config filter.lfs.process ""
head -c 60000 /dev/urandom > left.bin
sha256sum left.bin > $CONTROL/left
"""
"""Its git knows of LFS by itself; in the end it spoils that for others."""
LATER = """
set -e
test "$(wc -c < new.bin)" = 50000
head -c 70000 /dev/urandom > later.bin
git add --all && git commit --quiet --message "Another"
"""
DANGLING = """
mkdir -p $CONTROL/elsewhere/lfs/objects/00/00
printf 'large' > $CONTROL/elsewhere/lfs/objects/00/00/$(printf '%064d' 7)
git init --quiet --bare $CONTROL/elsewhere
printf '[lfs]\\n\\turl = file://%s/elsewhere\\n' $CONTROL > .lfsconfig
printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize 5\\n' $(printf '%064d' 7) > none.bin
git -c filter.lfs.clean= -c filter.lfs.process= -c filter.lfs.required=false add --all
git commit --quiet --message "Names what is nowhere"
"""
HOOK = """#!/bin/sh
while read -r _ new ref; do
  for name in $(git ls-tree -r --name-only "$new" | grep 'bin$'); do
    oid=$(git show "$new:$name" | sed -n 's/^oid sha256://p')
    [ -n "$oid" ] && find lfs/objects -name "$oid" | grep -q . || { echo "$name is not here" >&2; exit 1; }
  done
done
"""


def pointer(origin: Path, what: str) -> str:
    """The id in a pointer."""
    return next(line for line in git(origin, "show", what).splitlines() if "sha256:" in line).partition("sha256:")[2]


def stored(folder: Path, oid: str) -> bytes:
    return (folder / "objects" / oid[:2] / oid[2:4] / oid).read_bytes()


def with_large_files(town: Town) -> Path:
    """An origin that has one, and takes no pointer without its object."""
    work = town.folder / "adding.work"
    origin = town.repository("large", {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    git(town.folder, "clone", "--quiet", str(origin), str(work))
    git(work, "lfs", "install", "--local")
    (work / "old.bin").write_bytes(OLD)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "A large file")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    hook = origin / "hooks" / "pre-receive"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    return origin


def agents(town: Town, **scripts: str) -> None:
    lines = []
    for name, script in scripts.items():
        (town.folder / f"{name}.sh").write_text(script)
        command = json.dumps(["sh", str(town.folder / f"{name}.sh")])
        lines += [f"[agents.{name}]", f"command = {command}", f"env = {{ CONTROL = {json.dumps(str(town.control))} }}"]
    with (town.home / "config.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")


def test_large_files_come_to_agents_and_gates_and_land_with_their_contents(new_town: Callable[..., Town]) -> None:
    town = new_town()
    agents(town, large=AGENT, later=LATER, dangling=DANGLING)
    town.up()
    gate = "test $(wc -c < old.bin) = 120000 && { test ! -e new.bin || test $(wc -c < new.bin) = 50000; }"
    origin = with_large_files(town)
    added = town.ok("rig", "add", "web", str(origin), "--merge", "direct", "--gate", gate).out
    assert "boomtown rig set web lfs=true" in added
    assert town.run("rig", "check", "web").status == 1, "only the pointer is there"
    town.ok("rig", "set", "web", "lfs=true")
    assert town.ask("rig", "check", "web")["green"]

    bead = town.sling("large", "Add a large file")[0]
    landed = town.wait_for(bead, status="closed")
    assert [entry["outcome"] for entry in landed["attempt_log"]] == ["handed_on"], landed["attempt_log"]
    oid, said = pointer(origin, "main:new.bin"), (town.control / "new").read_text().split()[0]
    assert (oid, hashlib.sha256(stored(origin / "lfs", oid)).hexdigest()) == (said, said)
    store = town.home / "rigs" / "web" / "repo.git"
    left = pointer(store, git(store, "for-each-ref", "--format=%(refname)", "refs/boomtown/wip").strip() + ":left.bin")
    assert left == (town.control / "left").read_text().split()[0]
    assert len(stored(store / "lfs", left)) == 60000, "what was not committed is kept, too"
    assert not (town.control / "astray").exists(), "the town runs no filter that an agent made"

    second = town.sling("later", "Add another")[0]
    town.wait_for(second, status="closed")
    assert len(stored(origin / "lfs", pointer(origin, "main:later.bin"))) == 70000
    town.ok("rig", "set", "web", "gates=[]")
    nowhere = town.sling("dangling", "Name what is nowhere")[0]
    refused = town.wait_for(nowhere, merge="remote_refused")
    assert "that are nowhere: 00000000" in refused["merge"]["error"], "nothing is asked where a branch says"
    assert refused["attempts"] == 0


def test_a_machine_without_git_lfs_says_so_with_the_cure(new_town: Callable[..., Town]) -> None:
    town = new_town()
    origin = with_large_files(town)
    programs = town.folder / "programs"
    programs.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name != "git-lfs" and not os.path.lexists(programs / program.name):
                (programs / program.name).symlink_to(program)
    town.environment["PATH"] = f"{COMMAND.parent}:{programs}"
    town.up()
    town.rig("web", "--gate", "true", origin=origin)
    town.ok("rig", "set", "web", "lfs=true")
    bead = town.sling("quick", "Work")[0]
    waiting = town.wait_for(bead, status="open", queue_reason="paused")
    assert "git-lfs is not installed. Install it" in waiting["queue_detail"]
    assert waiting["attempts"] == 0
    [found] = [finding for finding in town.run("doctor", "--json").json if finding["check"] == "git-lfs"]
    assert (found["ok"], "apt-get install git-lfs" in found["cure"]) == (False, True)
    town.ok("rig", "set", "web", "lfs=false")
    town.wait_for(bead, status="closed")
