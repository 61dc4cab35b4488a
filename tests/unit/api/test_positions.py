"""The journal that gives frames of many streams one growing position."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boomtown.api.live import positions
from boomtown.api.live.positions import Positions, Span


def open_at(folder: Path, begin: int = 1000, gone: str = "") -> Positions:
    return Positions(folder / "positions", begin, lambda run_id: run_id != gone)


def frames(spans: list[Span]) -> list[tuple[int, str, int]]:
    """Every frame of some spans as (position, run, seq)."""
    return [(span.position(seq), span.run_id, seq) for span in spans for seq in range(span.after + 1, span.to + 1)]


def test_each_frame_gets_the_next_position(tmp_path: Path) -> None:
    journal = open_at(tmp_path)
    journal.add("a", 2)
    journal.add("b", 1)
    journal.add("a", 3)
    assert frames(list(journal.after(1000))) == [(1001, "a", 1), (1002, "a", 2), (1003, "b", 1), (1004, "a", 3)]


def test_one_goes_on_in_the_middle_of_a_span(tmp_path: Path) -> None:
    journal = open_at(tmp_path)
    journal.add("a", 10)
    assert frames(list(journal.after(1007))) == [(1008, "a", 8), (1009, "a", 9), (1010, "a", 10)]
    assert list(journal.after(1010)) == []


def test_what_a_file_lost_takes_no_position(tmp_path: Path) -> None:
    journal = open_at(tmp_path)
    journal.add("a", 5)
    journal.add("a", 4)
    assert journal.end == 1005


def test_a_next_server_goes_on_where_the_last_one_was_killed(tmp_path: Path) -> None:
    first = open_at(tmp_path)
    first.add("a", 2)
    first.add("b", 7)
    first.flush()
    second = open_at(tmp_path, begin=9999)
    assert (second.begin, second.end, second.known("b")) == (1000, 1009, 7)
    assert list(second.after(1000)) == list(first.after(1000))


def test_a_last_line_that_was_torn_is_forgotten(tmp_path: Path) -> None:
    first = open_at(tmp_path)
    first.add("a", 2)
    first.add("b", 7)
    first.flush()
    path = tmp_path / "positions"
    path.write_text(path.read_text()[:-4])
    second = open_at(tmp_path)
    second.add("c", 1)
    second.flush()
    third = open_at(tmp_path)
    assert frames(list(third.after(1000))) == [(1001, "a", 1), (1002, "a", 2), (1003, "c", 1)]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"begin": 1}', "\x00\x01"])
def test_a_journal_that_makes_no_sense_begins_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "positions").write_text(text)
    assert open_at(tmp_path, begin=5000).end == 5000


def test_the_oldest_positions_are_given_up_but_no_frame_gets_a_second_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "MOST_SPANS", 10)
    journal = open_at(tmp_path)
    for seq in range(1, 31):
        journal.add("a", seq)
        journal.add("b", seq)
    journal.flush()
    assert journal.begin > 1000
    assert journal.end == 1060
    again = open_at(tmp_path)
    for known in (journal, again):
        known.add("a", 31)
        assert frames(list(known.after(1060))) == [(1061, "a", 31)]
    span = again.before_begin("b", 3)
    assert span is not None
    assert (span.after, span.end) == (3, again.begin)


def test_runs_whose_streams_are_gone_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MOST_SPANS", 2)
    journal = open_at(tmp_path)
    for run in ("a", "b", "a2", "b2", "a3", "b3"):
        journal.add(run, 1)
    journal.flush()
    assert open_at(tmp_path).known("a") == 1
    assert open_at(tmp_path, gone="a").known("a") == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), max_size=40),
    st.integers(0, 60),
    st.booleans(),
)
def test_whoever_resumes_anywhere_misses_nothing_and_gets_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, growth: list[tuple[str, int]], stop: int, restarted: bool
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = open_at(folder)
    for run, more in growth:
        journal.add(run, journal.known(run) + more)
    journal.flush()
    everything = frames(list(journal.after(1000)))
    read = everything[:stop]
    journal = open_at(folder) if restarted else journal
    rest = frames(list(journal.after(read[-1][0] if read else 1000)))
    assert read + rest == everything
    assert [place for place, _, _ in everything] == sorted({place for place, _, _ in everything})
