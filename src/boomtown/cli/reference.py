"""`docs/commands.md`, made from the table of commands: `python -m boomtown.cli.reference > docs/commands.md`."""

from __future__ import annotations

from collections.abc import Iterator

from boomtown.cli.commands import GROUPS, INSIDE, Argument, Command

_BEGIN = """\
# Commands

`boomtown`, or `bt` for short. This page is made from the table that the program itself uses.

* Every command that prints data takes `--json`: then exactly one JSON document is on stdout and nothing else. What
  follows (`log --follow`, `events --follow`, `watch`) prints one JSON document a line. Objects are in snake_case, every
  field is always there.
* Exit status: 0 done, 1 failed, 2 called wrongly. What is wrong, and what to do, is one line on stderr.
* RIG, POLECAT and BEAD may be a name (`Toast`, or `web/Toast`), an id, or the beginning of an id. Where a POLECAT fits,
  a BEAD does too. If a beginning fits more than one, they are listed.
* Options may stand anywhere; after `--` everything is taken as it is.
* Colour only on a terminal, and not with `NO_COLOR`.

| variable | means |
|---|---|
| `BOOMTOWN_HOME` | where everything is kept; `~/.boomtown` without it |
| `BOOMTOWN_URL`, `BOOMTOWN_TOKEN` | a server elsewhere; without them the one that runs for the home |

Without a server work `up`, `demo`, `agent list`, `agent check`, `completion` and `--help`.
"""
_INSIDE = """\
## For agents

Inside a worktree, from the variables that the town sets there. They wait up to a minute for a server that restarts,
and end with status 1 and the word FENCED when the run is over. `mail send` and `escalate` arrive at least once: if an
answer was lost on its way they are sent again.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_BEGIN]
    for title, commands in GROUPS.items():
        parts += [f"## {title}\n", *(_section(command) for command in commands)]
    parts += [_INSIDE, *(_section(command) for command in INSIDE)]
    return "\n".join(parts)


def _section(command: Command) -> str:
    lines = [
        f"### `{' '.join(['boomtown', command.words, *_usage(command)])}`",
        "",
        f"{_sentence(command.summary)}",
        "",
    ]
    lines += [f"* `{_spelled(argument)}`: {argument.help}" for argument in command.arguments]
    return "\n".join(lines).rstrip() + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _usage(command: Command) -> Iterator[str]:
    for argument in command.arguments:
        if not argument.positional:
            many = "…" if argument.rest.get("action") == "append" else ""
            yield _spelled(argument) if argument.rest.get("required") else f"[{_spelled(argument)}]{many}"
            continue
        name: str = argument.rest.get("metavar", argument.flags[0])
        nargs = argument.rest.get("nargs")
        yield f"[{name}]" if nargs == "?" else f"{name}…" if nargs else name


def _spelled(argument: Argument) -> str:
    metavar = argument.rest.get("metavar")
    flags = ", ".join(argument.flags) if argument.positional or len(argument.flags) == 1 else argument.flags[0]
    return flags if argument.positional or metavar is None else f"{flags} {metavar}"


if __name__ == "__main__":
    print(page(), end="")
