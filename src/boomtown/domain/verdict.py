"""What a run came to: judged from git and the way it ended, never from an agent's words."""

from __future__ import annotations

from dataclasses import replace

from boomtown.domain import attempts
from boomtown.domain.actions import Verdict
from boomtown.domain.beads import BeadStatus
from boomtown.domain.kinds import Refused
from boomtown.domain.memory import gigabytes
from boomtown.domain.runs import FREE_OUTCOMES, GitFacts, Outcome, StopReason
from boomtown.domain.snapshot import BeadView, Rules, RunView, Seen


def outcome(run: RunView, seen: Seen | None, facts: GitFacts) -> Outcome:
    """How the run ended. `seen` None: its container was lost, or it never started."""
    if run.stop_reason == StopReason.CANCEL or run.bead.status != BeadStatus.IN_PROGRESS:
        return Outcome.CANCELLED
    if run.done_at is not None:
        return _by_work(run, seen, facts)
    match run.stop_reason:
        case StopReason.STOP:
            return Outcome.STOPPED
        case StopReason.DOWN | StopReason.DOWN_NOW:
            return Outcome.DOWN
        case StopReason.TIMEOUT:
            return Outcome.TIMEOUT
        case StopReason.ASK:
            return Outcome.ASKED
        case StopReason.BUDGET:
            return Outcome.BUDGET
        case StopReason.MEMORY:
            return Outcome.MEMORY
        case StopReason.MEMORY_LIMIT:
            return Outcome.MEMORY_LIMIT
    if seen is None:
        return Outcome.CONTAINER_LOST
    if seen.out_of_memory:
        return Outcome.MEMORY_LIMIT
    if seen.setup_failed:
        return Outcome.SETUP_FAILED
    if seen.refusal is not None:
        return Outcome.QUOTA if seen.refusal.why == Refused.QUOTA else Outcome.AUTH
    if seen.start_failed:
        return Outcome.START_FAILED
    return _by_work(run, seen, facts) if seen.exit_code == 0 else Outcome.CRASHED


def _by_work(run: RunView, seen: Seen | None, facts: GitFacts) -> Outcome:
    """By git, but where words are wanted, by whether there are any: commits made all the same stay on the branch."""
    if run.bead.wants_report:
        return Outcome.REPORTED if run.reported or (seen is not None and seen.report) else Outcome.NO_WORK
    if facts.marked_files:
        return Outcome.CONFLICT_MARKERS
    return Outcome.HANDED_ON if facts.own_commits else Outcome.NO_WORK


def judge(run: RunView, seen: Seen | None, facts: GitFacts, rules: Rules, now: float) -> Verdict:
    """The outcome and where it leads the bead; CONTRACT section 1, “Outcome of a run” and “Attempts”."""
    bead, result = run.bead, outcome(run, seen, facts)
    lost = bead.lost_streak + 1 if result is Outcome.CONTAINER_LOST else 0
    no_work = bead.no_work_streak
    if result is Outcome.NO_WORK:
        no_work += 1
    elif result not in FREE_OUTCOMES or result is Outcome.HANDED_ON:
        no_work = 0
    costs = result not in FREE_OUTCOMES or (lost > 0 and lost % attempts.LOST_IN_A_ROW == 0)
    error = _error(result, seen, facts, rules, bead)
    if result is Outcome.CANCELLED:
        return Verdict(result, False, None, bead.attempts, bead.delay_step, no_work, lost, error=error)
    if result is Outcome.HANDED_ON:
        return Verdict(result, False, BeadStatus.IN_REVIEW, bead.attempts, 0, 0, 0, wip="ref")
    if result is Outcome.REPORTED:
        return Verdict(result, False, BeadStatus.CLOSED, bead.attempts, 0, 0, 0)
    if not costs:
        free = Verdict(result, False, BeadStatus.OPEN, bead.attempts, bead.delay_step, no_work, lost, error=error)
        if result is Outcome.SETUP_FAILED:
            return _setup_failed(free, facts)
        return replace(free, held_why=_why_held(result, bead.question, error))
    used, step, not_before = spend(bead.attempts, bead.delay_step, facts.own_commits > bead.own_commits, rules, now)
    if used >= attempts.LIMIT:
        return Verdict(result, True, BeadStatus.FAILED, used, step, no_work, lost, error=error)
    why = None
    if no_work >= attempts.NO_WORK_IN_A_ROW:
        words = f" Last words: {seen.last_words}" if seen and seen.last_words else ""
        what = "report" if bead.wants_report else "commit"
        why = f"{no_work} attempts in a row ended without a {what}. Change the bead, then `boomtown bead start`.{words}"
    return Verdict(result, True, BeadStatus.OPEN, used, step, no_work, lost, not_before, why, error)


