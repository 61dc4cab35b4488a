"""What people type becomes a command and its arguments, or one line that says what is wrong."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from boomtown.cli import main
from boomtown.cli.commands import COMMANDS
from boomtown.cli.parsing import UsageError, parse


def parsed(*words: str) -> tuple[str, dict[str, Any]]:
    result = parse(list(words))
    assert result is not None
    command, arguments = result
    return command.words, {key: value for key, value in vars(arguments).items() if value}


def test_options_may_stand_between_positionals() -> None:
    words, given = parsed("sling", "rig", "one", "--body", "text", "two", "--after", "a", "--after=b", "three")
    assert words == "sling"
    assert given == {"RIG": "rig", "TITLE": ["one", "two", "three"], "body": "text", "after": ["a", "b"]}


def test_after_two_dashes_everything_is_positional() -> None:
    assert parsed("sling", "rig", "--", "--wait", "-x")[1] == {"RIG": "rig", "TITLE": ["--wait", "-x"]}


def test_a_value_may_look_like_an_option() -> None:
    assert parsed("rework", "bead", "-m", "--no, better so")[1]["message"] == "--no, better so"
    assert parsed("rework", "bead", "--message=-1")[1]["message"] == "-1"


def test_a_lone_dash_is_a_value() -> None:
    assert parsed("sling", "rig", "--file", "-")[1]["file"] == "-"
    assert parsed("checkpoint", "set", "-") == ("checkpoint set", {"DATA": "-"})


def test_a_title_that_begins_with_a_dash_and_has_spaces_is_a_title() -> None:
    assert parsed("sling", "rig", "- fix this")[1]["TITLE"] == ["- fix this"]


def test_the_longer_command_wins() -> None:
    assert parsed("mail", "check")[0] == "mail check"
    assert parsed("checkpoint")[0] == "checkpoint"
    assert parsed("ps")[0] == "ps"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["slign"], "Did you mean `boomtown sling`?"),
        (["frobnicate"], "`boomtown --help` lists all"),
        (["rig"], "Go on with add, list, show, check, set, remove"),
        (["rig", "ad"], "There is no `boomtown rig ad`"),
        (["bead", "show"], "BEAD"),
        (["rework", "bead"], "-m/--message"),
        (["rework", "bead", "-m"], "-m needs a value"),
        (["up", "--port", "eighty"], "invalid whole number value: 'eighty'"),
        (["beads", "rig", "--status", "done"], "choose from"),
        (["beads", "rig", "--statu", "open"], "--statu"),
        (["path", "one", "two"], "two"),
        (["up", "--detach=yes"], "--detach"),
        (["sling"], "RIG"),
    ],
)
def test_wrong_usage_is_status_2_with_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)
    assert main.run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("boomtown: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_has_a_handler(words: str) -> None:
    module, function = COMMANDS[words].handler.split(":")
    assert callable(getattr(importlib.import_module(f"boomtown.cli.{module}"), function))


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_explains_itself(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*words.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert f"usage: boomtown {words}" in out
    for argument in COMMANDS[words].arguments:
        assert argument.flags[0] in out or argument.rest.get("metavar", "") in out


def test_the_overview_names_every_command_for_people_and_none_for_agents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    for command in COMMANDS.values():
        assert (f"  {command.words}  " in out) != command.hidden, command.words


def test_a_group_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["rig", "--help"]) == 0
    assert "rig remove" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("boomtown 0.")
