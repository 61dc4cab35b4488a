"""All decisions of the Rig: one pure function over what *is*, so that every state has a rule that leads out of it."""

from __future__ import annotations

from collections.abc import Iterator

from boomtown.domain import actions as do
from boomtown.domain.beads import FINISHED, BeadStatus
from boomtown.domain.branches import branch_name
from boomtown.domain.kinds import refused
from boomtown.domain.merges import MergeStatus
from boomtown.domain.names import lowest_free
from boomtown.domain.runs import LIVE, Outcome, RunPhase, StopReason
from boomtown.domain.snapshot import Container, RunView, Seen, Snapshot
from boomtown.domain.verdict import judge

LIVE_ALARM_S = 5.0
IDLE_ALARM_S = 60.0
DONE_QUIET_S = 5.0
"""Between an accepted `done` and the first signal; an agent that is spoken with is let finish without one."""
_QUIET = (StopReason.DONE, StopReason.ASK)


def reconcile(snapshot: Snapshot, now: float) -> tuple[list[do.Change], list[do.Effect]]:
    """What to store and what to ask of the container, given how things stand at `now` (epoch seconds).

    Whoever stores the changes calls again until there are none. Asking for the same effect twice does no harm.
    """
    changes: list[do.Change] = []
    effects: list[do.Effect] = []
    for run in snapshot.runs:
        _follow(run, snapshot, now, changes, effects)
    changes += _budget_warnings(snapshot)
    released = list(_releases(snapshot))
    changes += released
    changes += _claims(snapshot, now, {release.polecat_id for release in released})
    effects += _leftovers(snapshot)
    effects += _landing(snapshot, now)
    return changes, effects


def alarm_at(snapshot: Snapshot, now: float) -> float:
    """When to look again without being woken: soon while something is live or due, exactly at what is due next."""
    busy = bool(snapshot.runs or snapshot.queue or any(m.status in _MOVING for m in snapshot.merges))
    times = [now + (LIVE_ALARM_S if busy else IDLE_ALARM_S)]
    times += [run.deadline_at for run in snapshot.runs if run.phase in LIVE and run.stop_reason is None]
    times += [due for run in snapshot.runs if run.stop_reason in _QUIET and (due := _stop_due(run)) > now]
    times += [merge.retry_at for merge in snapshot.merges if merge.retry_at is not None]
    times += [due for purse in snapshot.purses if purse.exhausted and (due := purse.renews_at) is not None]
    times += [state.until for state in snapshot.refused.values() if state.until is not None and state.until > now]
    if snapshot.next_due is not None:
        times.append(snapshot.next_due)
    return max(now, min(times))


def _follow(run: RunView, snapshot: Snapshot, now: float, changes: list[do.Change], effects: list[do.Effect]) -> None:
    """Lead one run from its claim to the end of its worktree."""
    container = snapshot.container
    if container is None:  # nobody to ask, nothing to see: silence never ends a run
        if run.phase in LIVE and (reason := _reason_to_stop(run, snapshot, now)):
            changes.append(do.AskToStop(run, reason))
        return
    if run.phase == RunPhase.ENDED:
        if run.id not in snapshot.busy:
            effects.append(do.Dispose(run.id))
        return
    seen = container.runs.get(run.id, run.exit)
    if run.phase == RunPhase.EXITED or _is_over(run, seen, container):
        _conclude(run, seen, snapshot, now, changes, effects)
        return
    if run.container_id is None:
        changes.append(do.Assign(run, container.id))
        return
    if seen and seen.state == "running" and run.phase == RunPhase.CLAIMED:
        changes.append(do.NoteStarted(run, seen))
    _converse(run, seen, snapshot, changes, effects)
    if seen is not None and seen.answered and _shows(run, snapshot):
        changes.append(do.Revive(run.agent_kind))
    if reason := _reason_to_stop(run, snapshot, now):
        changes.append(do.AskToStop(run, reason))
    elif run.stop_reason is not None:
        if not _is_told(run, seen, snapshot) and now >= _stop_due(run):
            effects.append(do.Stop(run.id, _grace_left(run, snapshot, now)))
    elif seen is None:
        if run.id not in snapshot.busy:
            effects.append(do.Start(run.id))
    elif (stalled := _is_stalled(run, seen, snapshot, now)) != run.stalled:
        changes.append(do.NoteStalled(run, stalled))


def _converse(
    run: RunView, seen: Seen | None, snapshot: Snapshot, changes: list[do.Change], effects: list[do.Effect]
) -> None:
    """What an agent asks, what it has taken in, and what it shall be told."""
    if seen is None or seen.state != "running":
        return
    asking = seen.question.id if seen.question else None
    if asking != run.asking and run.bead.question is None:
        changes.append(do.NoteQuestion(run, seen.question))
    if heard := run.unheard & seen.delivered:
        changes.append(do.NoteDelivered(run, heard))
    new = {(run.id, message) for message in run.unheard - seen.delivered} - snapshot.told
    if new and run.talks and run.stop_reason is None and do.tell_key(run.id) not in snapshot.busy:
        effects.append(do.Tell(run.id))


