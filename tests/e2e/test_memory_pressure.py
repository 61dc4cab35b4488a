"""Memory on a real machine: who has to wait says so with figures, and who takes too much is ended alone."""

from __future__ import annotations

from towns import Town, eventually


def test_agents_queue_under_memory_pressure_instead_of_failing_and_start_when_there_is_some(town: Town) -> None:
    config = town.home / "config.toml"
    bigger = config.read_text().replace("[agents.waits]\n", '[agents.waits]\nmemory = "1 GB"\nmax = 1\n')
    config.write_text(f'memory_keep_free = "1000 TB"\n{bigger}')
    town.ok("restart")
    town.rig()
    first, second, third = town.sling("waits", "One", "Two", "Three")
    eventually(lambda: len(town.live_runs()) == 1, "one runs: one alone may always try")
    # the cap of their kind is reached, too: memory is what is said first
    found = [town.bead(bead) for bead in (second, third)]
    assert [(bead["queue_reason"], bead["queue_position"]) for bead in found] == [("pressure", 1), ("pressure", 2)]
    assert "waits takes about 1.0 GB" in found[0]["queue_detail"]
    assert found[0]["attempts"] == 0
    town.go(f"go.{first}")
    eventually(lambda: [run.bead_id for run in town.live_runs()] == [second], "the next one has its turn")
    town.go()
    town.all_closed()


def test_a_memory_hog_is_ended_while_its_neighbours_live(town: Town) -> None:
    town.rig()
    town.ok("rig", "set", "web", "memory_limit=200MB")
    neighbours = town.sling("waits", "Work", "Work beside it")
    eventually(lambda: len(town.live_runs()) == 2, "they run")
    (hog,) = town.sling("hogs", "Take it all")
    held = town.wait_for(hog, status="open", queue_reason="held")
    assert [entry["outcome"] for entry in held["attempt_log"]] == ["memory_limit"]
    assert held["attempts"] == 0
    assert "memory_limit" in held["queue_detail"]
    assert {run.bead_id for run in town.live_runs()} == set(neighbours)
    town.go()
    for neighbour in neighbours:
        assert len(town.wait_for(neighbour, status="closed")["attempt_log"]) == 1
