"""Stores what `reconcile` decided, inside the transaction that it looked in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import singledispatch

from sqlalchemy import update

from boomtown.domain import actions as do
from boomtown.domain.beads import FINISHED, BeadStatus, check_move, wants_report
from boomtown.domain.branches import slug
from boomtown.domain.budgets import Scope
from boomtown.domain.merges import MergeMode, MergeStatus
from boomtown.domain.names import identity
from boomtown.domain.ports import lowest_free as lowest_free_ports
from boomtown.domain.runs import Outcome, RunPhase
from boomtown.domain.snapshot import RunView
from boomtown.home.paths import Home
from boomtown.home.times import iso
from boomtown.rig import purses
from boomtown.rig.transaction import Tx
from boomtown.store import beads, events, kinds, merges, messages, runs, sql, tables
from boomtown.store.sql import Row

STALLED = "Nothing was heard from you for a while. Go on, call done, or escalate."


@singledispatch
def apply(change: do.Change, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    """Store one change of `rig`."""
    raise TypeError(f"no rule to store {change!r}")


def move_bead(tx: Tx, rig: Row, bead_id: str, status: str, **values: object) -> None:
    """Change a bead's status, legally, and say so in the ledger. Raises `ConflictError`."""
    bead = sql.by_id(tx.db, tables.beads, bead_id)
    assert bead is not None, bead_id
    check_move(bead["type"], bead["status"], status, bead["title"])
    closed_at = tx.now if status in (BeadStatus.CLOSED, BeadStatus.CANCELLED, BeadStatus.FAILED) else None
    sql.change(
        tx.db, tables.beads, bead_id, **{"status": status, "updated_at": tx.now, "closed_at": closed_at, **values}
    )
    tx.emit(
        f"bead.{status}",
        rig=rig,
        bead_id=bead_id,
        title=bead["title"],
        was=bead["status"],
        error=values.get("last_error"),
        report=wants_report(bead["metadata"]),
    )
    if status in FINISHED:
        for message in messages.fail(tx.db, bead_id):
            tx.emit("message.failed", rig=rig, bead_id=bead_id, message_id=message["id"])


@apply.register
def _claim(claim: do.Claim, tx: Tx, rig: Row, home: Home) -> None:
    polecat_id = claim.polecat_id
    if polecat_id is None:
        polecat_id = tx.new_id()
        sql.add(
            tx.db,
            tables.polecats,
            id=polecat_id,
            rig_id=rig["id"],
            name=claim.name,
            name_key=slug(claim.name),
            bead_id=claim.bead.id,
            dispatches=1,
            created_at=tx.now,
        )
        tx.emit(
            "agent.registered",
            rig=rig,
            bead_id=claim.bead.id,
            agent_id=polecat_id,
            identity=identity(rig["name"], claim.name),
        )
    else:
        table = tables.polecats
        tx.db.execute(update(table).where(table.c.id == polecat_id).values(dispatches=table.c.dispatches + 1))
    run_id = tx.new_id()
    sql.change(tx.db, tables.rigs, rig["id"], last_run_number=claim.number)
    sql.add(
        tx.db,
        tables.runs,
        id=run_id,
        rig_id=rig["id"],
        number=claim.number,
        bead_id=claim.bead.id,
        polecat_id=polecat_id,
        phase=RunPhase.CLAIMED,
        branch=claim.branch,
        worktree=str(home.rig(rig["name"]).worktree(slug(claim.name))),
        agent_kind=claim.agent_kind,
        rework=claim.bead.rework,
        container_id=claim.container_id,
        claimed_at=tx.now,
        deadline_at=claim.deadline_at,
        port_base=lowest_free_ports(runs.taken_ports(tx.db)),
    )
    renamed = {"old_branch": claim.bead.branch} if claim.bead.branch not in (None, claim.branch) else {}
    move_bead(
        tx,
        rig,
        claim.bead.id,
        BeadStatus.IN_PROGRESS,
        agent_kind=claim.agent_kind,
        branch=claim.branch,
        not_before=None,
        **renamed,
    )
    tx.emit(
        "run.claimed",
        rig=rig,
        bead_id=claim.bead.id,
        agent_id=polecat_id,
        run_id=run_id,
        number=claim.number,
        name=claim.name,
        branch=claim.branch,
    )


