"""Sessions: who holds one, for how long, and what ends it."""

from __future__ import annotations

from boomtown.api.sessions import LINK_S, SESSION_S, WRONG_TOKENS, WRONG_WINDOW_S, Sessions


class Clock:
    at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def sessions(token: bytes = b"token", clock: Clock | None = None) -> Sessions:
    return Sessions(token, clock or Clock())


def test_a_session_outlives_the_server_but_not_its_token() -> None:
    cookie = sessions().begin()
    assert sessions().holds(cookie)
    assert not sessions(b"another").holds(cookie)
    assert sessions().cookie != sessions(b"another").cookie


def test_a_session_ends_by_time_or_by_logging_out() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    first, second = held.begin(), held.begin()
    held.end(first)
    assert not held.holds(first)
    assert held.holds(second)
    clock.at += SESSION_S
    assert not held.holds(second)


def test_a_cookie_that_was_touched_is_none() -> None:
    held = sessions()
    expires, nonce, signature = held.begin().split(".")
    for forged in ("", ".", "..", f"{expires}9.{nonce}.{signature}", f"{expires}.{nonce}.", "é.é.é", f"x.{signature}"):
        assert not held.holds(forged)


def test_a_link_works_once_and_for_ten_minutes() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    code, late = held.new_link(), held.new_link()
    assert held.use_link(code)
    assert not held.use_link(code)
    assert not held.use_link("nonsense")
    clock.at += LINK_S
    assert not held.use_link(late)


def test_wrong_tokens_have_to_wait_after_a_while() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    for _ in range(WRONG_TOKENS):
        assert held.wait_s() == 0
        held.was_wrong()
    assert held.wait_s() == WRONG_WINDOW_S
    clock.at += WRONG_WINDOW_S
    assert held.wait_s() == 0
