"""What agents say when they are refused: the words of the real programs, and what they mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from boomtown.container.agents import refusals
from boomtown.container.agents.provider import PASSING_S, Provider, RefusedError

NOW = datetime(2026, 11, 25, 11, 17, 35, tzinfo=UTC).timestamp()


def at(hour: int, minute: int = 0, day: int = 25) -> float:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


WORDS = [
    # words of the programs, as they came over ACP; see the docs for how
    ("claude", "Internal error: You've hit your session limit · resets 12:29pm (UTC)", "quota", at(12, 29)),
    ("claude", "Claude AI usage limit reached|1795610000", "quota", 1795610000.0),
    ("claude", "Internal error: Invalid API key · Fix external API key", "auth", None),
    ("claude", "Internal error: Failed to authenticate. API Error: 401 OAuth token has expired.", "auth", None),
    ("claude", "Internal error: API Error: Request rejected (429) · Number of requests has exceeded", "busy", None),
    ("codex", "Internal error: You've hit your usage limit. Upgrade to Pro or try again in 3 days 4 hours.", "quota",
     NOW + 3 * 86400 + 4 * 3600),
    ("codex", "Internal error: exceeded retry limit, last status: 429 Too Many Requests", "busy", None),
    ("codex", "Internal error: unexpected status 401 Unauthorized: Incorrect API key provided: dummy.", "auth", None),
    ("gemini", "You exceeded your current quota, please check your plan.\nSuggested retry after 3600s.", "quota",
     NOW + 3600),
    ("gemini", '{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}', "auth", None),
    ("qwen", "Internal error: 401 Incorrect API key provided: dummy.", "auth", None),
    ("kilo", "Internal error: Incorrect API key provided: dummy.", "auth", None),
    ("kilo", "Internal error: Connection reset by server", "fails", None),
    ("kilo", "Internal error: The socket connection was closed unexpectedly.", "fails", None),
    ("kilo", "Internal error: Network connection failed", "fails", None),
    ("", "Authentication required", "auth", None),
    ("", "Internal error: 503 Service Unavailable", "fails", None),
    ("", "The file limits.py has no function reached", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "words", "kind", "until"), WORDS)
def test_the_words_of_each_program_are_understood(preset: str, words: str, kind: str | None, until: float) -> None:
    sign = refusals.read(words, preset, NOW)
    assert (sign.kind if sign else None) == kind
    assert (sign.until if sign else None) == until


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("try again at 12:17 PM (UTC).", at(12, 17)),
        ("resets 3am (UTC)", at(3, day=26)),
        ("try again at Nov 27th, 2026 9:05 AM (UTC).", at(9, 5, day=27)),
        ("resets 1pm (Europe/Berlin)", at(12)),
        ("resets 1pm (Nowhere/Land)", None),
        ("Please retry in 32.5s.", NOW + 32.5),
        ("in 1 hour and 30 minutes", NOW + 5400),
    ],
)
def test_the_moment_that_a_message_names(words: str, moment: float | None) -> None:
    assert refusals.moment(words, NOW) == moment


def test_a_turn_is_refused_only_if_that_is_all_that_was_said() -> None:
    refused = refusals.read_turn("You've hit your limit · resets 3pm (UTC)", "claude", NOW)
    assert refused is not None
    assert (refused.why, refused.until) == ("quota", at(15))
    assert refusals.read_turn("I wrote the text “You've hit your limit”.", "claude", NOW) is None
    assert refusals.read_turn("You've hit your limit " + "and so on " * 40, "claude", NOW) is None


def test_a_wait_of_hours_or_many_tries_are_a_limit() -> None:
    def told(words: str, attempt: int, in_s: float) -> str | None:
        [retry] = refusals.retries(
            [f'boomtown-retry: {{"message": "{words}", "attempt": {attempt}, "next": {(NOW + in_s) * 1000}}}']
        )
        found = refusals.read_retry(retry, "kilo", NOW)
        return found.why if found else None

    assert told("The usage limit has been reached", 1, 3600) == "quota"
    assert told("Rate limit reached", 1, 2) is None
    assert told("Rate limit reached", refusals.MOST_BUSY, 30) == "quota"
    assert told("Internal server error", 9, 30) is None
    assert refusals.retries(["boomtown-retry: {", 'boomtown-retry: {"message": 1}', "anything"]) == []


def test_what_passes_is_tried_again_and_then_is_a_limit() -> None:
    provider = Provider("codex", lambda: NOW)
    busy = "exceeded retry limit, last status: 429 Too Many Requests"
    assert [provider.failed(busy) for _ in PASSING_S] == list(PASSING_S)
    with pytest.raises(RefusedError) as error:
        provider.failed(busy)
    assert (error.value.refusal.why, error.value.refusal.until) == ("quota", None)
    provider.works()
    assert provider.failed(busy) == PASSING_S[0], "work sets that back"
    assert provider.failed("the model is silly") is None
