"""`boomtown try`: what a bead has come to, running at an address of its own, and gone without a trace."""

from __future__ import annotations

import re
import signal
import urllib.request
from urllib.error import URLError

from towns import Town, alive, eventually

SERVE = "echo $$ > pid; exec python3 -m http.server $PORT --bind 127.0.0.1"


def test_a_bead_is_run_from_its_branch_and_leaves_nothing(town: Town) -> None:
    town.rig("web", "--merge", "review")
    (bead,) = town.sling("quick", "Work")
    town.wait_for(bead, merge="approval")
    assert "rig set web run=" in town.fails("try", bead)
    town.ok("rig", "set", "web", f"run={SERVE}", 'setup=["echo made > made.txt"]')
    process = town.start("try", bead)
    assert process.stdout
    lines = iter(process.stdout.readline, "")
    url = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))

    def read(name: str) -> bytes | None:
        try:
            return urllib.request.urlopen(f"{url}/{name}", timeout=5).read()
        except URLError:
            return None

    assert eventually(lambda: read("made.txt"), "it answers") == b"made\n"
    assert read(f"{bead}.txt") == b"by Toast\n"
    pid = int(read("pid") or b"0")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not alive(pid)
    scratch = town.home / "rigs" / "web" / "worktrees" / "scratch"
    eventually(lambda: not list(scratch.glob("try-*")), "its worktree is gone")
    assert town.bead(bead)["merge"]["status"] == "approval"


def test_a_bead_without_a_branch_and_a_setup_that_fails_are_said(town: Town) -> None:
    town.rig()
    town.ok("rig", "set", "web", "run=exit 0")
    (held,) = town.sling("quick", "Later", options=("--hold",))
    assert "no branch yet" in town.fails("try", held)
    (bead,) = town.sling("quick", "Work")
    town.wait_for(bead, status="closed")
    assert town.run("try", bead).status == 0
    town.ok("rig", "set", "web", 'setup=["exit 3"]')
    ran = town.run("try", bead)
    assert (ran.status, "`exit 3` ended with status 3" in ran.err) == (1, True)
