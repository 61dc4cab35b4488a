"""config.toml: defaults, what each key may be, and mistakes that name line, key and cure."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from boomtown.domain.errors import BadInputError
from boomtown.home.config import AgentSettings, FromEnv, FromFile, Settings, load, parse

CONTRACT_EXAMPLE = """
[agents.mine]                     # any program; also kind = "acp"
kind = "command"
command = ["python3", "agent.py"]
prompt = "stdin"                  # or "argument", "file"
max = 4
[agents.mine.env]
KEY = "value"                     # or { from_env = "NAME" } / { from_file = "PATH" }
[agents.kilo]
model = "local/qwen3-coder"
[agents.kilo.config]
enabled_providers = ["local"]
[agents.kilo.config.provider.local]
npm = "@ai-sdk/openai-compatible"
options = { baseURL = "http://127.0.0.1:8080/v1", apiKey = "x" }
"""


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path / "config.toml")
    assert settings == Settings()
    assert settings.backoff_s == (5.0, 30.0, 120.0, 300.0)
    assert settings.stall_after_s == 900.0
    assert settings.max_agents is None


def test_the_demo_agent_is_always_there_and_runs_this_installation() -> None:
    assert parse("").agents["demo"].command[0] == sys.executable


def test_the_demo_agent_may_be_replaced() -> None:
    assert parse("[agents.demo]\ncommand = ['mine']").agents["demo"].command == ("mine",)


def test_the_example_of_the_contract_is_read() -> None:
    settings = parse(CONTRACT_EXAMPLE)
    mine = settings.agents["mine"]
    assert (mine.command, mine.prompt, mine.max, mine.env) == (("python3", "agent.py"), "stdin", 4, {"KEY": "value"})
    assert settings.agents["kilo"].model == "local/qwen3-coder"
    assert settings.agents["kilo"].config["enabled_providers"] == ["local"]


def test_durations_are_seconds_and_caps_are_numbers() -> None:
    settings = parse("max_agents = 7\ntimeout = 60\nbackoff = [0, 0.5]\nstop_grace = 0.2\nsilence_after = 3")
    assert (settings.max_agents, settings.timeout_s, settings.backoff_s) == (7, 60.0, (0.0, 0.5))
    assert (settings.stop_grace_s, settings.silence_after_s) == (0.2, 3.0)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("max_agents = 'five'", 1, ["max_agents", "'five'", "whole number"]),
        ("\nmax_agents = true", 2, ["max_agents", "True"]),
        ("max_agents = 0", 1, ["max_agents", "from 1"]),
        ("stall_after = 1\n\ntimeout = -1", 3, ["timeout", "seconds"]),
        ("backoff = 5", 1, ["backoff", "[5, 30, 120, 300]"]),
        ("stal_after = 3", 1, ["stal_after", "Did you mean stall_after?"]),
        ("nonsense = 3", 1, ["nonsense", "Known here"]),
        ("author = 'you'", 1, ["author", "polecat or me"]),
        ("[agents.a]\ncommand = 'x y'", 2, ["agents.a.command", '["python3", "agent.py"]']),
        ("[agents.a]\n\ncommand = []", 3, ["agents.a.command"]),
        ("[agents.a]\nmodel = 'm'", 1, ["agents.a.command", "missing"]),
        ("[agents.a]\nkind = 'comand'\ncommand = ['x']", 2, ["agents.a.kind", "command or acp"]),
        ("[agents.a]\ncommand = ['x']\nmax = 1\npromt = 'file'", 4, ["agents.a.promt", "prompt"]),
        ("[agents.'a b']\ncommand = ['x']", 1, ["“a b”", "A-Z"]),
        ("[agents]\na = 3", 2, ["[agents.a]"]),
        ("agents = 3", 1, ["agents", "table"]),
        ("[agents.a]\ncommand = ['x']\n[agents.a.env]\nK = 3", 3, ["agents.a.env", "K", "from_env"]),
        ("default_agent = 'nobody'", 1, ["default_agent", "“nobody”", "demo"]),
        ("a = 1\nb = oops", 2, ["b", "not valid TOML"]),
        ("[agents.a", 1, ["not valid TOML"]),
        ("[agents.kilo]\nshared = 'yes'", 2, ["agents.kilo.shared", "true or false"]),
        ("[agents.claude]\nshared = true", 2, ["agents.claude.shared", "kilo and opencode", "Leave the line out"]),
        ("[agents.a]\ncommand = ['x']\nshared = true", 3, ["agents.a.shared", "kilo and opencode"]),
        ("sandbox = 'auto'\n[agents.kilo]\nshared = true", 1, ["sandbox", "[agents.kilo]", 'sandbox = "none"']),
    ],
)
def test_a_mistake_names_file_line_key_and_cure(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(BadInputError) as caught:
        parse(text, "/h/config.toml")
    assert f"/h/config.toml, line {line}: " in caught.value.message
    for word in words:
        assert word in caught.value.message


def test_a_long_line_without_an_equals_sign_costs_nothing() -> None:
    with pytest.raises(BadInputError):
        parse("a" * 50_000)


def test_a_secret_in_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(BadInputError) as caught:
        parse("[agents.a]\ncommand = ['x']\nenv = { KEY = ['s3cret'] }")
    assert "s3cret" not in caught.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInputError, match="UTF-8"):
        load(path)


def test_variables_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file\n")
    text = f"""
    [agents.a]
    command = ["x"]
    env = {{ A = "plain", B = {{ from_env = "OUTER" }}, C = {{ from_file = "{tmp_path}/key" }} }}
    """
    agent = parse(text).agents["a"]
    assert agent.env == {"A": "plain", "B": FromEnv("OUTER"), "C": FromFile(f"{tmp_path}/key")}
    assert agent.environment({"OUTER": "outer"}) == {"A": "plain", "B": "outer", "C": "from file"}
    with pytest.raises(BadInputError, match=r"\$OUTER is not set"):
        agent.environment({})


class TestChoosingAnAgent:
    def test_the_flag_wins_over_the_rig_and_the_rig_over_the_default(self) -> None:
        settings = parse("default_agent='a'\n[agents.a]\ncommand=['x']\n[agents.b]\ncommand=['x']")
        assert settings.pick_agent("demo", "b").name == "demo"
        assert settings.pick_agent(None, "b").name == "b"
        assert settings.pick_agent(None, None).name == "a"

    def test_the_only_one_is_taken_and_demo_never_counts(self) -> None:
        assert parse("[agents.kilo]\nmodel='m'").pick_agent().name == "kilo"
        with pytest.raises(BadInputError, match="No agent is configured"):
            parse("").pick_agent()

    def test_the_only_usable_one_is_taken_those_of_the_file_first(self) -> None:
        two = replace(parse("[agents.a]\ncommand=['x']\n[agents.b]\ncommand=['y']"), is_usable=lambda a: a.name != "a")
        assert two.pick_agent().name == "b"
        none = replace(parse(""), is_usable=lambda a: a.name in ("demo", "kilo"))
        assert none.pick_agent().name == "kilo"
        gone = replace(parse("[agents.a]\ncommand=['x']"), is_usable=lambda _: False)
        assert gone.pick_agent().name == "a", "so that what is wrong with it is said"

    def test_more_than_one_asks_for_a_name(self) -> None:
        with pytest.raises(BadInputError, match="default_agent"):
            parse("[agents.a]\ncommand=['x']\n[agents.b]\ncommand=['x']").pick_agent()

    def test_a_preset_needs_no_table_of_its_own(self) -> None:
        assert parse("").pick_agent("kilo") == AgentSettings("kilo", kind="acp", preset="kilo")

    def test_any_program_can_be_spoken_with(self) -> None:
        settings = parse("[agents.agent]\nkind='acp'\ncommand=['x']")
        assert settings.pick_agent("agent") == AgentSettings("agent", kind="acp", command=("x",))
        assert settings.talks("agent")
        assert not settings.talks("demo")

    def test_an_unknown_one_lists_the_known(self) -> None:
        with pytest.raises(BadInputError, match="Known: demo"):
            parse("").pick_agent("nobody")
