"""Streams: what agents print, kept line by line, found again fast, and never a burden to others."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from container_kit import FAST, Kit, repository, until

from boomtown.container.frames import FrameReader, last_seq, tail_position
from boomtown.container.streams import MAX_LINE, LineSplitter, StreamWriter
from boomtown.home.times import iso


async def test_frames_have_numbers_times_and_kinds(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo one; echo two >&2; printf 'three\\r\\n'; printf 'no newline'")
    before = iso(time.time())
    async with kit.inside(repository(tmp_path)) as container:
        state = await kit.finish(container, spec)
    frames = kit.frames(spec)
    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4]
    assert {(f["kind"], f["data"]) for f in frames} == {
        ("stdout", "one"),
        ("stderr", "two"),
        ("stdout", "three"),
        ("stdout", "no newline"),
    }
    assert all(before <= str(frame["at"]) <= str(iso(time.time())) for frame in frames)  # type: ignore[operator]
    assert state.last_seq == 4
    assert kit.home.stream(spec.run_id).stat().st_mode & 0o777 == 0o600


async def test_output_is_readable_while_the_agent_runs(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    spec = kit.spec("echo one; read answer < ../go; echo $answer", prompt_mode="file")
    async with kit.inside(repository(tmp_path)) as container:
        await container.start(spec)
        reader = FrameReader(kit.home.stream(spec.run_id))
        assert (await until(reader.read))[0]["data"] == "one"
        assert reader.read() == []
        (kit.worktree(spec).parent / "go").write_text("two\n")
        container.stop(spec.run_id, 5.0, False)
        await until(lambda: not container.live)


def test_lines_too_long_are_split_and_marked_and_bad_bytes_replaced(tmp_path: Path) -> None:
    async def write() -> None:
        stream = StreamWriter(tmp_path / "s")
        splitter = LineSplitter(stream, "stdout")
        long = "é".encode() * MAX_LINE  # two bytes each; the cut must not be inside one
        for start in range(0, len(long), 100_001):
            splitter.feed(long[start : start + 100_001])
        splitter.feed(b"\nbad \xff byte\n" + b"y" * (MAX_LINE + 5) + b"\nlast")
        splitter.end()
        stream.close()

    asyncio.run(write())
    frames = FrameReader(tmp_path / "s").read(max_bytes=1 << 30)
    assert "".join(f["data"] for f in frames[:2]) == "é" * MAX_LINE
    assert [f.get("more", False) for f in frames] == [True, False, False, True, False, False]
    assert [len(f["data"]) for f in frames[2:]] == [len("bad \ufffd byte"), MAX_LINE, 5, 4]
    assert frames[2]["data"] == "bad \ufffd byte"


def test_a_writer_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b'{"seq":1,"at":"","kind":"stdout","data":"a"}\n{"seq":2,"at":"","ki')

    async def write() -> None:
        stream = StreamWriter(path)
        stream.notice("The container was lost.")
        stream.close()

    assert [frame["seq"] for frame in FrameReader(path).read()] == [1]
    asyncio.run(write())
    frames = FrameReader(path).read()
    assert [(frame["seq"], frame["kind"]) for frame in frames] == [(1, "stdout"), (2, "system")]


def test_a_full_file_says_so_and_takes_no_more(tmp_path: Path) -> None:
    async def write() -> StreamWriter:
        stream = StreamWriter(tmp_path / "s", max_bytes=10_000)
        splitter = LineSplitter(stream, "stdout")
        for n in range(1000):
            splitter.feed(f"line number {n}\n".encode())
        splitter.end()
        stream.close()
        return stream

    stream = asyncio.run(write())
    frames = FrameReader(tmp_path / "s").read()
    assert frames[-1]["kind"] == "system"
    assert "not kept" in frames[-1]["data"]
    assert stream.last_seq == frames[-1]["seq"] == len(frames)
    assert (tmp_path / "s").stat().st_size < 10_500
    assert stream.last_words.endswith("line number 999")


def test_any_position_of_a_large_file_is_found_fast(tmp_path: Path) -> None:
    path, many = tmp_path / "s", 200_000
    row = '{"seq":%d,"at":"2026-01-01T00:00:00.000Z","kind":"stdout","data":"%s"}\n'
    rows = [row % (n, "x" * (n % 200)) for n in range(1, many + 1)]
    path.write_text("".join(rows) + '{"seq": 200001, "torn')
    assert last_seq(path) == many
    assert tail_position(path, 200) == many - 200
    assert tail_position(tmp_path / "none", 200) == 0
    began = time.perf_counter()
    for after in (0, 1, 2, 777, 123_456, many - 200, many - 1):
        frames = FrameReader(path, after).read(limit=3)
        assert [frame["seq"] for frame in frames] == list(range(after + 1, min(after + 4, many + 1)))
    assert FrameReader(path, many).read() == []
    assert FrameReader(path, many + 5).read() == []
    assert time.perf_counter() - began < 0.5


def test_pages_join_without_a_gap_or_a_duplicate(tmp_path: Path) -> None:
    path = tmp_path / "s"
    rows = [json.dumps({"seq": n, "data": "é" * (n * 37 % 5000)}) for n in range(1, 501)]
    rows.insert(250, "not json")
    rows.insert(251, '{"seq": "no number"}')
    path.write_text("\n".join(rows) + "\n")
    reader, seen = FrameReader(path), []
    while frames := reader.read(limit=7, max_bytes=10_000):
        seen += [frame["seq"] for frame in frames]
    assert seen == list(range(1, 501))
    assert FrameReader(tmp_path / "missing").read() == []


@pytest.mark.slow
async def test_a_hundred_megabytes_stall_nobody_and_stay_out_of_memory(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    loud = kit.spec("yes 'all work and no play makes Toast a dull polecat' | head -c 100000000; echo; echo end")
    quiet = kit.spec("while read line; do :; done; for n in 1 2 3 4 5; do echo $n; sleep 0.1; done")
    async with kit.client(repository(tmp_path), FAST) as client:
        assert client.attached
        container = client.attached.pid
        await client.start(loud)
        await client.start(quiet)
        slowest = 0.0
        while not any(run.run_id == loud.run_id and run.state == "exited" for r in kit.reports for run in r.runs):
            began = time.perf_counter()
            await client.stop("nobody", 0.0)
            slowest = max(slowest, time.perf_counter() - began)
            await asyncio.sleep(0.02)
            assert _memory(container) < 80_000_000
        end = await kit.exit_of(loud)
        assert end.exit_code == 0
        assert end.last_words.endswith("end")
        assert slowest < 1.0
        await kit.exit_of(quiet)
        assert kit.output(quiet) == ["1", "2", "3", "4", "5"]
        assert last_seq(kit.home.stream(loud.run_id)) == end.last_seq


def _memory(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


async def test_the_container_is_small(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    async with kit.client(repository(tmp_path), FAST) as client:
        for _ in range(5):
            await client.start(kit.spec("sleep 100"))
        assert client.attached
        assert _memory(client.attached.pid) < 40_000_000
