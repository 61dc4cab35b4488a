"""Whatever is on a disk, in an agent's books or on its pipe: readers take what makes sense and leave the rest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from acp import schema
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from boomtown.container import frames
from boomtown.container.agents import books
from boomtown.container.agents.meter import Meter
from boomtown.container.agents.transport import PipeTransport
from boomtown.container.agents.updates import Recorder
from boomtown.container.frames import FrameReader, last_seq
from boomtown.container.git import Done, scrub
from boomtown.container.streams import StreamWriter

fuzz = settings(derandomize=True, database=None, deadline=None, max_examples=120)

DEEP = b"[" * 100_000
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner)
)


# stream files


def frame(seq: int) -> bytes:
    return json.dumps({"seq": seq, "at": "2026-01-01T00:00:00.000Z", "kind": "stdout", "data": "x" * 50}).encode()


garbage = st.binary(max_size=60) | st.sampled_from([b"", b"\0" * 300, DEEP, b'{"seq": true}', b'{"seq": "1"}', b"5"])


def naive(data: bytes) -> list[int]:
    """What is on whole lines, and is above all before it."""
    found: list[int] = []
    for line in data.split(b"\n")[:-1]:
        read = frames.parse(line)
        if read is not None and read["seq"] > max(found, default=0):
            found.append(read["seq"])
    return found


@fuzz
@given(st.lists(garbage | st.none(), max_size=12), st.booleans(), st.integers(0, 8), st.integers(1, 4))
def test_frames_between_garbage_are_all_read_once(parts: list[bytes | None], torn: bool, after: int, page: int) -> None:
    numbers = iter(range(1, 100))
    lines = [frame(next(numbers)) if part is None else part.replace(b"\r", b"") for part in parts]
    data = b"".join(line + b"\n" for line in lines) + (b'{"seq": 99' if torn else b"")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        path.write_bytes(data)
        expected = naive(data)
        reader, read = FrameReader(path, after), []
        for _ in range(len(lines) + 2):
            read += [found["seq"] for found in reader.read(limit=page)]
        assert read == [seq for seq in expected if seq > after]
        assert last_seq(path) == (expected[-1] if expected else 0)


def test_a_file_of_zeros_is_read_in_bounded_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut leaves on some file systems; the frames before and after it are found."""
    monkeypatch.setattr(frames, "LONGEST_LINE", 1 << 18)
    path = tmp_path / "run.jsonl"
    path.write_bytes(frame(1) + b"\n" + b"\0" * (3 << 20) + b"\n" + frame(2) + b"\n" + b"\0" * (3 << 20))
    taken: list[int] = []
    right = os.pread

    def counted(fd: int, length: int, offset: int) -> bytes:
        taken.append(length)
        return right(fd, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    reader, read = FrameReader(path), []
    for _ in range(60):
        read += [found["seq"] for found in reader.read()]
    assert read == [1, 2]
    assert last_seq(path) == 2
    assert max(taken) <= 1 << 20


# books of agents

figures = anything | st.sampled_from([10**30, -5, 7, 1e400, math.nan, "12", True])
usages = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "cached_input_tokens", "cache_read_input_tokens"]), figures
)
rollout = st.fixed_dictionaries(
    {"type": st.just("token_count"), "payload": anything | st.fixed_dictionaries({"info": anything | usages})}
) | st.builds(lambda used: {"m": "token_count", "payload": {"info": {"total_token_usage": used}}}, anything | usages)
transcript = st.builds(lambda ident, used: {"message": {"id": ident, "usage": used}}, anything, anything | usages)


def sound(usage: Any) -> bool:
    counts = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
    cost = usage.cost_usd or 0.0
    return all(type(count) is int and 0 <= count < 2**62 for count in counts) and 0 <= cost < 1e15


