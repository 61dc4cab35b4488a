"""Shell completion: a few lines of shell ask `boomtown _complete`, which knows every command and asks the server."""

from __future__ import annotations

from argparse import Namespace

from boomtown.cli.client import connect
from boomtown.cli.commands import COMMANDS, Argument, Command
from boomtown.cli.output import Output
from boomtown.cli.parsing import find
from boomtown.cli.sentences import short
from boomtown.domain.errors import BoomtownError
from boomtown.home.config import load
from boomtown.home.paths import Home

_BASH = """\
_boomtown() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(boomtown _complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" \\
        -- "${COMP_WORDS[COMP_CWORD]}"))
    [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _boomtown boomtown bt
"""
_ZSH = """\
#compdef boomtown bt
_boomtown() {
    local -a found
    found=("${(@f)$(boomtown _complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[*]}" ]]; then compadd -a found; else _files; fi
}
compdef _boomtown boomtown bt
"""
_FISH = """\
function __boomtown_complete
    set -l words (commandline -opc) (commandline -ct)
    boomtown _complete $words[2..-1] 2>/dev/null
end
complete -c boomtown -a '(__boomtown_complete)'
complete -c bt -a '(__boomtown_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(args: Namespace, _out: Output) -> None:
    """The script for one shell: `eval "$(boomtown completion bash)"`."""
    print(SCRIPTS[args.SHELL], end="")


def candidates(words: list[str]) -> list[str]:
    """What the last of `words` may become; it may be empty or half written."""
    *before, begun = words or [""]
    command, rest = find(before) if before else (None, [])
    if command is None:
        return _next_words(before, begun)
    if command.words in COMMANDS and not rest and any(c.startswith(f"{command.words} ") for c in COMMANDS):
        return _next_words(before, begun)
    return [word for word in _for_argument(command, rest, begun) if word.startswith(begun)]


def _next_words(before: list[str], begun: str) -> list[str]:
    position = len(before)
    shown = (c.words.split() for c in COMMANDS.values() if not c.hidden)
    fitting = {words[position] for words in shown if len(words) > position and words[:position] == before}
    return sorted(word for word in fitting if word.startswith(begun))


def _for_argument(command: Command, rest: list[str], begun: str) -> list[str]:
    options = {flag: argument for argument in command.arguments for flag in argument.flags if not argument.positional}
    last = options.get(rest[-1]) if rest else None
    if last is not None and last.rest.get("action") != "store_true":
        return _values(last)
    if begun.startswith("-"):
        return sorted([*options, "--help", *(["--json"] if command.json else [])])
    given = _positionals(rest, options)
    positionals = [argument for argument in command.arguments if argument.positional]
    place = min(given, len(positionals) - 1)
    if place < 0 or (given > place and positionals[place].rest.get("nargs") not in ("*", "+")):
        return []
    return _values(positionals[place])


def _positionals(rest: list[str], options: dict[str, Argument]) -> int:
    """How many positionals were written already."""
    count, skip = 0, False
    for word in rest:
        if skip:
            skip = False
        elif word in options:
            skip = options[word].rest.get("action") != "store_true"
        elif not word.startswith("-"):
            count += 1
    return count


def _values(argument: Argument) -> list[str]:
    if choices := argument.rest.get("choices"):
        return list(choices)
    source = _SOURCES.get(argument.complete or "")
    try:
        return source() if source else []
    except BoomtownError:
        return []


def _rigs() -> list[str]:
    return [rig["name"] for rig in connect().query("listRigs")]


def _polecats() -> list[str]:
    return [agent["name"] for agent in connect().query("listAgents")]


def _beads() -> list[str]:
    client = connect()
    pages = (client.query("listBeads", rigId=rig["id"], limit=200) for rig in client.query("listRigs"))
    return [short(bead["id"]) for page in pages for bead in page["items"] if bead["status"] != "closed"]


def _agents() -> list[str]:
    return list(load(Home.from_env().config).agents)


_SOURCES = {"rig": _rigs, "polecat": _polecats, "bead": _beads, "agent": _agents}
