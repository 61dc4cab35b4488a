"""What happens with a bead, in a sentence that ends with the cure where a person is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from boomtown.domain.beads import wants_report

SHORT = 8
"""Characters of an id that people are shown; any unique beginning does as an argument."""


def short(identifier: str | None) -> str:
    """The beginning of an id."""
    return (identifier or "")[:SHORT]


def bead_sentence(bead: dict[str, Any], merge: dict[str, Any] | None = None) -> str:
    """Where a bead stands. `merge` is its latest, which says the rest about one in review."""
    ref = short(bead["id"])
    match bead["status"]:
        case "open" if bead["type"] == "escalation":
            return f"Waits for you; then `boomtown bead close {ref}`"
        case "open":
            return _waiting(bead)
        case "in_progress" if bead.get("attached_by"):
            return f"{bead['attached_by']} has stepped in: the session of {bead['assignee']} is theirs"
        case "in_progress" if bead["question"]:
            return f"{bead['assignee'] or 'Its polecat'} asks: {bead['question']['text']} `boomtown answer {ref} TEXT`"
        case "in_progress":
            return f"{bead['assignee'] or 'A polecat'} is working"
        case "in_review":
            return merge_sentence(merge, ref) if merge else "On its way to the default branch"
        case "failed":
            why = _ended(bead["last_error"]) or "it failed."
            return f"{_count(bead['attempts'], 'attempt')}: {why} Then `boomtown bead retry {ref}`"
        case "cancelled":
            return f"Cancelled; `boomtown bead retry {ref}` takes it up again"
        case "closed" if wants_report(bead["metadata"]):
            return f"Reported: `boomtown bead show {ref} --report`"
        case "closed":
            return f"Landed as {short(merge['merge_commit'])}" if merge and merge["merge_commit"] else "Closed"
        case status:
            return str(status)


def _waiting(bead: dict[str, Any]) -> str:
    reason, detail = bead["queue_reason"], bead.get("queue_detail")
    if reason is None:
        return "About to start"
    if reason == "backoff" and bead["not_before"]:
        why = f": {_ended(bead['last_error'])}" if bead["last_error"] else ""
        return f"Tries again in {duration(-age_s(bead['not_before']))}{why}"
    if reason == "cap" and not detail:
        return f"Waiting for a free slot, number {bead['queue_position']} in line"
    if reason == "held" and bead["question"]:
        return f"It asks: {bead['question']['text']} `boomtown answer {short(bead['id'])} TEXT`"
    prefix = "Waiting: " if reason == "cap" else ""
    return f"{prefix}{detail or reason}"


def merge_sentence(merge: dict[str, Any], bead_ref: str | None = None) -> str:
    """Where a merge stands."""
    ref = bead_ref or short(merge["bead_id"])
    error = _ended(merge["error"])
    match merge["status"]:
        case "waiting":
            return f"Tries again soon: {error}" if error else "Waits for its turn to land"
        case "testing":
            return "Its gates run"
        case "landing":
            return "Lands"
        case "merged":
            return f"Landed as {short(merge['merge_commit'])}" if merge["merge_commit"] else "Landed"
        case "failed":
            return error or "Did not land"
        case "approval":
            return f"Waits for you: `boomtown diff {ref}`, then approve, rework or discard it"
        case "remote_refused":
            return f"Could not land: {error} Then `boomtown merge retry {ref}`"
        case "base_red":
            why = error or "the gate is red on the default branch too."
            return f"Red without it, too: {why} Mend the default branch, then `boomtown merge retry {ref}`"
        case status:
            return str(status)


def _ended(text: str | None) -> str:
    """The first line, with a full stop."""
    line = (text or "").strip().split("\n")[0].strip()
    return line if not line or line[-1] in ".!?…" else f"{line}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_time(text: str) -> float:
    """An ISO 8601 time as epoch seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def age_s(text: str) -> float:
    """Seconds since an ISO 8601 time; negative for one to come."""
    return datetime.now(UTC).timestamp() - parse_time(text)


def duration(seconds: float) -> str:
    """Seconds in at most two units: `8 s`, `3 min 10 s`, `2 h 5 min`, `4 d 1 h`."""
    whole = max(0, round(seconds))
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for place, (size, name) in enumerate(units):
        if whole >= size and size > 1:
            rest = whole % size // units[place + 1][0]
            tail = f" {rest} {units[place + 1][1]}" if rest else ""
            return f"{whole // size} {name}{tail}"
    return f"{whole} s"


def ago(text: str | None) -> str:
    """How long ago an ISO 8601 time was; empty for none."""
    return duration(age_s(text)) if text else ""


def clock(text: str) -> str:
    """An ISO 8601 time on this machine's clock, `HH:MM:SS`, with the date if it is not today."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%Y-%m-%d %H:%M:%S}"


def megabytes(number: float | None) -> str:
    """Bytes in MB; empty for none."""
    return "" if number is None else f"{number / 1e6:.0f} MB"


def spent(usage: dict[str, Any] | None) -> str:
    """Tokens and cost, such as `1.2k in, 340 out, $0.0123`; empty where nothing was counted."""
    if usage is None:
        return ""
    cost = f", ${usage['cost_usd']:.4f}" if usage["cost_usd"] is not None else ""
    return f"{_tokens(usage['input_tokens'])} in, {_tokens(usage['output_tokens'])} out{cost}"


def _tokens(count: int) -> str:
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if count >= 10 * size:
            return f"{count / size:.0f}{letter}"
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)
