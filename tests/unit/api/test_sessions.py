"""Sessions: who holds one, for how long, and what ends it."""

from __future__ import annotations

from boomtown.api.sessions import LINK_S, SESSION_S, WRONG_TOKENS, WRONG_WINDOW_S, Sessions


class Clock:
    at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def asleep(self) -> float:
        return 0.0


def sessions(token: bytes = b"token", clock: Clock | None = None) -> Sessions:
    return Sessions(token, clock or Clock())


def test_a_session_outlives_the_server_but_not_its_token() -> None:
    cookie = sessions().begin("somebody")
    assert sessions().holder(cookie) == "somebody"
    assert sessions(b"another").holder(cookie) is None
    assert sessions().cookie != sessions(b"another").cookie


def test_a_session_ends_by_time_or_by_logging_out() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    first, second = held.begin("a"), held.begin("b")
    held.end(first)
    assert held.holder(first) is None
    assert held.holder(second) == "b"
    clock.at += SESSION_S
    assert held.holder(second) is None


def test_a_cookie_that_was_touched_is_none() -> None:
    held = sessions()
    expires, nonce, who, signature = held.begin("somebody").split(".")
    for forged in (
        *("", ".", "..", "é.é.é", f"x.{signature}", f"{expires}.{nonce}.{who}."),
        f"{expires}9.{nonce}.{who}.{signature}",
        f"{expires}.{nonce}.owner.{signature}",
    ):
        assert held.holder(forged) is None


def test_a_link_works_once_and_for_ten_minutes() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    code, late = held.new_link("a"), held.new_link("b")
    assert held.use_link(code) == "a"
    assert held.use_link(code) is None
    assert held.use_link("nonsense") is None
    clock.at += LINK_S
    assert held.use_link(late) is None


def test_wrong_tokens_have_to_wait_after_a_while() -> None:
    clock = Clock()
    held = sessions(clock=clock)
    for _ in range(WRONG_TOKENS):
        assert held.wait_s() == 0
        held.was_wrong()
    assert held.wait_s() == WRONG_WINDOW_S
    clock.at += WRONG_WINDOW_S
    assert held.wait_s() == 0
