"""Words between people and real agents at work: questions, answers, messages, leave to use a tool."""

from __future__ import annotations

from collections.abc import Callable

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, work
from tests.e2e.towns import eventually

New = Callable[..., AgentTown]
SLEEP = "STEP shell sleep 300\n"


def sleeping(town: AgentTown) -> bool:
    """Whether a tool of an agent sleeps."""
    return any("sleep" in process.name() for process in town.processes())


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
    eventually(lambda: sleeping(town), "a tool sleeps", 120)
    later = town.ask("message", "Toast", f"Later:\n{work()}")
    assert later["state"] == "queued"
    town.ok("message", "Toast", "At once.", "--now")
    [found] = town.landed(bead)
    assert [message["state"] for message in found["messages"]] == ["delivered", "delivered"]
    [asked, *_] = models.asked("At once.")
    [words] = [turn.text for turn in asked.turns if turn.who == "user" and "At once." in turn.text]
    assert words.index("Later:") < words.index("At once."), "in the order given"
    assert not sleeping(town)
    assert "is closed" in town.fails("message", bead, "Too late")


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
