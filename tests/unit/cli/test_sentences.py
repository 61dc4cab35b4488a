"""Every state is a sentence, and where a person is needed it ends with the cure."""

from __future__ import annotations

import pytest
from cli_objects import a_bead, a_merge

from boomtown.cli.sentences import bead_sentence, duration


@pytest.mark.parametrize(
    ("bead", "sentence"),
    [
        (a_bead(), "About to start"),
        (
            a_bead(queue_reason="cap", queue_detail="5 of 5 slots busy, 1st in line", queue_position=1),
            "Waiting: 5 of 5 slots busy, 1st in line",
        ),
        (a_bead(queue_reason="held", queue_detail="Held. Start it."), "Held. Start it."),
        (a_bead(status="in_progress", assignee="Toast"), "Toast is working"),
        (
            a_bead(status="failed", attempts=5, last_error="cargo not found\nat line 3"),
            "5 attempts: cargo not found. Then `boomtown bead retry 0b5c8d2e`",
        ),
        (a_bead(status="cancelled"), "Cancelled; `boomtown bead retry 0b5c8d2e` takes it up again"),
        (a_bead(type="escalation"), "Waits for you; then `boomtown bead close 0b5c8d2e`"),
        (a_bead(status="closed"), "Closed"),
    ],
)
def test_a_bead_says_what_happens_next(bead: dict, sentence: str) -> None:
    assert bead_sentence(bead) == sentence


def test_a_back_off_says_how_long_and_why() -> None:
    bead = a_bead(queue_reason="backoff", not_before="2020-01-01T00:00:00Z", last_error="It crashed with status 3.")
    assert bead_sentence(bead) == "Tries again in 0 s: It crashed with status 3."


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("waiting", "Tries again soon: protected branch."),
        ("testing", "gates run"),
        ("approval", "boomtown diff 0b5c8d2e"),
        ("remote_refused", "boomtown merge retry 0b5c8d2e"),
        ("base_red", "boomtown merge retry 0b5c8d2e"),
    ],
)
def test_a_bead_in_review_says_what_its_merge_waits_for(status: str, words: str) -> None:
    bead = a_bead(status="in_review")
    assert words in bead_sentence(bead, a_merge(bead["id"], status, error="protected branch"))


def test_a_closed_bead_names_its_commit() -> None:
    bead = a_bead(status="closed")
    merge = a_merge(bead["id"], "merged", merge_commit="1234567890abcdef")
    assert bead_sentence(bead, merge) == "Landed as 12345678"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (190, "3 min 10 s"),
        (7_500, "2 h 5 min"),
        (349_200, "4 d 1 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
