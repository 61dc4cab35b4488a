"""config.toml is written by hand: each text is taken, or refused with the file and the cure."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from boomtown.domain.errors import BadInputError
from boomtown.home.config import Settings, parse

fuzz = settings(derandomize=True, database=None, deadline=None, max_examples=80)

TOP = ("default_agent", "max_agents", "timeout", "stall_after", "backoff", "merge", "notify", "memory_keep_free", "x y")
OWN = ("kind", "command", "prompt", "max", "env", "model", "config", "permission", "memory", "memory_limit")
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["1 GB", "command", "acp"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from_env", "a"]), inner, max_size=2),
    max_leaves=5,
)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


lines = st.builds(lambda key, value: f"{json.dumps(key)} = {toml(value)}", st.sampled_from(TOP), values)
agents = st.builds(
    lambda name, pairs: "\n".join([f"[agents.{json.dumps(name)}]", *(f"{key} = {toml(pairs[key])}" for key in pairs)]),
    st.text(max_size=5),
    st.dictionaries(st.sampled_from(OWN), values, max_size=4),
)


@fuzz
@given(st.lists(lines | agents | st.text(max_size=20), max_size=5).map("\n".join))
@example("a = " + "[" * 5000)
@example("timeout = " + "1" * 5000)
@example("timeout = 1e999")
@example("max_agents = 99999999999999999999999")
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    found: Settings | None = None
    refusal = ""
    try:
        found = parse(text, "config.toml")
    except BadInputError as error:
        refusal = error.message
    assert found is not None or "config.toml" in refusal
