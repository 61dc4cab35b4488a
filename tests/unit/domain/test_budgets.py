"""Budgets: what is said of them, when they end a run, when they are worth a warning."""

from __future__ import annotations

import pytest
from situations import NOW, bead, container, decide, rig, run, running

from boomtown.domain import actions as do
from boomtown.domain.beads import BeadStatus
from boomtown.domain.budgets import Day, Limits, Purse, Scope, Spent, purses
from boomtown.domain.reconcile import alarm_at
from boomtown.domain.runs import StopReason

DAY = Day(NOW - 1000, NOW + 85_400, Spent(0.5, 700))


def purse(spent: float, limit_name: str = "usd", scope: Scope = Scope.RIG, **more: object) -> Purse:
    values = {"scope": scope, "owner": "shop", "limit_name": limit_name, "limit": 10.0, "spent": spent, "warned": True}
    return Purse(**(values | more))  # type: ignore[arg-type]


def test_each_limit_is_a_budget_of_its_own_with_what_counts_for_it() -> None:
    limits = Limits(usd=5, tokens_per_day=1000)
    found = {p.limit_name: p for p in purses(Scope.HOME, "", limits, Spent(2.5, 9000), DAY)}
    assert found.keys() == {"usd", "tokens_per_day"}
    assert (found["usd"].spent, found["usd"].since, found["usd"].renews_at) == (2.5, 0.0, None)
    assert (found["tokens_per_day"].spent, found["tokens_per_day"].renews_at) == (700, DAY.ends_at)


@pytest.mark.parametrize(
    ("found", "words", "cure"),
    [
        (purse(5.02), "$5.02 of $10.00 are spent on shop", "boomtown rig set shop budget_usd="),
        (
            purse(7, "tokens_per_day", renews_at=DAY.ends_at),
            "7 of 10 tokens are spent on shop today",
            "budget_tokens_per_day=",
        ),
        (purse(11, scope=Scope.HOME), "$11.00 of $10.00 are spent on the whole home", "config.toml"),
        (purse(3, "tokens", Scope.BEAD), "3 of 10 tokens are spent on this bead", "bead edit BEAD --budget-tokens"),
    ],
)
def test_people_are_told_the_figures_and_the_cure(found: Purse, words: str, cure: str) -> None:
    assert found.words == words
    assert cure in found.cure


@pytest.mark.parametrize("whose", ["bead", "rig"])
def test_a_budget_that_is_used_up_ends_the_run_and_starts_nothing(whose: str) -> None:
    spent = (purse(10.0),)
    at_work = run(of=bead("b1", purses=spent if whose == "bead" else ()))
    waiting = bead("b2", BeadStatus.OPEN)
    snapshot = rig(
        runs=(at_work,), container=container({"r1": running()}), queue=(waiting,),
        purses=spent if whose == "rig" else (),
    )  # fmt: skip
    decided = decide(snapshot)
    assert do.AskToStop(at_work, StopReason.BUDGET) in decided
    assert any(isinstance(one, do.Claim) for one in decided) == (whose == "bead")


def test_a_run_that_is_done_is_not_ended_for_its_budget() -> None:
    done = run(stop_reason=StopReason.DONE, stop_at=NOW, done_at=NOW)
    decided = decide(rig(runs=(done,), container=container({"r1": running()}), purses=(purse(10.0),)))
    assert not any(isinstance(one, do.AskToStop) for one in decided)


def test_a_warning_comes_once_at_four_fifths() -> None:
    assert decide(rig(purses=(purse(7.99, warned=False),))) == []
    assert decide(rig(purses=(near := purse(8.0, warned=False),))) == [do.WarnOfBudget(near)]
    assert decide(rig(purses=(purse(8.0),))) == []


def test_a_budget_of_a_day_is_looked_at_again_when_the_next_day_begins() -> None:
    now = DAY.ends_at - 10
    assert alarm_at(rig(purses=(purse(10.0, "usd_per_day", renews_at=DAY.ends_at),)), now) == DAY.ends_at
    assert alarm_at(rig(purses=(purse(10.0),)), now) == now + 60.0
