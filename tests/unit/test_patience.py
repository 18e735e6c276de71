"""Waiting between tries: growing pauses, what a server asks for, and a budget that is never exceeded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.patience import Patience, backoff_s
from orgcal.platforms.testing_server import FakeTime


@given(st.integers(1, 200), st.floats(0.01, 5), st.floats(5, 100))
def test_backoff_doubles_up_to_the_longest_pause_and_is_at_most_a_half_shorter(
    attempt: int, first_s: float, longest_s: float
) -> None:
    ceiling = min(longest_s, first_s * 2.0 ** min(attempt - 1, 30))

    assert ceiling / 2 <= backoff_s(attempt, first_s=first_s, longest_s=longest_s) <= ceiling


@given(st.floats(0, 1000), st.lists(st.none() | st.floats(0.1, 50), min_size=1))
def test_patience_never_waits_beyond_its_budget(budget_s: float, asked: list[float | None]) -> None:
    time = FakeTime()
    patience = Patience(budget_s, time.clock())

    for seconds in asked:
        patience.wait(seconds)

    assert time.now_s <= budget_s + 1e-6


def test_patience_waits_as_long_as_a_server_asks_for_or_not_at_all() -> None:
    time = FakeTime()
    patience = Patience(10.0, time.clock())

    assert patience.wait(7.0)
    assert not patience.wait(4.0)
    assert time.waits == [7.0]


def test_patience_uses_its_whole_budget_before_it_gives_up() -> None:
    time = FakeTime()
    patience = Patience(10.0, time.clock())
    while patience.wait():
        pass

    assert time.now_s == pytest.approx(10.0, abs=0.01)
    assert patience.tries == len(time.waits) + 1


def test_until_gives_the_first_good_answer_or_the_last_one() -> None:
    answers = iter(range(100))
    time = FakeTime()

    assert Patience(1000.0, time.clock()).until(lambda number: number == 3, lambda: next(answers)) == 3
    assert len(time.waits) == 3
    assert Patience(0.0, time.clock()).until(lambda number: False, lambda: next(answers)) == 4