@apply.register
def _assign(change: do.Assign, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    sql.change(tx.db, tables.runs, change.run.id, container_id=change.container_id)


@apply.register
def _started(change: do.NoteStarted, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    run, seen = change.run, change.seen
    sql.change(tx.db, tables.runs, run.id, phase=RunPhase.RUNNING, pid=seen.pid, started_at=seen.started_at or tx.now)
    sql.change(tx.db, tables.beads, run.bead.id, old_branch=None)
    if not run.talks:  # what waited was in its prompt
        waited = messages.queued(tx.db, run.bead.id)
        deliver(tx, rig, run, [row["id"] for row in waited if row["created_at"] <= run.claimed_at])
    tx.emit(
        "run.started",
        rig=rig,
        bead_id=run.bead.id,
        agent_id=run.polecat_id,
        run_id=run.id,
        number=run.number,
        pid=seen.pid,
    )


@apply.register
def _exited(change: do.NoteExited, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    seen = change.seen
    told = ("exit_code", "signal", "error", "setup_failed")
    values = {name: getattr(seen, name) for name in told} if seen else {}
    if seen and seen.report and not change.run.reported:
        values["summary"] = seen.report
    values["refusal"] = asdict(seen.refusal) if seen and seen.refusal else None
    sql.change(tx.db, tables.runs, change.run.id, phase=RunPhase.EXITED, exited_at=tx.now, **values)


@apply.register
def _ask_to_stop(change: do.AskToStop, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    ask_to_stop(tx, rig, change.run.id, change.run.bead.id, change.run.polecat_id, change.reason)


def ask_to_stop(tx: Tx, rig: Row, run_id: str, bead_id: str, polecat_id: str, reason: str) -> None:
    """Store that a run shall end; the effect follows from it."""
    sql.change(tx.db, tables.runs, run_id, stop_reason=reason, stop_at=tx.now)
    tx.emit("run.stopping", rig=rig, bead_id=bead_id, agent_id=polecat_id, run_id=run_id, reason=reason)


@apply.register
def _stalled(change: do.NoteStalled, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    run = change.run
    sql.change(tx.db, tables.runs, run.id, stalled_at=tx.now if change.stalled else None)
    kind = "agent.stalled" if change.stalled else "agent.heard_again"
    tx.emit(kind, rig=rig, bead_id=run.bead.id, agent_id=run.polecat_id, run_id=run.id)
    if change.stalled and run.talks:
        messages.add(
            tx.db,
            id=tx.new_id(),
            rig_id=rig["id"],
            bead_id=run.bead.id,
            sender="The town",
            text=STALLED,
            created_at=tx.now,
        )
    elif change.stalled:
        events.send_mail(
            tx.db,
            id=tx.new_id(),
            rig_id=rig["id"],
            from_agent_id=rig["id"],
            to_agent_id=run.polecat_id,
            subject="Nudge",
            body=STALLED,
            created_at=tx.now,
        )


@apply.register
def _suspend(change: do.Suspend, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    state = change.state
    kinds.suspend(tx.db, **asdict(state))
    tx.all_rigs = True
    tx.emit("agent_kind.suspended", agent_kind=state.kind, why=state.why, until=iso(state.until), error=state.words)


@apply.register
def _revive(change: do.Revive, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    kinds.revive(tx.db, change.kind)
    tx.all_rigs = True
    tx.emit("agent_kind.revived", agent_kind=change.kind)


@apply.register
def _release(change: do.Release, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    sql.change(tx.db, tables.polecats, change.polecat_id, released_at=tx.now)
    polecat = sql.by_id(tx.db, tables.polecats, change.polecat_id)
    bead_id = polecat["bead_id"] if polecat else None
    tx.emit("agent.released", rig=rig, bead_id=bead_id, agent_id=change.polecat_id)


@apply.register
def _question(change: do.NoteQuestion, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    run, asked = change.run, change.question
    if asked is None:
        sql.change(tx.db, tables.beads, run.bead.id, question=None)
        return
    set_question(tx, rig, run.bead.id, asked.id, asked.text, asked.options, run.polecat_id, run.id, waits=True)


def set_question(
    tx: Tx,
    rig: Row,
    bead_id: str,
    question_id: str,
    text: str,
    options: Sequence[str],
    polecat_id: str,
    run_id: str,
    *,
    waits: bool,
) -> None:
    """Store what a person is asked. `waits`: the run stands still for the answer, and the question ends with it."""
    asked = {"id": question_id, "text": text, "options": list(options), "run_id": run_id if waits else None}
    sql.change(tx.db, tables.beads, bead_id, question=asked, updated_at=tx.now)
    tx.emit("bead.asked", rig=rig, bead_id=bead_id, agent_id=polecat_id, run_id=run_id, question=text)


@apply.register
def _delivered(change: do.NoteDelivered, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    deliver(tx, rig, change.run, change.message_ids)


@apply.register
def _warn_of_budget(change: do.WarnOfBudget, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    whose = None if change.purse.scope == Scope.HOME else rig
    tx.emit(purses.WARNED, rig=whose, bead_id=change.bead_id, **purses.warning(change.purse))


def deliver(tx: Tx, rig: Row, run: RunView, message_ids: Collection[str]) -> None:
    """Note that the run's agent has these messages."""
    for message in messages.deliver(tx.db, message_ids, tx.now):
        tx.emit(
            "message.delivered",
            rig=rig,
            bead_id=run.bead.id,
            agent_id=run.polecat_id,
            run_id=run.id,
            message_id=message["id"],
        )


@apply.register
def _end(change: do.End, tx: Tx, rig: Row, home: Home) -> None:  # noqa: ARG001
    run, seen, verdict = change.run, change.seen, change.verdict
    _store_end(change, tx)
    tx.freed = True
    tx.emit(
        "run.ended",
        rig=rig,
        bead_id=run.bead.id,
        agent_id=run.polecat_id,
        run_id=run.id,
        number=run.number,
        outcome=verdict.outcome,
        exit_code=seen.exit_code if seen else None,
        signal=seen.signal if seen else None,
        error=verdict.error,
    )
    if verdict.outcome == Outcome.HANDED_ON:
        _hand_on(change, tx, rig)
        return
    if verdict.outcome == Outcome.REPORTED:
        _report(change, tx, rig)
        return
    _fail_early_merge(tx, rig, run.bead.id, verdict.error)
    streaks = {
        "attempts": verdict.attempts,
        "delay_step": verdict.delay_step,
        "no_work_streak": verdict.no_work_streak,
        "lost_streak": verdict.lost_streak,
        "own_commits": change.facts.own_commits,
    }
    if verdict.bead_status is None:
        sql.change(tx.db, tables.beads, run.bead.id, **streaks)
        return
    if verdict.pause_why is not None:
        pause_rig(tx, rig, verdict.pause_why)
    held = {"held": True, "held_why": verdict.held_why} if verdict.held_why else {}
    error = {"last_error": verdict.error} if verdict.error else {}
    move_bead(tx, rig, run.bead.id, verdict.bead_status, not_before=verdict.not_before, **streaks, **held, **error)


def pause_rig(tx: Tx, rig: Row, why: str) -> None:
    """The town starts nothing more in a rig in which nothing would get further, until a person has looked."""
    sql.change(tx.db, tables.rigs, rig["id"], paused=True, pause_why=why, pause_why_at=tx.now)
    tx.emit("rig.paused", rig=rig, whole_home=False, why=why)


def _store_end(change: do.End, tx: Tx) -> None:
    run, seen, verdict = change.run, change.seen, change.verdict
    sql.change(
        tx.db,
        tables.runs,
        run.id,
        phase=RunPhase.ENDED,
        ended_at=tx.now,
        exit_code=seen.exit_code if seen else None,
        signal=seen.signal if seen else None,
        outcome=verdict.outcome,
        error=verdict.error,
        wip=verdict.wip,
        session=seen.session if seen else None,
        peak_memory_bytes=seen.peak_memory_bytes if seen else None,
        **(vars(seen.usage) if seen and seen.usage else {}),
    )
    if run.asking is not None:
        sql.change(tx.db, tables.beads, run.bead.id, question=None)
    beads.add_attempt(
        tx.db,
        run.bead.id,
        id=tx.new_id(),
        run_id=run.id,
        outcome=verdict.outcome,
        costs=verdict.costs,
        started_at=run.started_at or run.claimed_at,
        ended_at=tx.now,
        exit_status=_exit_status(change),
        error=verdict.error,
    )


def _exit_status(change: do.End) -> int | None:
    """As a shell says it: 128 + n for signal n."""
    seen = change.seen
    if seen is None:
        return None
    return 128 + seen.signal if seen.signal is not None else seen.exit_code


def _hand_on(change: do.End, tx: Tx, rig: Row) -> None:
    run = change.run
    move_bead(
        tx,
        rig,
        run.bead.id,
        BeadStatus.IN_REVIEW,
        own_commits=change.facts.own_commits,
        no_work_streak=0,
        lost_streak=0,
        delay_step=0,
        rework=None,
    )
    if merges.unfinished_of_bead(tx.db, run.bead.id) is None:
        add_merge(tx, rig, run.bead.id, run.id, change.run.bead.branch or "")


def _report(change: do.End, tx: Tx, rig: Row) -> None:
    """The bead is closed with its report: it passes review, as every bead does, but nobody has to look."""
    run, seen = change.run, change.seen
    if seen and seen.report and not run.reported:
        sql.change(tx.db, tables.runs, run.id, summary=seen.report)
    move_bead(tx, rig, run.bead.id, BeadStatus.IN_REVIEW, own_commits=change.facts.own_commits, rework=None)
    move_bead(tx, rig, run.bead.id, BeadStatus.CLOSED, no_work_streak=0, lost_streak=0, delay_step=0)


def add_merge(tx: Tx, rig: Row, bead_id: str, run_id: str, branch: str, pr_url: str | None = None) -> str:
    """Put a bead's branch into the merge queue; returns the merge's id."""
    merge_id = tx.new_id()
    status = MergeStatus.APPROVAL if rig["merge"] == MergeMode.REVIEW else MergeStatus.WAITING
    merges.add(
        tx.db,
        rig["id"],
        id=merge_id,
        bead_id=bead_id,
        run_id=run_id,
        branch=branch,
        status=status,
        pr_url=pr_url,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.emit(f"merge.{status}", rig=rig, bead_id=bead_id, run_id=run_id, merge_id=merge_id, branch=branch)
    return merge_id


def _fail_early_merge(tx: Tx, rig: Row, bead_id: str, error: str | None) -> None:
    """`done` made a merge, but git does not bear it out."""
    merge = merges.unfinished_of_bead(tx.db, bead_id)
    if merge is not None:
        set_merge(tx, rig, merge, MergeStatus.FAILED, error=error or "The run was ended.")


def set_merge(tx: Tx, rig: Row, merge: Row, status: str, **values: object) -> None:
    """Change a merge's status and say so in the ledger."""
    sql.change(tx.db, tables.merges, merge["id"], **{"status": status, "updated_at": tx.now, **values})
    tx.emit(f"merge.{status}", rig=rig, bead_id=merge["bead_id"], merge_id=merge["id"], error=values.get("error"))
