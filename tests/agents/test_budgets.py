"""Budgets with real agents: all are stopped within a call of their model, and go on when there is more."""

from __future__ import annotations

from collections.abc import Callable

from tests.agents.programs import AgentTown, work
from tests.agents.wires import INPUT_TOKENS, OUTPUT_TOKENS

New = Callable[..., AgentTown]
CALL = INPUT_TOKENS + OUTPUT_TOKENS
THINKS = "STEP shell sleep 2\n" * 3


def test_a_budget_stops_four_agents_within_a_call_each_and_a_higher_one_resumes_them(agent_town: New) -> None:
    town = agent_town("codex")
    town.ok("rig", "set", "web", f"budget_tokens={CALL}")
    beads = [town.give("codex", THINKS + work(name), f"Note {name}") for name in "abcd"]
    for bead in beads:
        found = town.until(bead, "out of budget", lambda b: b["queue_reason"] == "budget")
        assert found["attempts"] == 0
        assert {entry["outcome"] for entry in found["attempt_log"]} <= {"budget"}
        assert "boomtown rig set web budget_tokens=" in found["queue_detail"]
    used = town.ask("status")["usage"]
    assert used["input_tokens"] + used["output_tokens"] <= (1 + 2 * len(beads)) * CALL
    assert [item["kind"] for item in town.ask("inbox")] == ["budget"]
    warnings = [event for event in town.ask("events", "web") if event["kind"] == "budget.warned"]
    assert [event["data"]["budget"] for event in warnings] == ["tokens"]

    town.ok("rig", "set", "web", "budget_tokens=1000000")
    for found in town.landed(*beads):
        assert [entry["outcome"] for entry in found["attempt_log"]][-2:] == ["budget", "handed_on"]
        resumed = [frame["data"]["resumed"] for frame in town.frames(found["id"]) if frame["kind"] == "session"]
        assert resumed == [True]
    assert town.ask("inbox") == []


def test_a_bead_that_has_cost_what_it_may_waits_for_a_person_while_others_go_on(agent_town: New) -> None:
    town = agent_town("codex")
    bead = town.give("codex", THINKS + work(), "Note", "--budget-tokens", "1")
    found = town.until(bead, "out of budget", lambda b: b["queue_reason"] == "budget")
    assert (found["budget_tokens"], found["budget_usd"], found["attempts"]) == (1, None, 0)
    town.landed(town.give("codex", work("b"), "Another"))
    [item] = town.ask("inbox")
    assert (item["kind"], item["bead_id"]) == ("budget", bead)
    town.ok("bead", "edit", bead, "--budget-tokens", "100000")
    town.landed(bead)
