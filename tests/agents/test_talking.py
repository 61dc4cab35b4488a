"""Words between people and real agents at work: questions, answers, messages, leave to use a tool."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, work
from tests.e2e.towns import eventually

New = Callable[..., AgentTown]
SLEEP = "STEP shell sleep 300\n"


def test_a_question_holds_the_bead_and_its_answer_goes_into_the_same_session(
    agent_town: New, models: ModelServer
) -> None:
    town = agent_town("claude")
    asks = 'STEP call gt_ask {"question": "Which name?", "options": ["ann", "bob"]}'
    bead = town.give("claude", f"STEP write first.txt begun\n{asks}\nSTEP say .")
    held = town.until(bead, "held", lambda found: found["queue_reason"] == "held")
    assert held["attempts"] == 0
    assert [attempt["outcome"] for attempt in held["attempt_log"]] == ["asked"]
    [item] = town.ask("inbox")
    assert (item["kind"], item["text"].split()) == ("question", ["Which", "name?", "ann", "bob"])
    first = town.frames(bead)[0]["data"]

    town.ok("answer", "Toast", f"Call it bob.\n{work()}")
    [found] = town.landed(bead)
    assert found["messages"][0]["state"] == "delivered"
    second = town.frames(bead)[0]["data"]
    assert (second["id"], second["resumed"]) == (first["id"], True)
    [asked, *_] = models.asked("Call it bob.")
    assert asked.says("gt_ask"), "the history of the first run is there"
    assert town.ask("inbox") == []


def test_messages_come_at_the_end_of_a_turn_or_at_once(agent_town: New, models: ModelServer) -> None:
    town = agent_town("claude")
    bead = town.give("claude", SLEEP)
    eventually(town.sleepers, "a tool sleeps", 120)
    later = town.ask("message", "Toast", f"Later:\n{work()}")
    assert later["state"] == "queued"
    town.ok("message", "Toast", "At once.", "--now")
    [found] = town.landed(bead)
    assert [message["state"] for message in found["messages"]] == ["delivered", "delivered"]
    [asked, *_] = models.asked("At once.")
    [words] = [turn.text for turn in asked.turns if turn.who == "user" and "At once." in turn.text]
    assert words.index("Later:") < words.index("At once."), "in the order given"
    assert town.sleepers() == []
    assert "is closed" in town.fails("message", bead, "Too late")


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_no_message_is_lost_or_said_twice_whoever_is_killed_in_the_middle_of_its_delivery(
    agent_town: New, models: ModelServer, name: str
) -> None:
    town = agent_town(name)
    bead = town.give(name, SLEEP)
    eventually(town.sleepers, "a tool sleeps", 120)
    town.ok("message", "Toast", f"The first, {bead}.")
    town.ok("message", "Toast", f"The second, {bead}.\nSTEP hang", "--now")
    eventually(lambda: models.asked(f"The second, {bead}"), "the model hears of it, and says nothing", 120)
    town.ok("message", "Toast", f"The third, {bead}.\nSTEP hang")

    os.kill(town.ask("polecats")[0]["pid"], signal.SIGKILL)
    eventually(lambda: models.asked(f"The third, {bead}"), "the model hears of it in another run", 120)
    os.kill(town.server_pid, signal.SIGKILL)
    os.kill(town.container_pid, signal.SIGKILL)
    town.up()
    town.ok("message", "Toast", f"The fourth, {bead}.\n{work()}", "--now")
    [found] = town.landed(bead)
    assert [message["state"] for message in found["messages"]] == ["delivered"] * 4
    assert {"crashed", "container_lost", "handed_on"} <= {attempt["outcome"] for attempt in found["attempt_log"]}
    last = "\n".join(turn.text for turn in models.asked(f"The fourth, {bead}")[-1].turns if turn.who == "user")
    places = [last.index(f"The {which}, {bead}") for which in ("first", "second", "third", "fourth")]
    assert places == sorted(places), "in the order given"
    assert last.count(f", {bead}") == 4, "each once"


def test_agents_nudge_each_other_in_three_modes(agent_town: New, models: ModelServer) -> None:
    town = agent_town("codex")
    target = town.give("codex", SLEEP, "The one who sleeps")
    eventually(town.sleepers, "a tool sleeps", 120)
    [toast] = town.ask("polecats")
    words = {
        "queue": "Read me when you look.",
        "wait-idle": "Hear me when you are idle.",
        "immediate": "STEP call gt_mail_check\n" + work("n"),
    }
    calls = [
        "STEP call gt_nudge " + json.dumps({"target_agent_id": toast["id"], "message": message, "mode": mode})
        for mode, message in words.items()
    ]
    nudger = town.give("codex", "\n".join([*calls, work("b")]), "The one who nudges")
    found, _ = town.landed(target, nudger)
    assert [(message["sender"].split(",")[0], message["now"]) for message in found["messages"]] == [
        ("Maple", False),
        ("Maple", True),
    ]
    last = models.asked("Hear me when you are idle.")[-1]
    [said] = [turn.text for turn in last.turns if turn.who == "user" and "another agent of this rig" in turn.text]
    assert said.index("Hear me when you are idle.") < said.index("STEP call gt_mail_check"), "both, as one prompt"
    assert not last.says("Read me when you look.")
    assert any("Read me when you look." in turn.text for turn in last.turns if turn.who == "tool"), "it came as mail"


def test_leave_to_use_a_tool_is_asked_of_a_person_and_the_agent_goes_on(agent_town: New) -> None:
    town = agent_town(agents={"kilo": {"permission": "ask"}})
    bead = town.give("kilo", work())
    for what in ("notes/a.txt", "git commit"):
        asking = town.until(bead, "asking", lambda found, what=what: what in str(found["question"]))
        assert asking["status"] == "in_progress"
        assert asking["question"]["waits"]
        assert [item["kind"] for item in town.ask("inbox")] == ["question"]
        town.ok("answer", "Toast", "yes")
    [found] = town.landed(bead)
    assert len(found["attempt_log"]) == 1
    answers = [frame["data"]["answer"] for frame in town.frames(bead) if frame["kind"] == "permission"]
    assert answers[0] is None
    assert answers[-1]


def test_an_agent_that_only_ends_its_turn_is_reminded_once(agent_town: New, models: ModelServer) -> None:
    town = agent_town("codex", backoff=[60])
    bead = town.give("codex", "STEP say I am done, believe me.")
    found = town.until(bead, "tried", lambda found: found["attempts"] == 1)
    [attempt] = found["attempt_log"]
    assert attempt["outcome"] == "no_work"
    assert (
        sum("you did not call done" in frame["data"] for frame in town.frames(bead) if frame["kind"] == "prompt") == 1
    )
