"""`sling --file`: JSON Lines, and mistakes with the number of their line."""

from __future__ import annotations

import pytest

from boomtown.cli.sling import read_tasks
from boomtown.domain.errors import BadInputError


def test_a_line_is_a_task_and_empty_lines_are_nothing() -> None:
    text = '{"title": "one"}\n\n{"title": "two", "body": "b", "priority": "high", "timeout": 60, "depends_on": [0]}\n'
    one, two = read_tasks(text, "tasks")
    assert (one["title"], one["dependsOn"]) == ("one", [])
    assert (two["body"], two["priority"], two["timeoutS"], two["dependsOn"]) == ("b", "high", 60, [0])


def test_indexes_count_from_the_first_task_of_the_file() -> None:
    tasks = read_tasks('{"title": "a"}\n{"title": "b", "depends_on": [0, "0b5c"]}', "tasks", first=2)
    assert tasks[1]["dependsOn"] == [2, "0b5c"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"title": "a"}\n{"title": ', "tasks, line 2: not JSON"),
        ('\n\n["a"]', "tasks, line 3: not an object"),
        ('{"title": "a", "titel": "b"}', "line 1: “titel” is not a key"),
        ('{"body": "b"}', "line 1: title is missing"),
        ('{"title": "  "}', "line 1: title is missing or empty"),
        ('{"title": 3}', "line 1: title must be a text, not 3"),
        ('{"title": "a", "priority": "urgent"}', "“urgent” is none of low, medium, high, critical"),
        ('{"title": "a", "timeout": "1h"}', "timeout must be a number of seconds"),
        ('{"title": "a", "timeout": true}', "timeout must be a number of seconds"),
        ('{"title": "a", "depends_on": 0}', "depends_on must be a list"),
        ('{"title": "a"}\n{"title": "b", "depends_on": [2]}', "line 2: depends_on has index 2"),
        ('{"title": "a", "depends_on": [-1]}', "index -1"),
        ('{"title": "a", "depends_on": [null]}', "null, which is no index"),
        ("", "has no task"),
        ("[" * 100_000, "line 1: not JSON"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_tasks(text, "tasks")
    assert says in caught.value.message
