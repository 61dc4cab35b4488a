"""kill -9 of the server, of the container, of both; a container that stands still: nothing is lost or started twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable

import psutil
from towns import Town, alive, eventually


def five_at_work(town: Town) -> list[str]:
    town.rig()
    ids = town.sling("waits", *(f"Task {number}" for number in range(5)))
    eventually(lambda: len(town.live_runs()) == 5, "five agents run")
    return ids


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)
    if number == signal.SIGKILL:
        eventually(lambda: not alive(pid), f"{pid} is gone")


def test_agents_outlive_the_server_and_a_new_one_attaches(town: Town) -> None:
    ids = five_at_work(town)
    url, container = town.url, town.container_pid
    kill(town.server_pid)
    assert "boomtown up" in town.fails("status")
    assert len(town.live_runs()) == 5
    town.up()
    assert (town.url, town.container_pid) == (url, container), "the same port, the same container"
    assert len(town.live_runs()) == 5
    town.go()
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids), "nothing was started twice"


def test_an_agent_that_is_done_while_the_server_is_away_waits_for_it(town: Town) -> None:
    town.rig()
    bead = town.sling("tells", "Work")[0]
    town.said(f"prompt.{bead}")
    kill(town.server_pid)
    town.go()
    (run,) = town.runs()
    eventually(lambda: not alive(run.pid), "it ended while nobody listened")
    town.up()
    town.wait_for(bead, status="closed")
    assert len(town.runs()) == 1


def test_restart_replaces_the_server_while_agents_work(town: Town) -> None:
    ids = five_at_work(town)
    url, server, container = town.url, town.server_pid, town.container_pid
    town.ok("restart")
    assert town.server_pid != server
    assert (town.url, town.container_pid) == (url, container)
    town.go()
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids)


def test_a_killed_container_leaves_no_survivor_and_its_beads_are_finished(town: Town) -> None:
    ids = five_at_work(town)
    agents = [run.pid for run in town.live_runs()]
    (town.live_runs()[0].worktree / "half.txt").write_text("half\n")
    container = town.container_pid
    kill(container)
    eventually(lambda: not any(alive(pid) for pid in agents), "no agent survives")
    eventually(lambda: len(town.live_runs()) == 5, "all five run again")
    assert not psutil.pid_exists(container), "not even a zombie is left of it"
    for bead_id in ids:
        assert [entry["outcome"] for entry in town.bead(bead_id)["attempt_log"]] == ["container_lost"]
        assert town.bead(bead_id)["attempts"] == 0
    assert any((run.worktree / "half.txt").exists() for run in town.live_runs()), "uncommitted work was kept"
    town.go()
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids * 2)


def test_both_killed(town: Town) -> None:
    ids = five_at_work(town)
    agents = [run.pid for run in town.live_runs()]
    server, container = town.server_pid, town.container_pid
    kill(server)
    kill(container)
    town.up()
    eventually(lambda: not any(alive(pid) for pid in agents), "no agent survives")
    town.go()
    town.all_closed()
    assert {run.bead_id for run in town.runs()} == set(ids)


def test_a_container_that_stands_still_is_replaced(new_town: Callable[..., Town]) -> None:
    town = new_town(silence_after=8)
    town.up()
    ids = five_at_work(town)
    agents, container = [run.pid for run in town.live_runs()], town.container_pid
    kill(container, signal.SIGSTOP)
    eventually(lambda: town.container_pid != container and len(town.live_runs()) == 5, "a successor runs them again")
    assert not alive(container)
    assert not any(alive(pid) for pid in agents)
    town.go()
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids * 2)


def test_down_keeps_work_and_the_next_up_goes_on(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Wait")[0]
    eventually(town.live_runs, "it runs")
    (town.live_runs()[0].worktree / "half.txt").write_text("half\n")
    town.down()
    assert town.processes() == []
    assert town.worktrees() == []
    town.go()
    town.up()
    done = town.wait_for(bead, status="closed")
    assert done["attempts"] == 0
    assert [entry["outcome"] for entry in done["attempt_log"]] == ["down", "handed_on"]


def test_ctrl_c_of_a_server_in_the_foreground_is_down(new_town: Callable[..., Town]) -> None:
    town = new_town()
    process = town.start("up", "--port", "0")
    eventually((town.home / "server.json").exists, "it is up")
    assert "http://127.0.0.1:" in (process.stdout.readline() if process.stdout else "")
    town.rig()
    town.sling("waits", "Wait")
    eventually(town.live_runs, "it runs")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert town.processes() == []
