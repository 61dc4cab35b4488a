"""Commands that stay: --wait, --watch, --follow, watch, path; and how little a read command loads."""

from __future__ import annotations

import signal
import subprocess
import sys

from towns import Town, eventually


def finish(process: subprocess.Popen[str], timeout_s: float = 60) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout_s)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_wait_ends_well_when_all_is_closed(town: Town) -> None:
    town.rig()
    ran = town.ok("sling", "web", "One", "Two", "--agent", "quick", "--wait")
    assert ran.out.splitlines()[-1] == "All 2 closed."
    assert "Toast" in ran.out
    answer = town.ok("sling", "web", "Three", "--agent", "quick", "--wait", "--json").json
    assert [result["bead"]["status"] for result in answer["results"]] == ["closed"]


def test_wait_ends_as_soon_as_nothing_moves_without_a_person(town: Town) -> None:
    town.rig("web", "--merge", "review")
    ran = town.run("sling", "web", "Review me", "--agent", "quick", "--wait")
    assert ran.status == 1
    assert "boomtown diff" in ran.out
    held = town.run("sling", "web", "Hold me", "--agent", "quick", "--hold", "--wait")
    assert (held.status, "bead start" in held.out) == (1, True)


def test_wait_ends_when_a_bead_fails_and_takes_others_with_it(town: Town) -> None:
    town.rig()
    lines = '{"title": "Crash", "agent": "crashes"}\n{"title": "After it", "agent": "quick", "depends_on": [0]}\n'
    ran = town.run("sling", "web", "--file", "-", "--wait", stdin=lines)
    assert ran.status == 1
    assert "0 of 2 closed" in ran.out
    assert "bead retry" in ran.out


def test_wait_outlives_a_restart_of_the_server(town: Town) -> None:
    town.rig()
    process = town.start("sling", "web", "Wait", "--agent", "waits", "--wait")
    eventually(town.live_runs, "it runs")
    town.ok("restart")
    town.go()
    assert finish(process)[0] == 0


def test_watch_of_a_sling_shows_what_agents_print(town: Town) -> None:
    town.rig()
    ran = town.run("sling", "web", "Idle", "--agent", "idles", "--watch")
    assert ran.status == 1
    assert "I could not find anything to do." in ran.out


def test_following_a_log_ends_with_the_run(town: Town) -> None:
    town.rig()
    bead = town.sling("tells", "Work")[0]
    process = town.start("log", bead, "--follow")
    town.said(f"prompt.{bead}")
    town.go()
    assert finish(process)[0] == 0


def test_watch_and_events_follow_until_interrupted(town: Town) -> None:
    town.rig()
    watch, events = town.start("watch", "web"), town.start("events", "web", "--follow", "--json")
    lines: list[str] = []
    while not any('"merge.merged"' in line or '"bead.closed"' in line for line in lines):
        if not lines:
            town.sling("idles", "Idle")
            town.sling("quick", "Quick")
        assert events.stdout is not None
        lines.append(events.stdout.readline())
    assert watch.stdout is not None
    assert "I could not find anything to do." in watch.stdout.readline()
    for process in (watch, events):
        process.send_signal(signal.SIGINT)
        status, _, err = finish(process)
        assert status == 130
        assert err == ""


def test_path_is_the_worktree_of_a_live_run(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Wait")[0]
    eventually(town.live_runs, "it runs")
    assert town.ok("path", "Toast").out.strip() == str(town.live_runs()[0].worktree)
    assert town.ask("path", bead)["path"] == str(town.live_runs()[0].worktree)


def test_a_read_command_loads_nothing_that_takes_long(town: Town) -> None:
    """`bench rest` says what each takes; most of it is what it imports."""
    town.rig()
    town.sling("waits", "Wait")
    tell = "import sys; from boomtown.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    for words in (["status"], ["beads", "web"], ["polecats"], ["bead", "show", "Toast"], ["agent", "list"]):
        command = [sys.executable, "-c", tell, *words]
        ran = subprocess.run(command, env=town.environment, check=True, capture_output=True, text=True)
        loaded = {name.partition(".")[0] for name in ran.stderr.split()}
        assert loaded & {"structlog", "rich", "pydantic", "sqlalchemy", "starlette", "acp", "httpx"} == set(), words


def test_the_transcripts_of_a_bead_are_searched_and_exported_over_all_its_runs(town: Town) -> None:
    town.rig()
    (bead,) = town.sling("idles", "Look for it")
    town.wait_for(bead, status="open", queue_reason="held")
    hits = town.ask("log", bead, "--search", "COULD NOT")
    assert [(hit["attempt"], hit["data"]) for hit in hits] == [(n, "I could not find anything to do.") for n in (1, 2)]
    assert town.run("log", bead, "--search", "nowhere").status == 1
    whole = town.ok("log", bead, "--export", "json").json
    assert [run["attempt"] for run in whole["runs"]] == [1, 2]
    assert whole["bead"]["id"] == bead
    text = town.ok("log", bead, "--export", "markdown").out
    assert text.startswith("# Look for it\n")
    assert text.count("```text\nI could not find anything to do.\n```") == 2
    one = town.ok("log", whole["runs"][0]["run_id"], "--export", "markdown").out
    assert one.count("could not find") == 1
    town.fails("log", bead, "--follow", "--search", "x", status=2)
