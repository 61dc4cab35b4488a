from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from situations import CLEAN, NOW, RULES, WORK, bead, exited, run

from boomtown.domain.actions import Verdict
from boomtown.domain.attempts import LIMIT
from boomtown.domain.beads import BeadStatus
from boomtown.domain.runs import FREE_OUTCOMES, GitFacts, Outcome, StopReason
from boomtown.domain.snapshot import RunView, Seen
from boomtown.domain.verdict import judge, spend

MARKED = GitFacts(own_commits=1, tip="work", marked_files=("a.py", "b.py"))


def verdict(of: RunView | None = None, seen: Seen | None = None, facts: GitFacts = WORK) -> Verdict:
    return judge(of or run(), seen, facts, RULES, NOW)


@pytest.mark.parametrize(
    ("ending", "seen", "facts", "outcome"),
    [
        ({}, exited(0), WORK, Outcome.HANDED_ON),
        ({}, exited(0), CLEAN, Outcome.NO_WORK),
        ({}, exited(1), WORK, Outcome.CRASHED),
        ({}, exited(None, signal=9), WORK, Outcome.CRASHED),
        ({"done_at": NOW}, exited(0), WORK, Outcome.HANDED_ON),
        ({"done_at": NOW}, exited(1), WORK, Outcome.HANDED_ON),
        ({"done_at": NOW, "stop_reason": StopReason.DONE}, exited(None, signal=9), WORK, Outcome.HANDED_ON),
        ({"done_at": NOW}, None, WORK, Outcome.HANDED_ON),
        ({"done_at": NOW}, exited(0), CLEAN, Outcome.NO_WORK),
        ({"done_at": NOW}, exited(0), MARKED, Outcome.CONFLICT_MARKERS),
        ({}, exited(0), MARKED, Outcome.CONFLICT_MARKERS),
        ({}, None, WORK, Outcome.CONTAINER_LOST),
        ({}, exited(None, start_failed=True), CLEAN, Outcome.START_FAILED),
        ({}, exited(137, setup_failed=True, out_of_memory=True), CLEAN, Outcome.MEMORY_LIMIT),
        ({"stop_reason": StopReason.STOP}, exited(0), WORK, Outcome.STOPPED),
        ({"stop_reason": StopReason.STOP}, None, WORK, Outcome.STOPPED),
        ({"stop_reason": StopReason.STOP, "done_at": NOW}, exited(0), WORK, Outcome.HANDED_ON),
        ({"stop_reason": StopReason.DOWN}, exited(None, signal=15), WORK, Outcome.DOWN),
        ({"stop_reason": StopReason.DOWN_NOW}, exited(None, signal=9), WORK, Outcome.DOWN),
        ({"stop_reason": StopReason.TIMEOUT}, exited(None, signal=15), WORK, Outcome.TIMEOUT),
        ({"stop_reason": StopReason.CANCEL}, exited(0), WORK, Outcome.CANCELLED),
        ({"stop_reason": StopReason.CANCEL, "done_at": NOW}, exited(0), WORK, Outcome.CANCELLED),
    ],
)
def test_how_a_run_ended_is_read_from_git_and_from_why_it_was_stopped(
    ending: dict[str, Any], seen: Seen | None, facts: GitFacts, outcome: Outcome
) -> None:
    assert verdict(run(**ending), seen, facts).outcome == outcome


def test_done_or_exit_zero_with_own_commits_goes_to_review_and_leaves_uncommitted_files_beside() -> None:
    found = verdict(run(of=bead(attempts=2, delay_step=2, no_work_streak=1, lost_streak=2)), exited(0))
    assert found.bead_status == BeadStatus.IN_REVIEW
    assert not found.costs
    assert (found.attempts, found.delay_step, found.no_work_streak, found.lost_streak) == (2, 0, 0, 0)
    assert found.wip == "ref"


def test_any_other_end_keeps_uncommitted_files_on_the_branch() -> None:
    assert verdict(seen=exited(1)).wip == "branch"
    assert verdict(run(stop_reason=StopReason.STOP), exited(0)).wip == "branch"


def test_a_crash_costs_an_attempt_and_backs_off() -> None:
    found = verdict(seen=exited(1, last_words="boom"))
    assert (found.bead_status, found.costs, found.attempts) == (BeadStatus.OPEN, True, 1)
    assert found.not_before == NOW + 5.0
    assert found.error == "The agent exited with status 1. Last words: boom"


