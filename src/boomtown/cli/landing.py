"""Between a finished branch and the default branch: the merge queue, and what a person decides there."""

from __future__ import annotations

from argparse import Namespace

from boomtown.cli.beads import for_each_bead
from boomtown.cli.client import connect
from boomtown.cli.output import Column, Output, paint, table, terminal_width
from boomtown.cli.sentences import ago, merge_sentence, short

_STYLE = {"approval": "accent", "remote_refused": "accent", "base_red": "accent", "failed": "red", "merged": "dim"}


def merges(args: Namespace, out: Output) -> None:
    """All unfinished merges of a rig and the last finished ones."""
    queue = connect().query("getMergeQueue", rigId=args.RIG)
    columns = [
        Column("merge", lambda m: short(m["id"]), "dim"),
        Column("bead", lambda m: short(m["bead_id"]), "dim"),
        Column("status", lambda m: m["status"], lambda m: _STYLE.get(m["status"], "")),
        Column("since", lambda m: ago(m["updated_at"]), right=True),
        Column("branch", lambda m: m["branch"]),
        Column("what happens", merge_sentence),
    ]
    out.show(queue, lambda: table(queue, columns, terminal_width()) if queue else ["Nothing waits to land."])


def retry(args: Namespace, out: Output) -> None:
    """Try a merge again."""
    merge = connect().mutate("retryMerge", mergeId=args.MERGE)
    out.say(merge, f"The merge of {short(merge['bead_id'])} is tried again.")


def diff(args: Namespace, out: Output) -> None:
    """What a bead changes against the merge base, uncommitted work included while it is live."""
    found = connect().query("getDiff", beadId=args.BEAD)
    text = found["stat"] if args.stat else found["text"]
    out.show(found, lambda: _coloured(text) if text.strip() else ["It changes nothing yet."])


_DIFF_STYLE = {"+": "green", "-": "red", "@": "accent"}


def _coloured(text: str) -> list[str]:
    """A diff is shown as it is; only whole lines get a colour."""
    lines = text.rstrip("\n").split("\n")
    return [paint(line, _DIFF_STYLE[line[0]]) if line[:1] in _DIFF_STYLE else line for line in lines]


def approve(args: Namespace, out: Output) -> int:
    """Let beads land, in the order given."""
    return for_each_bead("approveBead", "may land", args.BEAD, out)


def rework(args: Namespace, out: Output) -> None:
    """Send a bead back with a comment; it costs no attempt."""
    bead = connect().mutate("reworkBead", beadId=args.BEAD, comment=args.message)
    out.say(bead, f"{short(bead['id'])} “{bead['title']}” goes back with your comment.")


def discard(args: Namespace, out: Output) -> int:
    """Throw a bead's work away."""
    return for_each_bead("discardBead", "is discarded", [args.BEAD], out)


def pull(args: Namespace, out: Output) -> None:
    """Fast-forward the local checkout that a rig was made from."""
    result = connect().mutate("pullRig", rigId=args.RIG)
    out.say(result, result["message"])
