"""What people do with a bead, each inside one transaction: edit, start, cancel, retry, close, review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from boomtown.domain.beads import RANK, UNFINISHED, BeadStatus, BeadType
from boomtown.domain.errors import AlreadyRunningError, BadInputError, ConflictError
from boomtown.domain.merges import MergeMode, MergeStatus
from boomtown.domain.runs import Outcome, StopReason
from boomtown.home.config import Settings
from boomtown.rig import changes, slinging
from boomtown.rig.transaction import Tx
from boomtown.store import beads, merges, messages, rigs, runs, sql, tables
from boomtown.store.sql import Row


def owner(tx: Tx, bead: Row) -> Row:
    """The rig that a bead belongs to."""
    rig = sql.by_id(tx.db, tables.rigs, bead["rig_id"])
    assert rig is not None, bead["rig_id"]
    return rig


def _only_issue(bead: Row, what: str) -> None:
    if bead["type"] != BeadType.ISSUE:
        raise ConflictError(f"“{bead['title']}” is an {bead['type']}; it can't be {what}.", code="ILLEGAL_TRANSITION")


def edit(tx: Tx, bead: Row, settings: Settings, values: dict[str, Any]) -> None:
    """Change what a bead says.

    `values`: title, body, priority, agent, model, timeout_s, budget_usd, budget_tokens, depends_on. What its agent was
    told already stays told; agent, model and what it waits for can't change while it runs.
    """
    if bead["status"] not in UNFINISHED:
        raise ConflictError(f"The bead “{bead['title']}” is {bead['status']}. `boomtown bead retry` opens it again.")
    rig, changed = owner(tx, bead), {}
    if "title" in values:
        changed["title"] = slinging.check_title(values["title"])
    if "body" in values:
        changed["body"] = slinging.check_body(values["body"])
    if "priority" in values:
        changed["priority"] = slinging.check_priority(values["priority"])
        changed["rank"] = RANK[changed["priority"]]
    if "timeout_s" in values:
        changed["timeout_s"] = slinging.check_timeout(values["timeout_s"])
    for name, where in (("budget_usd", "budgetUsd"), ("budget_tokens", "budgetTokens")):
        if name in values:
            changed[name] = slinging.check_budget(values[name], where)
    later = {"agent", "model", "depends_on"} & values.keys()
    if later and bead["status"] == BeadStatus.IN_PROGRESS:
        raise ConflictError(
            f"The bead “{bead['title']}” is running; {', '.join(sorted(later))} can't change. Stop it first."
        )
    if "agent" in values:
        agents = [agent.name for agent in settings.pick_agents(values["agent"], rig["agent"])]
        changed |= {"agent_kind": agents[0], "agents": ",".join(agents)}
    if "model" in values:
        changed["model"] = values["model"]
    if "depends_on" in values:
        _wait_for(tx, rig, bead, values["depends_on"])
    sql.change(tx.db, tables.beads, bead["id"], **changed, updated_at=tx.now)
    tx.emit("bead.edited", rig=rig, bead_id=bead["id"], fields=sorted(values))


def _wait_for(tx: Tx, rig: Row, bead: Row, refs: Sequence[str]) -> None:
    blockers = [slinging.blocker_id(tx, rig, ref, "dependsOn") for ref in refs]
    graph: dict[str, list[str]] = {}
    for one, other in beads.dependency_edges(tx.db, rig["id"]):
        graph.setdefault(one, []).append(other)
    graph[bead["id"]] = blockers
    slinging.check_acyclic(graph, lambda bead_id: f"“{(sql.by_id(tx.db, tables.beads, bead_id) or {}).get('title')}”")
    beads.set_blockers(tx.db, bead["id"], blockers)


def start(tx: Tx, bead: Row) -> None:
    """A person lets a held bead go, or does not want to wait for the back-off."""
    _only_issue(bead, "started")
    if bead["status"] == BeadStatus.IN_PROGRESS:
        raise AlreadyRunningError(f"The bead “{bead['title']}” is running already.")
    if bead["status"] != BeadStatus.OPEN:
        cure = " `boomtown bead retry` opens it again." if bead["status"] not in UNFINISHED else ""
        raise ConflictError(
            f"The bead “{bead['title']}” is {bead['status']}, not open.{cure}", code="ILLEGAL_TRANSITION"
        )
    sql.change(
        tx.db,
        tables.beads,
        bead["id"],
        held=False,
        held_why=None,
        not_before=None,
        no_work_streak=0,
        question=None,
        updated_at=tx.now,
    )
    tx.emit("bead.let_go", rig=owner(tx, bead), bead_id=bead["id"])


def cancel(tx: Tx, bead: Row) -> None:
    """At any moment but while it is being pushed; its process is killed, its work kept."""
    rig = owner(tx, bead)
    merge = merges.unfinished_of_bead(tx.db, bead["id"])
    if merge is not None and merge["status"] == MergeStatus.LANDING:
        raise ConflictError(f"The bead “{bead['title']}” is landing at this moment. Look again in a few seconds.")
    changes.move_bead(tx, rig, bead["id"], BeadStatus.CANCELLED, held=False, held_why=None, not_before=None)
    if merge is not None:
        changes.set_merge(tx, rig, merge, MergeStatus.FAILED, error="The bead was cancelled.", candidate=None)


def retry(tx: Tx, bead: Row) -> None:
    """A new set of attempts; history and branch are kept."""
    _only_issue(bead, "retried")
    if bead["status"] not in (BeadStatus.FAILED, BeadStatus.CANCELLED):
        cure = " `boomtown rework` sends it back." if bead["status"] == BeadStatus.IN_REVIEW else ""
        raise ConflictError(
            f"The bead “{bead['title']}” is {bead['status']}, neither failed nor cancelled.{cure}",
            code="ILLEGAL_TRANSITION",
        )
    changes.move_bead(
        tx,
        owner(tx, bead),
        bead["id"],
        BeadStatus.OPEN,
        attempts=0,
        delay_step=0,
        no_work_streak=0,
        lost_streak=0,
        not_before=None,
        held=False,
        held_why=None,
    )


def close(tx: Tx, bead: Row) -> None:
    """An escalation that was dealt with. An issue closes by landing."""
    if bead["type"] != BeadType.ESCALATION:
        raise ConflictError(
            f"The bead “{bead['title']}” is an issue; it closes when it lands. To give it up: `boomtown bead cancel`.",
            code="ILLEGAL_TRANSITION",
        )
    changes.move_bead(tx, owner(tx, bead), bead["id"], BeadStatus.CLOSED)


def stop(tx: Tx, polecat: Row) -> None:
    """End a polecat's run, keep its work, hold its bead. Raises `ConflictError` if there is no run."""
    run = _live_run(tx, polecat)
    rig = sql.by_id(tx.db, tables.rigs, run["rig_id"])
    assert rig is not None
    if run["stop_reason"] in (None, StopReason.DOWN):
        changes.ask_to_stop(tx, rig, run["id"], run["bead_id"], run["polecat_id"], StopReason.STOP)


