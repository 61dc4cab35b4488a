"""How long an agent may be silent in a turn, and how often a turn is begun again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from acp.schema import ToolCallProgress, ToolCallStart

from boomtown.container.agents.patience import CUT_S, MOST_CUT, LostError, Patience
from boomtown.container.agents.updates import Recorder
from boomtown.container.protocol import Talk
from boomtown.container.streams import StreamWriter
from boomtown.home.presets import PRESETS

SAID = "WARN  2026-11-25T11:24:46 +7ms service=session.network sessionID=s requestID=r message={} waiting for network"


def patience(tmp_path: Path, answer_within_s: float = 600.0) -> tuple[Patience, Recorder]:
    recorder = Recorder(StreamWriter(tmp_path / "stream.jsonl"))
    return Patience(Talk(cut=PRESETS["kilo"].cut, answer_within_s=answer_within_s), recorder), recorder


async def test_a_tool_at_work_or_a_question_is_a_reason_for_silence(tmp_path: Path) -> None:
    subject, recorder = patience(tmp_path)
    subject.heard()
    heard_at = asyncio.get_running_loop().time()
    assert subject.ends_at(asks=False) == pytest.approx(heard_at + 600, abs=30)
    assert subject.ends_at(asks=True) is None
    recorder.update(ToolCallStart(session_update="tool_call", tool_call_id="1", title="bash", status="pending"))
    assert subject.ends_at(asks=False) == pytest.approx(heard_at + 3600, abs=30)
    recorder.update(ToolCallProgress(session_update="tool_call_update", tool_call_id="1", status="in_progress"))
    assert subject.ends_at(asks=False) is None


async def test_a_cut_connection_is_waited_for_briefly_whatever_is_at_work(tmp_path: Path) -> None:
    subject, recorder = patience(tmp_path)
    recorder.update(ToolCallStart(session_update="tool_call", tool_call_id="1", title="task", status="in_progress"))
    subject.heard()
    assert not subject.overhear(["WARN service=config message=something else"])
    assert subject.ends_at(asks=False) is None
    assert subject.overhear(["…", SAID.format("Host not found")])
    assert subject.ends_at(asks=False) == pytest.approx(asyncio.get_running_loop().time() + CUT_S, abs=15)
    subject.heard()
    assert subject.ends_at(asks=False) is None, "it has come back by itself"


async def test_turns_are_begun_again_only_so_often_unless_something_worked(tmp_path: Path) -> None:
    subject, _ = patience(tmp_path)
    for _ in range(2):
        for _ in range(MOST_CUT):
            subject.overhear([SAID.format("Connection refused")])
            assert subject.lost(subject.cut, cancelled=True) == subject.trouble
        subject.overhear([SAID.format("Connection refused")])
        with pytest.raises(LostError, match="The connection to the agent's model broke: Connection refused"):
            subject.lost(subject.cut, cancelled=True)
        subject.heard(worked=True)
        assert subject.trouble is None
    subject.lost(None, cancelled=True)
    with pytest.raises(LostError, match="silent for 600 s: its model does not answer"):
        subject.lost(None, cancelled=True)


async def test_an_agent_that_can_not_be_cancelled_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(LostError):
        patience(tmp_path)[0].lost(None, cancelled=False)
