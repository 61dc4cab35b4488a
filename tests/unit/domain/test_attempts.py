from boomtown.domain.attempts import DELAYS_S, LIMIT, LOST_IN_A_ROW, NO_WORK_IN_A_ROW, delay_s


def test_five_attempts_with_four_delays_between_them() -> None:
    assert LIMIT == 5
    assert DELAYS_S == (5.0, 30.0, 120.0, 300.0)
    assert [delay_s(step) for step in (1, 2, 3, 4)] == [5.0, 30.0, 120.0, 300.0]


def test_past_the_last_delay_it_stays() -> None:
    assert delay_s(9) == 300.0
    assert delay_s(0) == 5.0


def test_the_limits_of_patience_are_the_contracts() -> None:
    assert LOST_IN_A_ROW == 3
    assert NO_WORK_IN_A_ROW == 2
