"""What an agent may use: answered by policy, or by a person while it waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from acp.schema import PermissionOption, RequestPermissionResponse, ToolCallUpdate

from boomtown.container.agents.asking import Permissions
from boomtown.container.agents.updates import Recorder
from boomtown.container.protocol import Message
from boomtown.container.streams import StreamWriter

ALWAYS = PermissionOption(option_id="a", name="Always", kind="allow_always")
ONCE = PermissionOption(option_id="o", name="Just this once", kind="allow_once")
NEVER = PermissionOption(option_id="n", name="No", kind="reject_once")
TOOL = ToolCallUpdate(tool_call_id="1", title="bash", raw_input={"command": "make deploy"})


def chosen(response: RequestPermissionResponse) -> str | None:
    """The option's id; None where the question was withdrawn."""
    return getattr(response.outcome, "option_id", None)


def permissions(policy: str, folder: Path) -> Permissions:
    return Permissions(policy, Recorder(StreamWriter(folder / "stream.jsonl")), lambda: None)


@pytest.mark.parametrize(("options", "answer"), [([ALWAYS, ONCE, NEVER], "o"), ([NEVER, ALWAYS], "a"), ([NEVER], None)])
async def test_the_policy_allows_once_by_kind_and_always_only_where_there_is_nothing_else(
    tmp_path: Path, options: list[PermissionOption], answer: str | None
) -> None:
    assert chosen(await permissions("allow", tmp_path).request(TOOL, options)) == answer


@pytest.mark.parametrize(
    ("said", "answer", "understood"),
    [
        ("Yes.", "o", True),
        ("no", "n", True),
        ("just this once", "o", True),
        ("1", "a", True),
        ("Rather use make test", "n", False),
    ],
)
async def test_a_person_is_asked_with_the_command_and_what_is_no_choice_is_a_no_and_said_to_the_agent(
    tmp_path: Path, said: str, answer: str, understood: bool
) -> None:
    subject = permissions("ask", tmp_path)
    asking = asyncio.create_task(subject.request(TOOL, [ALWAYS, ONCE, NEVER]))
    await asyncio.sleep(0)
    question = subject.question
    assert question is not None
    assert (question.text, question.options) == ("bash: make deploy", ("Always", "Just this once", "No"))
    assert not subject.answer(Message("m", "yes", answers="another question"))
    assert subject.answer(Message("m", said, answers=question.id)) is understood
    assert chosen(await asking) == answer
    assert subject.question is None


async def test_a_cancelled_turn_takes_its_question_back(tmp_path: Path) -> None:
    subject = permissions("ask", tmp_path)
    asking = asyncio.create_task(subject.request(TOOL, [ONCE]))
    await asyncio.sleep(0)
    subject.withdraw()
    assert chosen(await asking) is None
    assert subject.question is None
