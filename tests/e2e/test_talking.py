"""Agents that are spoken with, and those that are not: what their stream tells, what becomes of words for them."""

from __future__ import annotations

from typing import Any

from towns import Town, eventually


def frames(town: Town, bead: str) -> list[dict[str, Any]]:
    return town.ask("log", bead)


def test_the_stream_has_all_that_an_agent_tells_and_words_for_it_are_queued_delivered_or_failed(town: Town) -> None:
    town.rig()
    [bead] = town.sling("talker", "Add a limiter")
    eventually(lambda: any(frame["kind"] == "diff" for frame in frames(town, bead)), "it has told all")
    told = frames(town, bead)
    kinds = {frame["kind"]: frame["data"] for frame in told}
    assert kinds["session"] | {"agent": None, "version": None} == {
        "id": "one", "agent": None, "version": None, "model": None, "resumed": False,
    }  # fmt: skip
    assert "The limiter belongs in the middleware, beside the session check." in [frame["data"] for frame in told]
    assert kinds["thought"] == "Is there one already? The retry code has its own."
    assert [entry["status"] for entry in kinds["plan"]["entries"]] == ["completed", "in_progress", "pending"]
    calls = {frame["data"]["id"]: frame["data"] for frame in told if frame["kind"] == "tool_call"}
    assert (calls["1"]["title"], calls["1"]["kind"], calls["2"]["kind"]) == (
        "run pytest tests/auth -q",
        "execute",
        "edit",
    )
    assert (kinds["tool_update"]["status"], kinds["tool_update"]["output"]) == ("completed", "14 passed in 1.9 s")
    assert "-a = 1\n+a = 2\n+b = 3" in kinds["diff"]["diff"]
    assert kinds["diff"]["path"].endswith("middleware.py")

    sent = [town.ask("message", "Toast", text) for text in ("Later", "Later still")]
    assert [message["state"] for message in sent] == ["queued", "queued"]
    town.ok("message", "Toast", "Now!", "--now")
    states = eventually(
        lambda: (found := [one["state"] for one in town.bead(bead)["messages"]]) == ["delivered"] * 3 and found,
        "all three are delivered, as one prompt",
    )
    assert len(states) == 3
    assert any(frame["kind"] == "stop" and frame["data"]["reason"] == "cancelled" for frame in frames(town, bead))
    town.ok("message", "Toast", "Too late")
    town.ok("bead", "cancel", bead)
    assert town.wait_for(bead, status="cancelled")["messages"][-1]["state"] == "failed"
    assert "is cancelled: nobody works on it" in town.fails("message", bead, "Hello?")
    assert "asks nothing" in town.fails("answer", town.sling("tells", "Next")[0], "What?")


def test_a_program_that_is_not_spoken_with_gets_answers_and_messages_in_its_next_prompt(town: Town) -> None:
    town.rig()
    [bead] = town.sling("tells", "Name it")
    env = town.environment | town.variables(bead)
    town.said(f"prompt.{bead}")
    assert town.ask("message", "Toast", "Use short names")["state"] == "queued"
    asked = town.run("ask", "Which name?", "--option", "ann", "--option", "bob", environment=env)
    assert asked.status == 0, asked.err
    held = town.wait_for(bead, status="open", queue_reason="held")
    assert (held["attempts"], held["question"]["text"], held["question"]["options"]) == (
        0,
        "Which name?",
        ["ann", "bob"],
    )
    [item] = town.ask("inbox")
    assert (item["kind"], "Which name?" in item["text"]) == ("question", True)

    (town.control / f"prompt.{bead}").unlink()
    town.ok("answer", "Toast", "bob")
    prompt = town.said(f"prompt.{bead}")
    assert prompt.index("A person writes to you:\nUse short names") < prompt.index("answers your question:\nbob")
    town.go()
    found = town.wait_for(bead, status="closed")
    assert [message["state"] for message in found["messages"]] == ["delivered", "delivered"]
    assert town.ask("inbox") == []
