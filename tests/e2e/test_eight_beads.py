"""Eight beads, five at a time: exactly five processes, then all landed, then nothing left."""

from __future__ import annotations

from collections.abc import Callable

from towns import Town, eventually, git

FIRST_FIVE = ["Toast", "Maple", "Birch", "Shadow", "Copper"]


def test_eight_beads_five_at_a_time_all_landed(town: Town) -> None:
    origin = town.rig()
    ids = town.sling("waits", *(f"Task {number}" for number in range(8)))

    eventually(lambda: len(town.live_runs()) == 5, "five agents run")
    live = town.live_runs()
    assert sorted(run.name for run in live) == sorted(FIRST_FIVE)
    assert len({run.pid for run in live}) == 5
    assert len({run.worktree for run in live}) == 5
    assert {run.bead_id for run in live} == set(ids[:5])

    agents = town.ask("polecats", "web")
    assert [agent["name"] for agent in agents] == FIRST_FIVE
    assert len({agent["branch"] for agent in agents}) == 5
    beads = {bead["id"]: bead for bead in town.beads()}
    assert [beads[bead]["assignee"] for bead in ids[:5]] == FIRST_FIVE
    assert [(beads[bead]["queue_reason"], beads[bead]["queue_position"]) for bead in ids[5:]] == [
        ("cap", 1), ("cap", 2), ("cap", 3),
    ]  # fmt: skip
    assert "5 of 5 slots busy, 1st in line" in town.ok("beads", "web").out

    most = 0
    for bead_id in ids:
        town.go(f"go.{bead_id}")
        most = max(most, len(town.live_runs()))
    assert most <= 5
    closed = town.all_closed()

    assert len(closed) == 8
    log = git(origin, "log", "--format=%B%x00", "main").split("\0")
    assert len([message for message in log if message.strip()]) == 9, "one commit a bead, and the first"
    assert sorted(bead["id"] for bead in closed) == sorted(
        line.removeprefix("Bead: ") for message in log for line in message.splitlines() if line.startswith("Bead: ")
    )
    assert town.ask("polecats", "web") == []
    assert town.live_runs() == []
    eventually(lambda: town.worktrees() == [], "all worktrees are gone")
    assert "polecat/" not in git(origin, "branch", "--all")


def test_never_six(town: Town) -> None:
    town.rig()
    town.sling("works", *(f"Task {number}" for number in range(12)))
    most = 0

    def watched() -> bool:
        nonlocal most
        most = max(most, len(town.live_runs()))
        return all(bead["status"] == "closed" for bead in town.beads())

    eventually(watched, "all twelve are closed", 90)
    assert most <= 5
    spans = [(one["started_at"], one["ended_at"]) for bead in town.beads() for one in bead["attempt_log"]]
    at_once = [sum(begun <= moment < ended for begun, ended in spans) for moment, _ in spans]
    assert len(spans) == 12
    assert max(at_once) <= 5


def test_names_are_used_again_and_never_collide(town: Town) -> None:
    town.rig("web", "--max-polecats", "25")
    first = town.sling("quick", "First")[0]
    town.wait_for(first, status="closed")
    again = town.sling("waits", "Again")[0]
    assert town.bead(again)["assignee"] == "Toast"

    def heard_of() -> dict[str, str] | None:
        (agent,) = town.ask("polecats", "web")
        return agent if agent["heartbeat_at"] else None

    agent = eventually(heard_of, "a sign of life of the new run")
    assert agent["heartbeat_at"] >= agent["started_at"]
    more = town.sling("waits", *(f"Task {number}" for number in range(24)))
    names = [bead["assignee"] for bead in town.beads() if bead["id"] in {again, *more}]
    assert len(set(names)) == 25
    assert names[0] == "Toast"
    assert names[-5:] == [f"Polecat-{number}" for number in range(21, 26)]
    branches = {bead["branch"] for bead in town.beads() if bead["status"] == "in_progress"}
    assert "polecat/polecat-25/" + names_to_prefix(town, "Polecat-25") in branches
    town.go()
    town.all_closed()


def names_to_prefix(town: Town, name: str) -> str:
    return town.bead(name)["id"][:6]


def test_dependencies_start_when_their_last_blocker_is_closed(town: Town) -> None:
    town.rig()
    one, two = town.sling("waits", "One", "Two")
    after = town.sling("quick", "After both", options=("--after", one, "--after", two[:8]))[0]
    held = town.bead(after)
    assert (held["status"], held["queue_reason"], sorted(held["blocked_by"])) == ("open", "blocked", sorted([one, two]))
    town.go(f"go.{one}")
    town.wait_for(one, status="closed")
    assert town.bead(after)["blocked_by"] == [two]
    town.go()
    town.wait_for(after, status="closed")


def test_hold_and_start_pause_and_resume(town: Town) -> None:
    town.rig()
    held = town.sling("quick", "Held", options=("--hold",))[0]
    assert town.bead(held)["queue_reason"] == "held"
    town.ok("pause", "web")
    town.ok("bead", "start", held)
    paused = town.bead(held)
    assert (paused["status"], paused["queue_reason"]) == ("open", "paused")
    town.ok("resume", "web")
    town.wait_for(held, status="closed")


def test_stop_cancel_retry_and_edit(town: Town) -> None:
    town.rig()
    bead = town.sling("waits", "Wait for me")[0]
    eventually(town.live_runs, "it runs")
    town.ok("stop", "Toast")
    stopped = town.wait_for(bead, status="open", queue_reason="held")
    assert stopped["attempts"] == 0
    assert [entry["outcome"] for entry in stopped["attempt_log"]] == ["stopped"]
    town.ok("bead", "edit", bead, "--title", "Another title", "--priority", "high")
    town.ok("bead", "start", bead)
    town.wait_for(bead, status="in_progress")
    town.ok("bead", "cancel", bead)
    town.wait_for(bead, status="cancelled")
    eventually(lambda: not town.live_runs() and not town.ask("polecats", "web"), "its polecat is gone")
    town.go()
    town.ok("bead", "retry", bead)
    done = town.wait_for(bead, status="closed")
    assert (done["title"], done["priority"]) == ("Another title", "high")


def test_two_caps_of_the_home(new_town: Callable[..., Town]) -> None:
    town = new_town(max_agents=3)
    town.up()
    town.rig("web")
    town.rig("api")
    town.sling("waits", "1", "2", "3", rig="web")
    eventually(lambda: len(town.live_runs()) == 3, "the home is full")
    waiting = town.sling("waits", "4", rig="api")[0]
    assert town.bead(waiting)["queue_reason"] == "cap"
    assert "3 of 3 agents" in town.bead(waiting)["queue_detail"]
    town.go()
    town.all_closed("web")
    town.all_closed("api")
