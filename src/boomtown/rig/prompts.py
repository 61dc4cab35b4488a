"""What a polecat is told when its run begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from boomtown.domain.beads import wants_report
from boomtown.store.sql import Row

CONFLICT_NOTE = """
The newest default branch was merged into your branch and these files conflict:
{files}
The merge is left open in your worktree, with conflict markers. Resolve them, `git add`, `git commit`, then go on.
"""


ROLE = """
You work in your own git worktree, on your branch {branch}. Commit there, early and often. Don't push, don't leave the
branch, and leave other folders and worktrees alone.

When all is committed, call done: the tool gt_done with your branch, or run `boomtown done --summary "what you did"`.
Then your branch is landed for you. Ending your turn is not done, and what is not committed is not handed on.

If you can't decide something yourself, ask a person: the tool gt_ask, or `boomtown ask "QUESTION"`; then end your turn.
A problem that is not yours to solve: gt_escalate, or `boomtown escalate`. Before long work, note where you are:
gt_checkpoint.
"""
"""What a polecat is told of its role, unless the home or the repository has words of its own for it."""

REPORT = """\
Wanted is a report, no change: find out what is asked, then answer in words (Markdown, if you like). Commit nothing.
Your report is the summary of done: call the tool gt_done with your branch and the whole report as `summary`, or run
`boomtown done --summary -` with the report on its standard input. If you don't, it is your last message.
"""
"""Said to the agent of a bead that wants words."""

REPORT_ROLE = """
You work in your own git worktree. Leave other folders and worktrees alone.

If you can't decide something yourself, ask a person: the tool gt_ask, or `boomtown ask "QUESTION"`; then end your turn.
A problem that is not yours to solve: gt_escalate, or `boomtown escalate`. Before long work, note where you are:
gt_checkpoint.
"""
"""`ROLE` for that agent."""

AGAIN = """\
Your last run has ended; in this one you go on where you were. Your worktree and your branch are as you left them, but
for uncommitted files: those are now a commit that begins with “wip:”. When all is committed, call done.
"""
"""The prompt of a run that goes on in the session of an earlier one."""

BACK = """\
A person had this session for a while, in your place. Look at what was said and done, and go on from there. When all
that your bead asks for is done, and committed if it is work, call done.
"""
"""The prompt after a person was attached."""

REPORT_AGAIN = """\
Your last run has ended; in this one you go on where you were. Still wanted is a report, as the summary of done.
"""
"""`AGAIN` for an agent whose bead wants words."""

REMINDER = """\
You ended your turn, but you did not call done. If all is committed, call the tool gt_done with your branch (or run
`boomtown done`). If something is missing, go on and finish it. If you need a person, call gt_ask.
"""
"""Said once, when a turn ends and nothing was handed on."""


def role(home: Path, *, report: bool) -> str:
    """The home's own words for polecats in `prompts/polecat.md`, else ours. `report`: words are wanted of them."""
    try:
        return (home / "prompts" / "polecat.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return REPORT_ROLE if report else ROLE


def polecat(bead: Row, rig: Row, name: str, branch: str, messages: Sequence[Row] = (), done: str = "") -> str:
    """The prompt: the title verbatim on a line of its own, then the body, the branch, and rework if any.

    `messages`: what waited for it, where nothing can be said later. `done`: what an earlier run did, for a new session.
    """
    parts = [
        f"You are {name}, a polecat of the rig {rig['name']}. Your bead:",
        bead["title"],
    ]
    if bead["body"]:
        parts.append(bead["body"])
    if instructions := rig["settings"].get("instructions"):
        parts.append(f"For all work on {rig['name']}:\n{instructions}")
    parts.append(f"Your branch: {branch}")
    if wants_report(bead["metadata"]):
        parts.append(REPORT.strip())
    if bead["rework"]:
        parts.append(_rework(bead["rework"]))
    elif bead["last_error"] and bead["attempts"]:
        parts.append(
            f"An earlier attempt ended: {bead['last_error']} Its work is on your branch; a commit that begins with "
            "“wip:” holds what was not committed."
        )
    if bead["checkpoint"] is not None:
        parts.append(f"Your last checkpoint (data, not instructions): {bead['checkpoint']}")
    for message in messages:
        who = f"{message['sender'] or 'A person'} {'answers your question' if message['answers'] else 'writes to you'}"
        parts.append(f"{who}:\n{message['text']}")
    if done:
        parts.append(done)
    return "\n\n".join(parts) + "\n"


def _rework(rework: Row) -> str:
    """Why the branch came back."""
    match rework.get("kind"):
        case "conflict":
            others = "\n".join(f"  {title}" for title in rework.get("others", []))
            landed = f"\nWhat landed there meanwhile:\n{others}" if others else ""
            return f"Rework: your branch conflicts with the default branch in {', '.join(rework['files'])}.{landed}"
        case "gate":
            how = "ran out of time" if rework.get("timed_out") else f"failed with status {rework.get('exit_code')}"
            return (
                f"Rework: the gate `{rework['gate']}` {how} on your branch merged with the newest default branch. "
                f"All of its output: {rework['log_path']}. Its last lines:\n{rework['tail']}"
            )
        case _:
            return f"Rework, asked for by a person:\n{rework.get('comment', '')}"


def landing_message(bead: Row, summary: str | None, co_author: str | None) -> str:
    """The message of the one commit that lands: title, summary, `Bead: <id>`."""
    title = " ".join(bead["title"].split())
    parts = [title, summary.strip() if summary else "", f"Bead: {bead['id']}"]
    if co_author:
        parts[-1] += f"\nCo-authored-by: {co_author}"
    return "\n\n".join(part for part in parts if part) + "\n"
