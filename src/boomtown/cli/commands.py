"""Every command, as data: what it is called, what it takes, who does it. Help, completion and docs are made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRIORITIES = ("low", "medium", "high", "critical")
ROLES = ("viewer", "operator", "admin")
MERGE_MODES = ("review", "direct", "branch")
STATUSES = ("open", "in_progress", "in_review", "closed", "failed", "cancelled")


@dataclass(frozen=True)
class Argument:
    """One positional (`RIG`) or option (`--port`). `complete` names what the shell may offer; `rest` is argparse's."""

    flags: tuple[str, ...]
    help: str
    complete: str | None = None
    rest: dict[str, Any] = field(default_factory=dict)

    @property
    def positional(self) -> bool:
        return not self.flags[0].startswith("-")


@dataclass(frozen=True)
class Command:
    """`words` is what people type; `handler` is `module:function` below `boomtown.cli`, imported only when it runs."""

    words: str
    handler: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    group: str = ""
    json: bool = True
    hidden: bool = False


def _arg(*flags: str, says: str, complete: str | None = None, **rest: Any) -> Argument:
    return Argument(flags, says, complete, rest)


def _flag(*flags: str, says: str) -> Argument:
    return Argument(flags, says, rest={"action": "store_true"})


def _rig(says: str = "the rig's name, id or unique prefix", **rest: Any) -> Argument:
    return _arg("RIG", says=says, complete="rig", **rest)


def _bead(says: str = "the bead's id, a unique prefix, or its polecat's name", **rest: Any) -> Argument:
    return _arg("BEAD", says=says, complete="bead", **rest)


def _polecat(says: str = "its name (Toast or rig/Toast), an id, or its bead", **rest: Any) -> Argument:
    return _arg("POLECAT", says=says, complete="polecat", **rest)


def _whole(text: str) -> int:
    return int(text)


_whole.__name__ = "whole number"


def _seconds(text: str) -> float:
    return float(text)


_seconds.__name__ = "number of seconds"


def _amount(text: str) -> float:
    return float(text)


_amount.__name__ = "amount"

_MAYBE_RIG = _rig("only this rig", nargs="?")
_AGENT = _arg("--agent", says="the program that does it (see `agent list`)", complete="agent", metavar="A")
_MODEL = _arg("--model", says="the model that program should use", metavar="M")
_PRIORITY = _arg("--priority", says="|".join(PRIORITIES), choices=PRIORITIES, metavar="P")
_TIMEOUT = _arg("--timeout", says="seconds a run may last (default 4 h)", type=_seconds, metavar="S")
_BUDGET = _arg("--budget", says="US dollars that it may cost", type=_amount, metavar="USD")
_BUDGET_TOKENS = _arg("--budget-tokens", says="tokens that it may use", type=_whole, metavar="N")
_AFTER = _arg(
    "--after", says="wait until this bead is closed; may be given again", action="append", metavar="BEAD",
    complete="bead",
)  # fmt: skip
_GATE = _arg("--gate", says="a command that must pass before a bead lands; may be given again", action="append",
             metavar="CMD")  # fmt: skip
_MERGE = _arg("--merge", says="review (default: you approve), direct (lands by itself) or branch (pushes the branch)",
              choices=MERGE_MODES, metavar="M")  # fmt: skip
_HOST = _arg("--host", says="the address to listen on (default 127.0.0.1)", default="127.0.0.1", metavar="H")
_PORT = _arg("--port", says="the port (default: the last one, else 8030; 0 picks a free one)", type=_whole, metavar="N")

SERVER = (
    Command("up", "server:up", "start the town: its server and its container", (
        _HOST, _PORT,
        _flag("--detach", "-d", says="return once it answers, and leave it running"),
        _flag("--allow-remote", says="let other machines connect (needed with a --host that is not loopback)"),
    )),
    Command("down", "server:down", "stop the town; work in progress is kept and goes on at the next `up`", (
        _flag("--now", says="skip the 10 s in which agents may finish a thought; their work is kept all the same"),
    )),
    Command("restart", "server:restart", "replace the server while agents go on working"),
    Command("status", "status:status", "server, container, rigs, queue, merges, last errors"),
    Command("inbox", "status:inbox", "what waits for a person, oldest first"),
    Command("doctor", "doctor:doctor", "what is wrong with the home, and what to do about it", (
        _flag("--fix", says="mend what can be mended; nothing that may be work is deleted"),
    )),
    Command("backup", "backups:backup", "copy the database now; it is also done every 15 minutes in which it changes"),
    Command("restore", "backups:restore", "go back to a copy of the database; stops the town, loses no work", (
        _arg("NAME", says="the backup, or the beginning of its name (default: the newest)", nargs="?"),
        _flag("--list", says="only name the backups"),
    )),
    Command("demo", "demo:demo", "eight beads, five polecats, landed, in a throw-away home", json=False),
)  # fmt: skip