@fuzz
@given(st.lists(rollout | transcript | anything, max_size=5), st.binary(max_size=40))
@example([{"payload": ["token_count"]}, {"message": {"usage": 5}}], DEEP + b'"usage""token_count"')
def test_books_of_any_kind_give_sound_figures(entries: list[Any], torn: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        text = b"\n".join(json.dumps(entry).encode() for entry in entries) + b"\n" + torn
        (home / "rollout-1.jsonl").write_bytes(text)
        for kind in ("rollouts:.", "transcripts:."):
            reader = books.reader(kind, home)
            assert reader is not None
            assert sound(reader())


@settings(fuzz, max_examples=40)
@given(st.lists(st.tuples(*[st.none() | st.text(max_size=4) | st.integers(-(2**63), 2**63 - 1)] * 6), max_size=4))
def test_a_database_with_any_columns_gives_sound_figures(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".local" / "share" / "agent.db"
        path.parent.mkdir(parents=True)
        columns = "tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write, cost"
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(f"CREATE TABLE session ({columns})")
            db.executemany("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.commit()
        reader = books.reader("database:agent.db", Path(folder))
        assert reader is not None
        assert sound(reader())


@fuzz
@given(anything | st.dictionaries(st.sampled_from(["input_tokens", "cost_usd"]), figures))
def test_what_was_noted_of_earlier_runs_may_be_anything(noted: Any) -> None:
    async def settle() -> Meter:
        meter = Meter("rollouts:none", home)
        await meter.begin()
        await meter.settle()
        return meter

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / ".boomtown").mkdir()
        (home / ".boomtown" / "counted.rollouts.json").write_text(json.dumps(noted))
        assert sound(asyncio.run(settle()).usage)


def test_a_place_for_its_notes_that_is_taken_ends_no_meter(tmp_path: Path) -> None:
    """An agent that makes a file of the folder must not keep its run from ending."""
    (tmp_path / ".boomtown").write_text("mine")

    async def settle() -> Meter:
        meter = Meter("rollouts:none", tmp_path)
        await meter.begin()
        await meter.settle()
        return meter

    assert sound(asyncio.run(settle()).usage)


# what agents say

KINDS = ("agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan", "usage_update")
content = st.fixed_dictionaries({"type": st.just("text"), "text": st.text()})
part = st.fixed_dictionaries({"type": st.just("content"), "content": content}) | st.fixed_dictionaries(
    {"type": st.just("diff"), "path": st.text(), "newText": st.text(), "oldText": st.none() | st.text()}
)
update = st.fixed_dictionaries(
    {"sessionUpdate": st.sampled_from(KINDS)},
    optional={
        "content": content | st.lists(part, max_size=3) | anything,
        "toolCallId": st.text() | anything,
        "title": st.text() | anything,
        "rawInput": anything,
        "rawOutput": anything,
        "status": st.sampled_from(["pending", "completed", "failed"]) | anything,
        "locations": st.lists(st.fixed_dictionaries({"path": st.text()}), max_size=2) | anything,
        "entries": anything,
        "used": st.integers(),
        "size": st.integers(),
    },
)
read_update: TypeAdapter[Any] = TypeAdapter(schema.SessionNotification)


@settings(fuzz, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(update, max_size=8))
def test_any_update_that_the_protocol_takes_is_told_in_whole_frames(updates: list[dict[str, Any]]) -> None:
    async def tell(path: Path) -> None:
        stream = StreamWriter(path)
        recorder = Recorder(stream)
        for each in updates:
            with contextlib.suppress(ValidationError):
                recorder.update(read_update.validate_python({"sessionId": "s", "update": each}).update)
        recorder.end_turn("end_turn")
        stream.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        asyncio.run(tell(path))
        lines = path.read_bytes().split(b"\n")[:-1]
        assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))


@fuzz
@given(st.lists(st.binary(max_size=50) | anything.map(lambda value: json.dumps(value).encode()), max_size=8))
@example([DEEP, b'{"id": 1}'])
def test_what_is_no_message_is_noise_and_what_is_arrives(sent: list[bytes]) -> None:
    lines = [line.replace(b"\n", b" ") for line in sent]

    async def take() -> list[Any]:
        (out_read, out_write), (in_read, in_write) = os.pipe(), os.pipe()
        noise: list[str] = []
        transport = PipeTransport(in_write, out_read, noise.append)
        os.write(out_write, b"".join(line + b"\n" for line in lines)[: 1 << 16])
        os.close(out_write)
        found: list[Any] = []
        while (message := await transport.receive()) is not None:
            found.append(message)
        await transport.close()
        os.close(in_read)
        assert all(len(text) <= 1000 for text in noise)
        return found

    def objects() -> list[Any]:
        found: list[Any] = []
        for line in b"".join(line + b"\n" for line in lines)[: 1 << 16].split(b"\n")[:-1]:
            with contextlib.suppress(ValueError, RecursionError):
                found.append(json.loads(line))
        return [value for value in found if isinstance(value, dict)]

    assert json.dumps(asyncio.run(take())) == json.dumps(objects())


# what git prints


@fuzz
@given(st.binary(), st.text())
def test_any_output_of_git_is_read(out: bytes, err: str) -> None:
    done = Done(1, out, err)
    assert b"\0".join(name.encode("utf-8", "surrogateescape") for name in done.names) == b"\0".join(
        part for part in out.split(b"\0") if part
    )
    assert done.text.encode("utf-8", "surrogateescape") in out
    assert done.words
    assert "secret" not in scrub(f"https://user:secret@host/{err}")