def test_delays_grow_while_nothing_is_added_to_the_branch() -> None:
    delays = [verdict(run(of=bead(attempts=n, delay_step=n)), exited(1), CLEAN).not_before for n in range(4)]
    assert delays == [NOW + 5, NOW + 30, NOW + 120, NOW + 300]


def test_progress_resets_the_delay_but_never_the_count() -> None:
    found = verdict(run(of=bead(attempts=3, delay_step=3, own_commits=1)), exited(1), GitFacts(own_commits=2, tip="x"))
    assert (found.attempts, found.delay_step, found.not_before) == (4, 1, NOW + 5)


def test_the_fifth_attempt_is_the_last() -> None:
    found = verdict(run(of=bead(attempts=LIMIT - 1)), exited(1))
    assert (found.bead_status, found.attempts, found.not_before) == (BeadStatus.FAILED, LIMIT, None)


def test_an_end_without_work_is_an_attempt_and_the_second_in_a_row_is_held_with_the_last_words() -> None:
    first = verdict(seen=exited(0), facts=CLEAN)
    assert (first.outcome, first.costs, first.held_why) == (Outcome.NO_WORK, True, None)
    second = verdict(
        run(of=bead(attempts=1, no_work_streak=first.no_work_streak)), exited(0, last_words="what now?"), CLEAN
    )
    assert second.bead_status == BeadStatus.OPEN
    assert second.held_why is not None
    assert "what now?" in second.held_why


def test_a_crash_in_between_breaks_the_row_of_ends_without_work() -> None:
    between = verdict(run(of=bead(attempts=1, no_work_streak=1)), exited(1), CLEAN)
    assert between.no_work_streak == 0


@pytest.mark.parametrize("reason", [StopReason.STOP, StopReason.DOWN, StopReason.DOWN_NOW])
def test_being_stopped_costs_nothing_and_backs_nothing_off(reason: StopReason) -> None:
    found = verdict(run(of=bead(attempts=3, no_work_streak=1), stop_reason=reason), exited(1))
    assert (found.costs, found.attempts, found.not_before, found.no_work_streak) == (False, 3, None, 1)
    assert found.bead_status == BeadStatus.OPEN


def test_a_person_who_stops_holds_the_bead_and_going_down_does_not() -> None:
    assert verdict(run(stop_reason=StopReason.STOP), exited(1)).held_why
    assert verdict(run(stop_reason=StopReason.DOWN), exited(1)).held_why is None


def test_a_lost_container_costs_nothing_until_the_third_loss_in_a_row() -> None:
    lost, costs = 0, []
    for _ in range(6):
        found = verdict(run(of=bead(lost_streak=lost)))
        lost = found.lost_streak
        costs.append(found.costs)
    assert costs == [False, False, True, False, False, True]


def test_any_other_end_breaks_the_row_of_losses() -> None:
    assert verdict(run(of=bead(lost_streak=2)), exited(1)).lost_streak == 0


def test_a_cancelled_bead_is_left_alone_by_the_end_of_its_run() -> None:
    found = verdict(run(of=bead(status=BeadStatus.CANCELLED), stop_reason=StopReason.CANCEL), exited(0))
    assert (found.outcome, found.bead_status, found.costs) == (Outcome.CANCELLED, None, False)


def test_cancelled_while_running_then_retried_the_old_run_still_counts_for_nothing() -> None:
    found = verdict(run(of=bead(status=BeadStatus.OPEN), stop_reason=StopReason.CANCEL, done_at=NOW), exited(0))
    assert (found.outcome, found.bead_status) == (Outcome.CANCELLED, None)


def test_conflict_markers_are_not_handed_on_and_name_the_files() -> None:
    found = verdict(run(done_at=NOW), exited(0), MARKED)
    assert (found.bead_status, found.costs) == (BeadStatus.OPEN, True)
    assert found.error == "Conflict markers are left in a.py, b.py."


@pytest.mark.parametrize(
    ("ending", "seen", "said"),
    [
        ({}, exited(None, signal=9), "The agent was ended by signal 9."),
        ({}, exited(None, start_failed=True, error="no such program"), "no such program"),
        ({"stop_reason": StopReason.TIMEOUT}, exited(1), "Ended after its time limit of 14400 s."),
        ({}, None, "The container was lost; the work was kept."),
    ],
)
def test_the_error_is_one_sentence_for_people(ending: dict[str, Any], seen: Seen | None, said: str) -> None:
    assert verdict(run(**ending), seen).error == said


