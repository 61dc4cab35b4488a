"""Many slings in the same instant: every bead once, every bead started once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from towns import Town, eventually


def test_twenty_slings_in_the_same_instant_give_twenty_beads(town: Town) -> None:
    town.rig("web", "--max-polecats", "20")
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda number: town.sling("quick", f"Task {number}"), range(20)))
    ids = [bead_id for found in made for bead_id in found]
    assert len(set(ids)) == 20
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids), "each started exactly once"


def test_one_sling_of_twenty(town: Town) -> None:
    town.rig("web", "--max-polecats", "20")
    ids = town.sling("quick", *(f"Task {number}" for number in range(20)))
    town.all_closed()
    assert Counter(run.bead_id for run in town.runs()) == Counter(ids)


def test_the_same_key_gives_one_set(town: Town) -> None:
    town.rig()
    options = ("--key", "nightly", "--hold")
    first = town.sling("quick", "One", "Two", options=options)
    assert town.sling("quick", "One", "Two", options=options) == first
    assert len(town.beads()) == 2
    assert "nightly" in town.fails("sling", "web", "Three", "--agent", "quick", *options)
    assert len(town.beads()) == 2


def test_a_file_of_tasks_with_dependencies(town: Town) -> None:
    town.rig()
    lines = '{"title": "First"}\n{"title": "Second", "depends_on": [0], "priority": "high"}\n'
    answer = town.ok("sling", "web", "--file", "-", "--agent", "waits", "--json", stdin=lines).json
    first, second = (result["bead"] for result in answer["results"])
    assert answer["results"][0]["state"] == "assigned"
    assert answer["results"][0]["agent"]["name"] == "Toast"
    assert answer["results"][1]["queue_reason"] == "blocked"
    assert second["blocked_by"] == [first["id"]]
    eventually(town.live_runs, "the first runs")
    town.go()
    town.all_closed()


def test_nothing_is_made_of_a_set_with_one_mistake(town: Town) -> None:
    town.rig()
    for lines, says in (
        ('{"title": "a"}\n{"title": \n', "line 2"),
        ('{"title": "a", "depends_on": [1]}\n{"title": "b", "depends_on": [0]}\n', "circle"),
        ('{"title": "a"}\n{"title": "b", "depends_on": [7]}\n', "line 2"),
    ):
        ran = town.run("sling", "web", "--file", "-", "--agent", "quick", stdin=lines)
        assert ran.status == 1
        assert says in ran.err
    assert town.beads() == []