def _setup_failed(verdict: Verdict, facts: GitFacts) -> Verdict:
    """With commits of its own on the branch it is the bead's doing, else the rig's: no other bead would get further."""
    if facts.own_commits:
        cure = "Correct its branch or the rig's setup, then `boomtown bead start`."
        return replace(verdict, held_why=f"{verdict.error} {cure}")
    return replace(verdict, pause_why=verdict.error)


def _why_held(result: Outcome, question: str | None, error: str | None) -> str | None:
    if result is Outcome.MEMORY_LIMIT:
        return f"{error} Raise memory_limit of its rig or agent, then `boomtown bead start`."
    if result is Outcome.STOPPED:
        return "Stopped by a person. `boomtown bead start` goes on."
    return f"It asks: {question}" if result is Outcome.ASKED and question else None


def spend(used: int, step: int, progress: bool, rules: Rules, now: float) -> tuple[int, int, float]:
    """One attempt more: its number, the step of the delay (progress resets it), and when the next may start."""
    step = 1 if progress else step + 1
    return used + 1, step, now + attempts.delay_s(step, rules.delays_s)


def _error(result: Outcome, seen: Seen | None, facts: GitFacts, rules: Rules, bead: BeadView) -> str | None:
    """One sentence for people, with the last words of the agent where they help."""
    words = f" Last words: {seen.last_words}" if seen and seen.last_words else ""
    match result:
        case Outcome.HANDED_ON | Outcome.REPORTED | Outcome.STOPPED | Outcome.CANCELLED | Outcome.DOWN | Outcome.ASKED:
            return None
        case Outcome.MEMORY:
            return "Ended because the machine ran out of memory; the work was kept."
        case Outcome.MEMORY_LIMIT:
            took = f" ({gigabytes(seen.peak_memory_bytes)})" if seen and seen.peak_memory_bytes else ""
            return f"Ended because it took more memory than it may{took}; the work was kept."
        case Outcome.BUDGET:
            return "Ended because a budget was used up; the work was kept."
        case Outcome.NO_WORK:
            what = "report" if bead.wants_report else "commit of its own"
            return f"The agent ended without a {what}.{words}"
        case Outcome.CONFLICT_MARKERS:
            return f"Conflict markers are left in {', '.join(facts.marked_files)}."
        case Outcome.TIMEOUT:
            return f"Ended after its time limit of {bead.timeout_s or rules.timeout_s:g} s.{words}"
        case Outcome.CONTAINER_LOST:
            return "The container was lost; the work was kept."
        case Outcome.SETUP_FAILED:
            return (seen and seen.error) or "The worktree could not be made ready."
        case Outcome.QUOTA | Outcome.AUTH:
            return seen.refusal.words if seen and seen.refusal else None
        case Outcome.START_FAILED:
            return (seen and seen.error) or "The agent could not be started."
    if seen and seen.error:
        return seen.error
    if seen and seen.signal is not None:
        return f"The agent was ended by signal {seen.signal}.{words}"
    return f"The agent exited with status {seen.exit_code if seen else '?'}.{words}"