ends = st.builds(
    verdict,
    st.builds(
        run,
        of=st.builds(
            bead,
            status=st.sampled_from(BeadStatus),
            attempts=st.integers(0, LIMIT - 1),
            delay_step=st.integers(0, 9),
            no_work_streak=st.integers(0, 3),
            lost_streak=st.integers(0, 4),
            own_commits=st.integers(0, 3),
        ),
        stop_reason=st.sampled_from([None, *StopReason]),
        done_at=st.sampled_from([None, NOW]),
    ),
    st.sampled_from([None, exited(0), exited(1), exited(None, signal=9), exited(None, start_failed=True)]),
    st.sampled_from([CLEAN, WORK, MARKED]),
)


@given(ends)
def test_whatever_happens_attempts_stay_within_the_limit_and_a_spent_bead_has_failed(found: Verdict) -> None:
    assert 0 <= found.attempts <= LIMIT
    if found.costs:
        assert (found.bead_status == BeadStatus.FAILED) == (found.attempts == LIMIT)
        assert found.outcome not in FREE_OUTCOMES or found.outcome == Outcome.CONTAINER_LOST
    if found.not_before is not None:
        assert found.bead_status == BeadStatus.OPEN
    if found.held_why is not None:
        assert found.bead_status == BeadStatus.OPEN


def test_spending_an_attempt_counts_it_and_says_when_the_next_may_start() -> None:
    assert spend(0, 0, False, RULES, NOW) == (1, 1, NOW + 5)
    assert spend(2, 2, False, RULES, NOW) == (3, 3, NOW + 120)
    assert spend(2, 2, True, RULES, NOW) == (3, 1, NOW + 5)


def test_a_setup_that_fails_without_work_on_the_branch_is_the_rigs_doing() -> None:
    found = verdict(run(of=bead(attempts=2)), exited(None, setup_failed=True, error="`npm ci` failed."), CLEAN)
    assert (found.outcome, found.costs, found.bead_status) == (Outcome.SETUP_FAILED, False, BeadStatus.OPEN)
    assert (found.attempts, found.held_why, found.pause_why) == (2, None, "`npm ci` failed.")


def test_a_setup_that_fails_on_a_branch_with_commits_holds_the_bead_alone() -> None:
    found = verdict(seen=exited(None, setup_failed=True, error="`npm ci` failed."))
    assert (found.outcome, found.costs, found.pause_why) == (Outcome.SETUP_FAILED, False, None)
    assert found.held_why == ("`npm ci` failed. Correct its branch or the rig's setup, then `boomtown bead start`.")


@pytest.mark.parametrize(
    ("ending", "seen", "outcome"),
    [
        ({}, exited(0, report="Because."), Outcome.REPORTED),
        ({"reported": True, "done_at": NOW}, exited(0), Outcome.REPORTED),
        ({"reported": True, "done_at": NOW, "stop_reason": StopReason.DONE}, exited(None, signal=9), Outcome.REPORTED),
        ({"reported": True, "done_at": NOW}, None, Outcome.REPORTED),
        ({"done_at": NOW}, exited(0, report="Because."), Outcome.REPORTED),
        ({}, exited(0), Outcome.NO_WORK),
        ({"done_at": NOW}, exited(0), Outcome.NO_WORK),
        ({}, exited(1, report="Because."), Outcome.CRASHED),
        ({}, None, Outcome.CONTAINER_LOST),
        ({"stop_reason": StopReason.STOP}, exited(0, report="Because."), Outcome.STOPPED),
        ({"stop_reason": StopReason.CANCEL, "reported": True, "done_at": NOW}, exited(0), Outcome.CANCELLED),
    ],
)
@pytest.mark.parametrize("facts", [CLEAN, WORK, MARKED])
def test_where_words_are_wanted_git_has_no_say(
    ending: dict[str, Any], seen: Seen | None, facts: GitFacts, outcome: Outcome
) -> None:
    assert verdict(run(of=bead(wants_report=True), **ending), seen, facts).outcome == outcome


def test_a_report_closes_its_bead_costs_nothing_and_keeps_files_on_the_branch() -> None:
    found = verdict(run(of=bead(wants_report=True, attempts=2, no_work_streak=1)), exited(0, report="Because."))
    assert (found.bead_status, found.costs, found.attempts) == (BeadStatus.CLOSED, False, 2)
    assert (found.no_work_streak, found.wip, found.error) == (0, "branch", None)


def test_the_second_end_without_a_report_in_a_row_is_held() -> None:
    found = verdict(run(of=bead(wants_report=True, no_work_streak=1)), exited(0))
    assert found.held_why is not None
    assert "without a report" in found.held_why