RIGS = (
    Command("rig add", "rigs:add", "put a git repository under management", (
        _arg("NAME", says="1 to 64 of A-Z a-z 0-9 . _ -"),
        _arg("GIT_URL", says="a path, file://, https://, ssh:// or git@ URL"),
        _arg("--branch", says="the default branch (default: the origin's HEAD)", metavar="B"),
        _arg("--max-polecats", says="how many may work at once (default 5)", type=_whole, metavar="N"),
        _AGENT, _GATE, _MERGE,
    )),
    Command("rig list", "rigs:listing", "all rigs"),
    Command("rig show", "rigs:show", "a rig, its settings and its polecats", (_rig(),)),
    Command("rig check", "rigs:check", "run the gates on the default branch", (_rig(),)),
    Command("rig set", "rigs:change", "change settings of a rig", (
        _rig(),
        _arg("SETTING", says="KEY=VALUE, such as merge=direct or max_polecats=8", nargs="+", metavar="KEY=VALUE"),
    )),
    Command("rig remove", "rigs:remove", "forget a rig and its clone; the origin is not touched", (
        _rig(), _flag("--discard", says="even with unfinished beads or unmerged branches: they are lost"),
    )),
)  # fmt: skip

BEADS = (
    Command("sling", "sling:sling", "give work to a rig: one bead per title, all or none", (
        _rig(), _arg("TITLE", says="what to do, in a line", nargs="*"),
        _arg("--body", says="more about it, for every title given", metavar="T"),
        _arg("--file", "-f", says="JSON Lines, one bead a line; - is standard input", metavar="F"),
        _AGENT, _MODEL, _PRIORITY, _AFTER, _TIMEOUT, _BUDGET, _BUDGET_TOKENS,
        _flag("--hold", says="don't start until `bead start`"),
        _flag("--report", says="wanted is the agent's text (see `bead show`), and no commit"),
        _arg("--key", says="the same key again gives the first answer instead of new beads", metavar="K"),
        _flag("--wait", says="stay until all are closed (0), or nothing moves without a person (1)"),
        _flag("--watch", says="as --wait, and show what the agents print"),
    )),
    Command("beads", "beads:listing", "the beads of a rig", (
        _rig(), _arg("--status", says="|".join(STATUSES), choices=STATUSES, metavar="S"),
    )),
    Command("bead show", "beads:show", "a bead with its attempts, events, merge and branch", (
        _bead(), _flag("--report", says="only the report that it was closed with, as it is"),
    )),
    Command("bead edit", "beads:edit", "change a bead that is not finished", (
        _bead(), _arg("--title", says="a new title", metavar="T"), _arg("--body", says="a new body", metavar="T"),
        _AGENT, _MODEL, _PRIORITY, _AFTER, _flag("--no-after", says="wait for no other bead"), _TIMEOUT,
        _BUDGET, _BUDGET_TOKENS,
    )),
    Command("bead start", "beads:start", "start a held bead", (_bead(nargs="+"),)),
    Command("bead cancel", "beads:cancel", "cancel a bead; its work stays on its branch", (_bead(nargs="+"),)),
    Command("bead retry", "beads:retry", "try a failed or cancelled bead again", (_bead(nargs="+"),)),
    Command("bead close", "beads:close", "close an escalation", (_bead(nargs="+"),)),
)  # fmt: skip

POLECATS = (
    Command("polecats", "polecats:listing", "the workers", (_MAYBE_RIG,)),
    Command("ps", "polecats:listing", "the same as `polecats`", (_MAYBE_RIG,), hidden=True),
    Command("log", "transcripts:log", "what a polecat's latest run printed", (
        _arg("POLECAT_OR_RUN", says="a polecat, its bead, or a run's id", complete="polecat"),
        _flag("--follow", "-f", says="go on until the run ends"),
        _arg("--since", says="only what came after this sequence number", type=_whole, metavar="SEQ"),
        _arg("--search", says="lines with this text, in all runs of the bead", metavar="TEXT"),
        _arg("--export", says="all runs of the bead, as markdown or json", choices=("markdown", "json")),
    )),
    Command("watch", "streams:watch", "what all polecats print, as it comes; full screen on a terminal", (_MAYBE_RIG,)),
    Command("events", "streams:events", "what happened", (
        _MAYBE_RIG, _flag("--follow", "-f", says="go on as it happens"),
        _arg("--since", says="only what came after this sequence number", type=_whole, metavar="SEQ"),
    )),
    Command("message", "polecats:message", "say something to a polecat, when its turn ends", (
        _polecat(), _arg("TEXT", says="what; - is standard input"),
        _flag("--now", says="at once: its turn is cut short"),
    )),
    Command("answer", "polecats:answer", "answer what a polecat asks (see `inbox`); it goes on where it was", (
        _polecat(), _arg("TEXT", says="the answer; - is standard input"),
    )),
    Command("stop", "polecats:stop", "stop a polecat; its bead is held until `bead start`", (_polecat(),)),
    Command("pause", "polecats:pause", "start nothing new, in one rig or everywhere", (
        _MAYBE_RIG, _flag("--stop", says="stop what runs, too"),
    )),
    Command("resume", "polecats:resume", "go on after `pause`, or after too many failures", (_MAYBE_RIG,)),
    Command("path", "polecats:path", "where a polecat's worktree is", (_polecat(),)),
    Command("shell", "polecats:shell", "a shell in a polecat's worktree, with its environment", (_polecat(),),
            json=False),
    Command("attach", "attaching:attach", "a live polecat's session in its agent's own interface, in this terminal", (
        _polecat(), _arg("--then", says="how it goes on when you leave: continue, hand-on or hold (default: asks)",
                         choices=("continue", "hand-on", "hold")),
    ), json=False),
    Command("try", "trying:attempt", "run what a bead has come to (the rig's `run`), in a scratch worktree", (_bead(),),
            json=False),
)  # fmt: skip