def _is_told(run: RunView, seen: Seen | None, snapshot: Snapshot) -> bool:
    """Whether the container knows that the run shall end. One that it never listed may have failed to start."""
    if do.stop_key(run.id) in snapshot.busy:
        return True
    return (run.id, run.stop_reason) in snapshot.stopping and (seen is not None or run.id in snapshot.busy)


def _is_over(run: RunView, seen: Seen | None, container: Container) -> bool:
    """Proof that no process of the run is left."""
    if run.id in container.gone or (seen is not None and seen.state == "exited"):
        return True
    return seen is None and run.container_id is not None and run.container_id != container.id


def _conclude(
    run: RunView,
    seen: Seen | None,
    snapshot: Snapshot,
    now: float,
    changes: list[do.Change],
    effects: list[do.Effect],
) -> None:
    facts = seen.facts if seen and seen.facts else run.facts
    if seen is not None and (heard := run.unheard & seen.delivered):
        changes.append(do.NoteDelivered(run, heard))
    if facts is not None:
        verdict = judge(run, seen, facts, snapshot.rules, now)
        changes.append(do.End(run, seen, facts, verdict))
        changes.extend(_learnt(run, seen, verdict, snapshot, now))
    elif run.phase != RunPhase.EXITED:
        changes.append(do.NoteExited(run, seen))
    elif run.id not in snapshot.busy:
        effects.append(do.Inspect(run.id))


def _shows(run: RunView, snapshot: Snapshot) -> bool:
    """Whether the run began after its kind was refused last, so that what it meets is news."""
    state = snapshot.refused.get(run.agent_kind)
    return state is not None and run.claimed_at >= state.since


def _learnt(
    run: RunView, seen: Seen | None, verdict: do.Verdict, snapshot: Snapshot, now: float
) -> Iterator[do.Suspend | do.Revive]:
    """What the end of a run says of its agent's kind."""
    refusal = seen.refusal if seen else None
    if refusal is not None and verdict.outcome in (Outcome.QUOTA, Outcome.AUTH):
        known = snapshot.refused.get(run.agent_kind)
        state = refused(known, run.agent_kind, refusal, run.claimed_at, now, snapshot.rules.quota_backoff_s)
        if state != known:
            yield do.Suspend(state)
    elif verdict.outcome in _PROVEN and _shows(run, snapshot):
        yield do.Revive(run.agent_kind)


_PROVEN = (Outcome.HANDED_ON, Outcome.REPORTED, Outcome.NO_WORK, Outcome.CONFLICT_MARKERS, Outcome.ASKED)
"""Ends of runs whose model has answered."""


def _reason_to_stop(run: RunView, snapshot: Snapshot, now: float) -> StopReason | None:
    if run.stop_reason not in (None, *_QUIET):
        return None
    if run.bead.status == BeadStatus.CANCELLED:
        return StopReason.CANCEL
    if run.stop_reason is not None:
        return None
    if now >= run.deadline_at:
        return StopReason.TIMEOUT
    if any(purse.exhausted for purse in (*run.bead.purses, *snapshot.purses)):
        return StopReason.BUDGET
    if _is_over_limit(run) and not _another_goes_first(run, snapshot):
        return StopReason.MEMORY_LIMIT
    if snapshot.memory is not None and snapshot.memory.to_stop == run.id:
        return StopReason.MEMORY
    return None


def _is_over_limit(run: RunView) -> bool:
    return run.memory_limit is not None and run.memory_bytes > run.memory_limit


def _another_goes_first(run: RunView, snapshot: Snapshot) -> bool:
    """Of those whose shares of one process are too large the youngest ends; then there is another look."""
    if not run.shared:
        return False
    over = [
        other
        for other in snapshot.runs
        if other.shared and other.agent_kind == run.agent_kind and other.phase in LIVE and _is_over_limit(other)
    ]
    ending = any(other.stop_reason == StopReason.MEMORY_LIMIT for other in over)
    return ending or run.id != max(over, key=lambda other: (other.claimed_at, other.number)).id


def _stop_due(run: RunView) -> float:
    """An agent that said done may end by itself first: its `done` wants an answer, its last lines a reader."""
    quiet_s = DONE_QUIET_S if run.stop_reason in _QUIET and not run.talks else 0.0
    return (run.stop_at or 0.0) + quiet_s


def _grace_left(run: RunView, snapshot: Snapshot, now: float) -> float:
    """Seconds until the tree is killed, counted from when the run was first asked to stop."""
    rules = snapshot.rules
    graces = {StopReason.DONE: rules.done_grace_s, StopReason.ASK: rules.done_grace_s, StopReason.DOWN_NOW: 0.0}
    whole = graces.get(StopReason(run.stop_reason or StopReason.STOP), rules.stop_grace_s)
    return max(0.0, (run.stop_at or now) + whole - now)