def _live_run(tx: Tx, polecat: Row) -> Row:
    run = runs.live_of_bead(tx.db, polecat["bead_id"])
    if run is None or run["polecat_id"] != polecat["id"]:
        raise ConflictError(f"{polecat['name']} has no live run. Its bead: `boomtown bead show {polecat['name']}`.")
    return run


def hold(tx: Tx, bead: Row, why: str) -> None:
    """A person has to start it."""
    sql.change(tx.db, tables.beads, bead["id"], held=True, held_why=why, updated_at=tx.now)
    tx.emit("bead.held", rig=owner(tx, bead), bead_id=bead["id"], why=why)


# words

MESSAGE_MAX = 64 * 1024


def message(tx: Tx, polecat: Row, text: str, now: bool) -> str:
    """Say something to a polecat: at the next idle moment, or (`now`) at once. Returns the message's id."""
    bead = _addressed(tx, polecat, text)
    return send(tx, owner(tx, bead), bead["id"], text.strip(), now=now)


def answer(tx: Tx, polecat: Row, text: str) -> str:
    """Answer what a polecat asks; it goes on in the same session. Returns the message's id.

    Raises `ConflictError` if it asks nothing.
    """
    bead = _addressed(tx, polecat, text)
    asked, rig = bead["question"], owner(tx, bead)
    if asked is None:
        raise ConflictError(
            f"{polecat['name']} asks nothing. `boomtown message {polecat['name']} TEXT` says something unasked."
        )
    message_id = send(tx, rig, bead["id"], text.strip(), answers=asked["id"])
    if asked["run_id"] is None:
        sql.change(tx.db, tables.beads, bead["id"], question=None, updated_at=tx.now)
        if bead["status"] == BeadStatus.OPEN and bead["held"]:
            start(tx, bead)
    tx.emit("bead.answered", rig=rig, bead_id=bead["id"], agent_id=polecat["id"], question=asked["text"], answer=text)
    return message_id