LANDING = (
    Command("merges", "landing:merges", "the merge queue of a rig", (_rig(),)),
    Command("merge retry", "landing:retry", "try a merge again that waits or failed", (
        _arg("MERGE", says="its id, or its bead", complete="bead"),
    )),
    Command("diff", "landing:diff", "what a bead changes", (
        _bead(), _flag("--stat", says="only how much, per file"),
    )),
    Command("approve", "landing:approve", "let beads land", (_bead(nargs="+"),)),
    Command("rework", "landing:rework", "send a bead back with a comment", (
        _bead(), _arg("-m", "--message", says="what to do better", required=True, metavar="TEXT"),
    )),
    Command("discard", "landing:discard", "throw a bead's work away", (_bead(),)),
    Command("pull", "landing:pull", "bring what landed into the checkout a rig was made from", (_rig(),)),
)  # fmt: skip

AGENTS = (
    Command("agent list", "agents:listing", "the programs that can be slung to"),
    Command("agent check", "agents:check", "whether a program is there, starts, and gets an answer from its model", (
        _arg("NAME", says="its name in config.toml", complete="agent"),
    )),
    Command("agent install", "agents:install", "install a preset's program, at its pinned version, into the home", (
        _arg("NAME", says="a preset: kilo, opencode, claude, codex, gemini or qwen", complete="agent"),
    )),
    Command("agent login", "agents:login", "give a program the home's own key, read from standard input", (
        _arg("NAME", says="its name, see `agent list`", complete="agent"),
        _arg("--provider", says="whose key it is, for Kilo and OpenCode", metavar="P"),
        _flag("--remove", says="forget the key"),
    )),
    Command("mcp", "mcp:serve", "the town's tools for an agent, on standard input and output", json=False),
    Command("completion", "completion:script", "shell completion: `boomtown completion bash`", (
        _arg("SHELL", says="bash, zsh or fish", choices=("bash", "zsh", "fish")),
    ), json=False),
)  # fmt: skip

USERS = (
    Command("user add", "users:add", "give somebody a token of their own; it is shown once", (
        _arg("NAME", says="1 to 64 of A-Z a-z 0-9 . _ -"),
        _arg("--role", says="viewer (reads), operator (slings and steps in) or admin (changes rigs and users)",
             choices=ROLES, required=True, metavar="R"),
    )),
    Command("user list", "users:listing", "who has a token of their own"),
    Command("user remove", "users:remove", "end somebody's token and sessions", (_arg("NAME", says="the user"),)),
)  # fmt: skip

INSIDE = (
    Command("done", "inside:done", "hand your branch on", (
        _arg("--summary", says="what you did, for the commit that lands, or the report; - is standard input",
             metavar="T"),
    ), hidden=True),
    Command("prime", "inside:prime", "who you are and what to do", hidden=True),
    Command("mail check", "inside:mail_check", "your new mail", (
        _flag("--all", says="all of it again"),
    ), hidden=True),
    Command("mail send", "inside:mail_send", "write to another agent", (
        _arg("TO", says="an agent's name or id"), _arg("SUBJECT", says="in a line"),
        _arg("BODY", says="the text; - is standard input", nargs="?", default=""),
    ), hidden=True),
    Command("escalate", "inside:escalate", "ask for a person", (
        _arg("TITLE", says="in a line"), _arg("--body", says="more about it", metavar="T"), _PRIORITY,
    ), hidden=True),
    Command("ask", "inside:ask", "ask a person; your bead waits for the answer", (
        _arg("QUESTION", says="one clear question; - is standard input"),
        _arg("--option", says="an answer to choose; may be given again", action="append", metavar="O"),
    ), hidden=True),
    Command("checkpoint", "inside:checkpoint_get", "what you noted for your next attempt", hidden=True),
    Command("checkpoint get", "inside:checkpoint_get", "what you noted for your next attempt", hidden=True),
    Command("checkpoint set", "inside:checkpoint_set", "note something for your next attempt", (
        _arg("DATA", says="JSON or text; - is standard input"),
    ), hidden=True),
)  # fmt: skip

GROUPS = {
    "Town": SERVER,
    "Rigs": RIGS,
    "Beads": BEADS,
    "Polecats": POLECATS,
    "Landing": LANDING,
    "Agents and shell": AGENTS,
    "Users": USERS,
}
COMMANDS = {command.words: command for group in (*GROUPS.values(), INSIDE) for command in group}
