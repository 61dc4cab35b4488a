"""What holds at every moment, a sentence each. Simulations check all of it; a town that serves, what is cheap.

Checks look at a plain `State` and return what is wrong, in words. They decide nothing and change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from boomtown.domain.attempts import LIMIT
from boomtown.domain.beads import BeadStatus
from boomtown.domain.branches import slug
from boomtown.domain.facts import State
from boomtown.domain.merges import UNFINISHED_MERGES, MergeStatus


@dataclass(frozen=True)
class Breach:
    """An invariant that does not hold. `rule` is its sentence, `detail` what was found."""

    invariant: str
    rule: str
    detail: str


OfState = Callable[[State], Iterator[str]]
OfStep = Callable[[State, State], Iterator[str]]
AT_ALL_TIMES: list[OfState] = []
ACROSS_A_STEP: list[OfStep] = []


def _at_all_times(check: OfState) -> OfState:
    AT_ALL_TIMES.append(check)
    return check


def _across_a_step(check: OfStep) -> OfStep:
    ACROSS_A_STEP.append(check)
    return check


def breaches(before: State, after: State) -> list[Breach]:
    """Everything that is wrong with `after`, or with having come there from `before`."""
    found = [_breach(check, detail) for check in AT_ALL_TIMES for detail in check(after)]
    return found + [_breach(check, detail) for check in ACROSS_A_STEP for detail in check(before, after)]


def _breach(check: OfState | OfStep, detail: str) -> Breach:
    return Breach(check.__name__.replace("_", "-"), " ".join((check.__doc__ or "").split()), detail)


# at all times


@_at_all_times
def one_live_run_per_bead(state: State) -> Iterator[str]:
    """A bead has at most one live run."""
    yield from _twice("bead", (run.bead_id for run in state.runs if run.live))


@_at_all_times
def one_live_run_per_polecat(state: State) -> Iterator[str]:
    """A polecat has at most one live run."""
    yield from _twice("polecat", (run.polecat_id for run in state.runs if run.live))


@_at_all_times
def one_live_run_per_branch(state: State) -> Iterator[str]:
    """A branch of a rig has at most one live run."""
    yield from _twice("branch", ((run.rig_id, run.branch) for run in state.runs if run.live))


@_at_all_times
def one_run_per_worktree(state: State) -> Iterator[str]:
    """A worktree belongs to one run until it is taken away."""
    yield from _twice("worktree", (run.worktree for run in state.runs))


@_at_all_times
def a_live_run_means_a_bead_at_work(state: State) -> Iterator[str]:
    """A bead whose run lives is in progress, or was cancelled meanwhile; one in progress has a live run."""
    live = {run.bead_id for run in state.runs if run.live}
    for bead in state.beads:
        if bead.id in live and bead.status not in (BeadStatus.IN_PROGRESS, BeadStatus.CANCELLED):
            # A retry of a cancelled bead opens it before its old process is gone; that run can't hand anything on.
            if bead.status != BeadStatus.OPEN:
                yield f"bead {bead.id} is {bead.status} with a live run"
        elif bead.id not in live and bead.status == BeadStatus.IN_PROGRESS:
            yield f"bead {bead.id} is in progress without a live run"


@_at_all_times
def names_are_unique(state: State) -> Iterator[str]:
    """No two registered polecats of a rig have one name, and no bead has two of them."""
    yield from _twice("name", ((polecat.rig_id, slug(polecat.name)) for polecat in state.polecats))
    yield from _twice("bead", (polecat.bead_id for polecat in state.polecats))


@_at_all_times
def run_numbers_are_given_out_once(state: State) -> Iterator[str]:
    """No two runs of a rig have one number, and none is above the last that the rig gave out."""
    yield from _twice("number", ((run.rig_id, run.number) for run in state.runs))
    for run in state.runs:
        rig = state.rigs.get(run.rig_id)
        if rig is not None and run.number > rig.last_run_number:
            yield f"run {run.id} has number {run.number}, the rig gave out {rig.last_run_number}"


@_at_all_times
def attempts_stay_below_the_limit(state: State) -> Iterator[str]:
    """A bead never uses more attempts than the limit, and one that used them up is not open."""
    for bead in state.beads:
        if bead.attempts > LIMIT or (bead.attempts == LIMIT and bead.status == BeadStatus.OPEN):
            yield f"bead {bead.id} is {bead.status} with {bead.attempts} attempts"


@_at_all_times
def a_bead_merges_at_most_once(state: State) -> Iterator[str]:
    """A bead has at most one unfinished merge, and at most one that landed."""
    yield from _twice("unfinished merge of", (m.bead_id for m in state.merges if m.status in UNFINISHED_MERGES))
    yield from _twice("landed merge of", (m.bead_id for m in state.merges if m.status == MergeStatus.MERGED))


@_at_all_times
def a_merge_has_a_bead_to_land(state: State) -> Iterator[str]:
    """A bead in review has an unfinished merge; a merge that landed has closed its bead."""
    unfinished = {merge.bead_id for merge in state.merges if merge.status in UNFINISHED_MERGES}
    landed = {merge.bead_id for merge in state.merges if merge.status == MergeStatus.MERGED}
    for bead in state.beads:
        if bead.status == BeadStatus.IN_REVIEW and bead.id not in unfinished:
            yield f"bead {bead.id} is in review without a merge"
        if bead.id in landed and bead.status != BeadStatus.CLOSED:
            yield f"bead {bead.id} has landed and is {bead.status}"
        if bead.id in unfinished and bead.status not in (BeadStatus.IN_REVIEW, BeadStatus.IN_PROGRESS):
            yield f"bead {bead.id} is {bead.status} with an unfinished merge"


@_at_all_times
def events_are_gapless(state: State) -> Iterator[str]:
    """The ledger is numbered from 1 without a gap."""
    last, count = state.events
    if last != count:
        yield f"{count} events, the last is number {last}"


@_at_all_times
def messages_are_taken_in_order(state: State) -> Iterator[str]:
    """No message is delivered before an older one for the same bead."""
    waiting: set[str] = set()
    for message in sorted(state.messages, key=lambda message: message.seq):
        if message.state == "queued":
            waiting.add(message.bead_id)
        elif message.state == "delivered" and message.bead_id in waiting:
            yield f"message {message.seq} overtook another for {message.bead_id}"


@_at_all_times
def letters_are_delivered_in_order(state: State) -> Iterator[str]:
    """No letter is delivered before an older one to the same box."""
    waiting: set[str] = set()
    for letter in sorted(state.letters, key=lambda letter: letter.seq):
        if letter.delivered_at is None:
            waiting.add(letter.box)
        elif letter.box in waiting:
            yield f"letter {letter.seq} overtook another to {letter.box}"


# across a step


@_across_a_step
def no_claim_beyond_the_cap(before: State, after: State) -> Iterator[str]:
    """A rig begins no run beyond its cap; lowering the cap stops nothing."""
    known = {run.id for run in before.runs}
    begun = {run.rig_id for run in after.runs if run.live and run.id not in known}
    live = Counter(run.rig_id for run in after.runs if run.live)
    for rig_id in begun & after.rigs.keys():
        if live[rig_id] > after.rigs[rig_id].cap:
            yield f"rig {rig_id} has {live[rig_id]} live runs, its cap is {after.rigs[rig_id].cap}"


@_across_a_step
def no_claim_beyond_the_caps_of_the_home(before: State, after: State) -> Iterator[str]:
    """No run begins beyond the cap of the home, or beyond the cap of its kind of agent."""
    known = {run.id for run in before.runs}
    begun = {run.kind for run in after.runs if run.live and run.id not in known}
    live = Counter(run.kind for run in after.runs if run.live)
    if begun and after.home_cap is not None and live.total() > after.home_cap:
        yield f"the home has {live.total()} live runs, its cap is {after.home_cap}"
    for kind in begun & after.kind_caps.keys():
        if live[kind] > after.kind_caps[kind]:
            yield f"{live[kind]} runs of {kind} are live, its cap is {after.kind_caps[kind]}"


@_across_a_step
def run_numbers_only_grow(before: State, after: State) -> Iterator[str]:
    """The number of a new run is above all numbers that its rig gave out before."""
    known = {run.id for run in before.runs}
    for run in after.runs:
        rig = before.rigs.get(run.rig_id)
        if rig is not None and run.id not in known and run.number <= rig.last_run_number:
            yield f"run {run.id} got number {run.number} after {rig.last_run_number}"
    for rig_id, rig in after.rigs.items():
        if rig_id in before.rigs and rig.last_run_number < before.rigs[rig_id].last_run_number:
            yield f"rig {rig_id} went back from {before.rigs[rig_id].last_run_number} to {rig.last_run_number}"


@_across_a_step
def the_lowest_free_name_is_taken(before: State, after: State) -> Iterator[str]:
    """A new polecat gets the lowest name of the pool that is free."""
    known = {polecat.id for polecat in before.polecats}
    for new in after.polecats:
        pool = after.rigs[new.rig_id].pool if new.rig_id in after.rigs else ()
        if new.id in known or not pool:
            continue
        taken = {slug(polecat.name) for polecat in after.polecats if polecat.rig_id == new.rig_id}
        lower = pool[: pool.index(new.name)] if new.name in pool else pool
        if free := [name for name in lower if slug(name) not in taken]:
            yield f"{new.name} was taken, {free[0]} was free"


@_across_a_step
def an_ended_run_stays_ended(before: State, after: State) -> Iterator[str]:
    """No run lives again that was ended."""
    ended = {run.id for run in before.runs if not run.live}
    for run in after.runs:
        if run.live and run.id in ended:
            yield f"run {run.id} lives again"


@_across_a_step
def attempts_are_never_lost(before: State, after: State) -> Iterator[str]:
    """A bead's log of attempts only grows; its count goes up by one, or back to none for a finished bead."""
    known = {bead.id: bead for bead in before.beads}
    for bead in after.beads:
        was = known.get(bead.id)
        if was is None:
            continue
        if bead.logged is not None and was.logged is not None and bead.logged < was.logged:
            yield f"bead {bead.id} had {was.logged} attempts in its log, now {bead.logged}"
        if bead.attempts < was.attempts and was.status not in (BeadStatus.FAILED, BeadStatus.CANCELLED):
            yield f"bead {bead.id} had used {was.attempts} attempts, now {bead.attempts}, and was {was.status}"