def _is_stalled(run: RunView, seen: Seen, snapshot: Snapshot, now: float) -> bool:
    if seen.question is not None or seen.attached:
        return False
    signs = (snapshot.awake_since, run.claimed_at, seen.started_at, seen.last_output_at, run.last_call_at)
    return now - max(sign for sign in signs if sign is not None) >= snapshot.rules.stall_after_s


def _budget_warnings(snapshot: Snapshot) -> Iterator[do.WarnOfBudget]:
    for purse in snapshot.purses:
        if purse.to_warn:
            yield do.WarnOfBudget(purse)
    for run in snapshot.runs:
        for purse in run.bead.purses:
            if purse.to_warn:
                yield do.WarnOfBudget(purse, run.bead.id)


def _releases(snapshot: Snapshot) -> Iterator[do.Release]:
    """The name is free when the bead is over, the process gone and the worktree removed."""
    unfinished = {run.polecat_id for run in snapshot.runs}
    for polecat in snapshot.polecats:
        if polecat.bead_status in FINISHED and polecat.id not in unfinished:
            yield do.Release(polecat.id)


def _claims(snapshot: Snapshot, now: float, released: set[str]) -> Iterator[do.Claim]:
    """Beads that are due, in queue order, while caps leave room."""
    if not snapshot.dispatching or any(purse.exhausted for purse in snapshot.purses):
        return
    live = sum(run.phase in LIVE for run in snapshot.runs)
    slots, kinds = snapshot.room.slots, dict(snapshot.room.kinds)
    names = [polecat.name for polecat in snapshot.polecats if polecat.id not in released]
    polecats = {polecat.bead_id: polecat for polecat in snapshot.polecats}
    number = snapshot.last_run_number
    memory, claimed = snapshot.memory, 0
    left = memory.left if memory is not None else 0
    for bead in snapshot.queue:
        if live >= snapshot.rules.max_polecats or slots == 0:
            return
        if slots is not None and (fewest := snapshot.room.fewest_elsewhere) is not None and live > fewest:
            return  # another rig of the home has fewer and waits too
        kind = next((kind for kind in bead.kinds if kind not in snapshot.room.suspended), None)
        if kind is None or kinds.get(kind, 1) <= 0:
            continue
        if memory is not None:
            if memory.lacks_for(kind, memory.live + claimed, left):
                return  # smaller ones that came later wait too, or large ones would wait for ever
            left -= memory.needs.get(kind, 0)
        claimed += 1
        known = polecats.get(bead.id)
        name = known.name if known else lowest_free(names, snapshot.rules.pool)
        names.append(name)
        number += 1
        live += 1
        slots = None if slots is None else slots - 1
        if kind in kinds:
            kinds[kind] -= 1
        yield do.Claim(
            bead=bead,
            agent_kind=kind,
            polecat_id=known.id if known else None,
            name=name,
            branch=branch_name(name, bead.prefix),
            number=number,
            deadline_at=now + (bead.timeout_s or snapshot.rules.timeout_s),
            container_id=snapshot.container.id if snapshot.container else None,
        )


def _leftovers(snapshot: Snapshot) -> Iterator[do.Effect]:
    """What the container has beyond the live runs: exits that are stored, and runs that nothing stored knows."""
    if snapshot.container is None:
        return
    live = {run.id for run in snapshot.runs if run.phase in LIVE}
    others = {run_id: seen for run_id, seen in snapshot.container.runs.items() if run_id not in live}
    stored = tuple(run_id for run_id, seen in others.items() if seen.state == "exited")
    if stored:
        yield do.Forget(stored)
    for run_id, seen in others.items():
        told = (run_id, StopReason.STRAY) in snapshot.stopping or do.stop_key(run_id) in snapshot.busy
        if seen.state != "exited" and not told:
            yield do.Stop(run_id, snapshot.rules.stop_grace_s)


_MOVING = (MergeStatus.WAITING, MergeStatus.TESTING, MergeStatus.LANDING)


def _landing(snapshot: Snapshot, now: float) -> Iterator[do.Land]:
    """One merge at a time: what has begun goes on first, then the oldest that waits, then a red base once more."""
    if snapshot.container is None or any(merge.id in snapshot.busy for merge in snapshot.merges):
        return
    ready = [merge for merge in snapshot.merges if merge.status in _MOVING and merge.clear]
    begun = [merge for merge in ready if merge.status != MergeStatus.WAITING]
    again = [merge for merge in snapshot.merges if merge.retry_at is not None and merge.retry_at <= now]
    for merge in (begun or ready or again)[:1]:
        yield do.Land(merge.id)