def _addressed(tx: Tx, polecat: Row, text: str) -> Row:
    """The bead whose agent shall hear `text`."""
    if not text.strip():
        raise BadInputError("The text is empty.", field="message")
    if len(text) > MESSAGE_MAX:
        raise BadInputError(f"The text has {len(text)} characters; at most {MESSAGE_MAX} fit.", field="message")
    bead = sql.by_id(tx.db, tables.beads, polecat["bead_id"])
    assert bead is not None
    if bead["status"] not in (BeadStatus.OPEN, BeadStatus.IN_PROGRESS):
        cure = "`boomtown rework` sends it back." if bead["status"] == BeadStatus.IN_REVIEW else ""
        raise ConflictError(f"The bead “{bead['title']}” is {bead['status']}: nobody works on it. {cure}".strip())
    return bead


def send(
    tx: Tx, rig: Row, bead_id: str, text: str, *, now: bool = False, answers: str | None = None, sender: str = ""
) -> str:
    """Queue words for a bead's agent; returns their id."""
    message_id = tx.new_id()
    messages.add(
        tx.db,
        id=message_id,
        rig_id=rig["id"],
        bead_id=bead_id,
        text=text,
        sender=sender,
        now=now,
        answers=answers,
        created_at=tx.now,
    )
    tx.emit("message.queued", rig=rig, bead_id=bead_id, message_id=message_id, now=now)
    return message_id


# review


def _in_review(tx: Tx, bead: Row) -> Row:
    merge = merges.unfinished_of_bead(tx.db, bead["id"])
    if bead["status"] != BeadStatus.IN_REVIEW or merge is None:
        raise ConflictError(
            f"The bead “{bead['title']}” is {bead['status']}, not in review.", code="ILLEGAL_TRANSITION"
        )
    return merge


def approve(tx: Tx, bead: Row) -> None:
    merge = _in_review(tx, bead)
    if merge["status"] != MergeStatus.APPROVAL:
        raise ConflictError(f"The bead “{bead['title']}” waits for no approval; its merge is {merge['status']}.")
    changes.set_merge(tx, owner(tx, bead), merge, MergeStatus.WAITING, approved_at=tx.now)


def rework(tx: Tx, bead: Row, comment: str) -> None:
    """Send a bead back to its polecat with a comment; costs no attempt."""
    if not comment.strip():
        raise BadInputError("The comment is empty. Say what is to be done differently.", field="comment")
    comment = slinging.check_body(comment, "comment")
    merge = _in_review(tx, bead)
    if merge["status"] == MergeStatus.LANDING:
        raise ConflictError(f"The bead “{bead['title']}” is landing at this moment.")
    rig = owner(tx, bead)
    changes.set_merge(tx, rig, merge, MergeStatus.FAILED, error="A person asked for rework.", candidate=None)
    beads.add_attempt(
        tx.db,
        bead["id"],
        id=tx.new_id(),
        run_id=merge["run_id"],
        outcome=Outcome.REWORK,
        costs=False,
        started_at=merge["created_at"],
        ended_at=tx.now,
        exit_status=None,
        error=comment,
    )
    asked = {"kind": "person", "comment": comment, "by": tx.actor}
    changes.move_bead(tx, rig, bead["id"], BeadStatus.OPEN, rework=asked, not_before=None)


def retry_merge(tx: Tx, merge: Row) -> None:
    """Try a merge again that waits for something outside. What is remembered of the base's gates is found out anew."""
    rig = sql.by_id(tx.db, tables.rigs, merge["rig_id"])
    assert rig is not None
    if merge["status"] not in (MergeStatus.REMOTE_REFUSED, MergeStatus.BASE_RED):
        raise ConflictError(f"This merge is {merge['status']}; only remote_refused and base_red can be tried again.")
    if merge["status"] == MergeStatus.BASE_RED:
        rigs.forget_gate_results(tx.db, rig["id"])  # a gate that flaked would keep an unchanged base red for ever
    changes.set_merge(tx, rig, merge, MergeStatus.WAITING, error=None, candidate=None)


def land_by_itself(tx: Tx, rig: Row) -> None:
    """A rig that no longer reviews lets go what waited for approval."""
    if rig["merge"] == MergeMode.REVIEW:
        return
    for merge in merges.unfinished(tx.db, rig["id"]):
        if merge["status"] == MergeStatus.APPROVAL:
            changes.set_merge(tx, rig, merge, MergeStatus.WAITING)
