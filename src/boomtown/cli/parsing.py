"""From the words a person typed to a command and its arguments, building only the one parser that is needed.

argparse, because it starts in 10 ms; cyclopts takes 240 ms, which is most of what a read command may cost.
"""

from __future__ import annotations

import argparse
import difflib
from typing import Never

import boomtown
from boomtown.cli.commands import COMMANDS, GROUPS, Command
from boomtown.domain.errors import BadInputError

SUBGROUPS = frozenset(words.split()[0] for words in COMMANDS if " " in words)


class UsageError(BadInputError):
    """The command was called wrongly: exit status 2."""

    code = "USAGE"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        reason = message[:1].upper() + message[1:].rstrip(".")
        raise UsageError(f"{reason}. `{self.prog} --help` says more.")


def parse(argv: list[str]) -> tuple[Command, argparse.Namespace] | None:
    """The command and its arguments. None if help or the version was asked for, which is printed.

    Raises `UsageError` saying what is wrong and where to read on.
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        return _print_help(overview() if len(argv) < 2 or argv[0] != "help" else _help_of(argv[1:]))
    if argv[0] in ("-V", "--version"):
        return _print_help(f"boomtown {boomtown.__version__}")
    command, rest = find(argv)
    if command is None:
        if rest and rest[0] in ("-h", "--help"):
            return _print_help(group_help(argv[0]))
        raise UsageError(_no_command(argv))
    options, positionals = _sort(command, rest)
    parser = build(command)
    if "--help" in options:
        return _print_help(parser.format_help())
    return command, parser.parse_args([*options, "--", *positionals] if positionals else options)


def find(argv: list[str]) -> tuple[Command | None, list[str]]:
    """The command that `argv` begins with, and what follows it; of two the longer one."""
    two = " ".join(argv[:2])
    if len(argv) > 1 and two in COMMANDS:
        return COMMANDS[two], argv[2:]
    if argv[0] in COMMANDS:
        return COMMANDS[argv[0]], argv[1:]
    return None, argv[1:]


def build(command: Command) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = _Parser(
        prog=f"boomtown {command.words}",
        description=command.summary[:1].upper() + command.summary[1:] + ".",
        allow_abbrev=False,
        add_help=False,
    )
    for argument in command.arguments:
        rest = dict(argument.rest)
        if argument.positional and "nargs" in rest and "metavar" not in rest:
            rest["metavar"] = argument.flags[0]
        parser.add_argument(*argument.flags, help=argument.help.replace("%", "%%"), **rest)
    if command.json:
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("-h", "--help", action="store_true", help="show this and leave")
    return parser


def _sort(command: Command, words: list[str]) -> tuple[list[str], list[str]]:
    """Options as `--name` or `--name=value`, and positionals: people mix them, argparse can't, on every version.

    After `--` everything is positional.
    """
    long_names = {flag: argument for argument in command.arguments for flag in argument.flags if flag.startswith("-")}
    options: list[str] = []
    positionals: list[str] = []
    ahead = iter(words)
    for word in ahead:
        name, equals, value = word.partition("=")
        if word == "--":
            positionals += ahead
        elif word == "-" or not word.startswith("-") or " " in name:
            positionals.append(word)
        elif name not in long_names:
            options.append({"-h": "--help"}.get(word, word))
        else:
            argument = long_names[name]
            spelled = next(flag for flag in argument.flags if flag.startswith("--"))
            if argument.rest.get("action") == "store_true":
                options.append(spelled + equals + value)
            elif equals or (value := next(ahead, None)) is not None:
                options.append(f"{spelled}={value}")
            else:
                raise UsageError(f"{name} needs a value. `boomtown {command.words} --help` says more.")
    return options, positionals


def _print_help(text: str) -> None:
    print(text.rstrip("\n"))


def overview() -> str:
    """What `boomtown --help` prints."""
    lines = [
        "usage: boomtown COMMAND …   (short: bt)",
        "",
        "A town of coding agents: many at once on one repository, landed through a merge queue.",
    ]
    width = 2 + max(len(command.words) for group in GROUPS.values() for command in group)
    for title, group in GROUPS.items():
        lines += ["", title]
        lines += [f"  {command.words:<{width}}{command.summary}" for command in group if not command.hidden]
    return "\n".join([*lines, "", "`boomtown COMMAND --help` says more. The home is $BOOMTOWN_HOME (~/.boomtown)."])


def group_help(word: str) -> str:
    """What `boomtown rig --help` prints."""
    members = [c for c in COMMANDS.values() if c.words.split()[0] == word and not c.summary.startswith("comes in")]
    width = 2 + max(len(command.words) for command in members)
    return "\n".join([f"usage: boomtown {word} COMMAND …", "", *(f"  {c.words:<{width}}{c.summary}" for c in members)])


def _help_of(words: list[str]) -> str:
    command, _ = find(words)
    if command is not None:
        return build(command).format_help()
    if words[0] in SUBGROUPS:
        return group_help(words[0])
    raise UsageError(_no_command(words))


def _no_command(argv: list[str]) -> str:
    word = argv[0]
    if word in SUBGROUPS:
        members = [words.split()[1] for words in COMMANDS if words.startswith(f"{word} ")]
        wrong = f"There is no `boomtown {word} {argv[1]}`" if len(argv) > 1 else f"`boomtown {word}` is not complete"
        return f"{wrong}. Go on with {', '.join(members)}."
    near = difflib.get_close_matches(word, [w for w, c in COMMANDS.items() if not c.hidden], 1)
    cure = f"Did you mean `boomtown {near[0]}`?" if near else "`boomtown --help` lists all."
    return f"There is no command “{word}”. {cure}"
