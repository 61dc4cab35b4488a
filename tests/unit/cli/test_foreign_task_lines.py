"""Files of tasks come from anywhere: each is read, or refused with the line and the cure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from boomtown.cli.sling import read_tasks
from boomtown.domain.errors import BadInputError

fuzz = settings(derandomize=True, database=None, deadline=None, max_examples=50)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner)
)
KEYS = ("title", "body", "priority", "agent", "model", "timeout", "depends_on", "budget_usd", "budget_tokens")
task = st.dictionaries(st.sampled_from(KEYS), anything) | st.fixed_dictionaries(
    {"title": st.text(min_size=1)}, optional={"body": st.text(), "depends_on": st.lists(st.integers(0, 3) | st.text())}
)


@fuzz
@given(st.lists(st.one_of(task.map(json.dumps), anything.map(json.dumps), st.text()), max_size=5).map("\n".join))
@example("[" * 100_000)
@example('{"title": "a", "timeout": 1' + "0" * 5000 + "}")
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    tasks: list[dict[str, Any]] = []
    refusal = ""
    try:
        tasks = read_tasks(text, "tasks.jsonl")
    except BadInputError as error:
        refusal = error.message
    assert all(given["title"].strip() for given in tasks)
    json.dumps(tasks, allow_nan=False)
    assert tasks or "tasks.jsonl" in refusal
    assert len(refusal) < 1000


@fuzz
@given(
    st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_json_lines_is_taken_whole(titles: list[str], mark: bool, end: str) -> None:
    """Also with ends of lines that are none in JSON, with a byte order mark, and from Windows."""
    lines = [json.dumps({"title": title}, ensure_ascii=False) for title in titles]
    read: list[dict[str, Any]] = read_tasks("\ufeff" * mark + end.join(lines) + end, "tasks.jsonl")
    assert [given["title"] for given in read] == titles


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadInputError, match="timeout"):
        read_tasks(f'{{"title": "a", "timeout": {value}}}', "tasks.jsonl")