@_across_a_step
def a_landed_bead_stays_closed(before: State, after: State) -> Iterator[str]:
    """A bead that was closed stays closed."""
    closed = {bead.id for bead in before.beads if bead.status == BeadStatus.CLOSED}
    for bead in after.beads:
        if bead.id in closed and bead.status != BeadStatus.CLOSED:
            yield f"bead {bead.id} was closed and is {bead.status}"


@_across_a_step
def letters_are_kept(before: State, after: State) -> Iterator[str]:
    """No letter is dropped while its rig is there, and none is marked as delivered twice."""
    now = {letter.seq: letter for letter in after.letters}
    for letter in before.letters:
        if letter.seq not in now:
            if after.rigs.keys() >= before.rigs.keys():
                yield f"letter {letter.seq} is gone"
        elif letter.delivered_at is not None and now[letter.seq].delivered_at != letter.delivered_at:
            yield f"letter {letter.seq} was marked twice"


@_across_a_step
def messages_are_kept(before: State, after: State) -> Iterator[str]:
    """No message is dropped while its rig is there, and what became of it stays."""
    now = {message.seq: message for message in after.messages}
    for message in before.messages:
        if message.seq not in now:
            if after.rigs.keys() >= before.rigs.keys():
                yield f"message {message.seq} is gone"
        elif message.state != "queued" and now[message.seq] != message:
            yield f"message {message.seq} was {message.state} and is {now[message.seq].state}"


@_across_a_step
def the_ledger_only_grows(before: State, after: State) -> Iterator[str]:
    """No entry of the ledger is taken back."""
    if after.events[0] < before.events[0]:
        yield f"the ledger went back from {before.events[0]} to {after.events[0]}"


def _twice(what: str, items: Iterable[object]) -> Iterator[str]:
    for item, count in Counter(items).items():
        if count > 1:
            yield f"{what} {item} is there {count} times"
