"""The window that adapts, and the gate that waits."""

from __future__ import annotations

from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.patience import Clock
from orgcal.platforms.testing_server import FakeTime
from verify.concurrency import THROTTLED, UNANSWERED, Gate, Window
from verify.context import RunContext
from verify.latencies import Latencies
from verify.models import Connector, Options, Pace, SecretReference


def answers(window: Window, count: int, *, throttled: bool = False) -> None:
    for _ in range(count):
        window.answered(window.limit - 1, throttled=throttled)


def test_window_doubles_for_each_clean_window_up_to_its_cap() -> None:
    window = Window(Pace(start=8, cap=64))
    limits = [window.limit]
    for _ in range(4):
        answers(window, window.limit)
        limits.append(window.limit)

    assert limits == [8, 16, 32, 64, 64]
    assert window.reached == 64


def test_window_after_a_throttle_is_halved_and_grows_by_one() -> None:
    window = Window(Pace(start=16, cap=64))
    window.answered(15, throttled=True)
    assert window.limit == 8

    answers(window, 15)
    assert window.limit == 8, "the window in which the throttle came is not clean"
    answers(window, 20)
    assert window.limit == 10


def test_window_takes_a_burst_of_throttles_as_one() -> None:
    window = Window(Pace(start=32, cap=64))
    answers(window, 32, throttled=True)

    assert window.limit == 16
    assert window.throttles == 32


def test_window_never_falls_below_one_and_a_fixed_one_never_moves() -> None:
    window = Window(Pace(start=1))
    answers(window, 50, throttled=True)
    fixed = Window(Pace(fixed=5))
    answers(fixed, 50, throttled=True)
    answers(fixed, 50)

    assert window.limit == 1
    assert fixed.limit == 5


def test_window_takes_a_throttled_page_of_users_as_news_too() -> None:
    window = Window(Pace(start=16, cap=64))
    window.throttled()
    assert (window.limit, window.throttles) == (8, 1)
    answers(window, 16)
    assert window.limit == 8, "the window in which the throttle came is not clean"


def test_threads_are_enough_for_every_batch_and_what_runs_beside_it() -> None:
    """One batch of the common limit, four of the organisation's own, and three that list, count and wait for those."""
    reading = Connector("public", "c", ("Calendars.Read",), SecretReference("file", "f"))
    shared = RunContext(Options(reading, pace=Pace(fixed=1), organisations_at_once=1))
    together = Barrier(9)

    assert sorted(future.result(10) for future in [shared.pool.submit(together.wait, 10) for _ in range(9)]) == [
        *range(9)
    ]
    shared.close()


def test_connections_are_shared_evenly_and_what_others_leave_unused_is_taken() -> None:
    shared = RunContext(Options(Connector("public", "c", ("Calendars.Read",), SecretReference("file", "f"))))
    shared.entered(4)
    assert shared.may_send(40), "the others have nothing in flight"
    shared.sent(64)
    assert [shared.may_send(in_flight) for in_flight in (0, 15, 16, 40)] == [True, True, False, False]
    shared.sent(-1)
    assert shared.may_send(40)
    shared.entered(28)
    shared.sent(1)
    assert [shared.may_send(in_flight) for in_flight in (3, 4)] == [True, False], "nobody waits for everybody else"
    shared.close()


@given(st.lists(st.tuples(st.integers(0, 64), st.booleans())))
def test_window_stays_within_its_bounds_whatever_comes(events: list[tuple[int, bool]]) -> None:
    window = Window(Pace(start=8, cap=64))
    for in_flight, throttled in events:
        window.answered(in_flight, throttled=throttled)
        assert 1 <= window.limit <= 64


@pytest.fixture
def time() -> FakeTime:
    return FakeTime(now_s=100.0)


def gate(time: FakeTime, budget_s: float = 100.0) -> Gate:
    return Gate(budget_s, clock=time.clock())


@pytest.mark.parametrize("now_s", [0.0, 100.0], ids=["machine just started", "later"])
def test_gate_that_was_never_held_lets_everything_pass(now_s: float) -> None:
    time = FakeTime(now_s)

    assert gate(time).wait()
    assert time.waits == []


def test_gate_holds_for_the_longest_wait(time: FakeTime) -> None:
    held = gate(time)
    held.hold(5.0)
    held.hold(2.0)
    held.hold(7.0)

    assert held.wait()
    assert time.now_s == pytest.approx(107.0)
    assert held.waited_s == pytest.approx(7.0)


def test_gate_beyond_its_budget_shuts(time: FakeTime) -> None:
    held = gate(time, budget_s=10.0)
    held.hold(6.0)
    assert held.wait()
    held.hold(5.0)

    assert held.shut
    assert not held.wait()
    assert held.waited_s == pytest.approx(6.0)


def test_gate_may_use_its_whole_budget_and_tells_what_first_used_it_up(time: FakeTime) -> None:
    held = gate(time, budget_s=10.0)
    told = [held.shut]
    for seconds, why in ((10.0, THROTTLED), (11.0, UNANSWERED), (12.0, THROTTLED)):
        held.hold(seconds, why)
        told.append(held.shut)

    assert told == [False, False, True, True]
    assert held.waited_s == pytest.approx(10.0)
    assert held.why == UNANSWERED
    assert gate(time).why == THROTTLED


def test_gate_of_a_stopped_run_lets_nobody_pass(time: FakeTime) -> None:
    stopped = [False]
    held = Gate(100.0, lambda: stopped[0], Clock(lambda: time.now_s, lambda _: stopped.__setitem__(0, True)))
    held.hold(50.0)

    assert not held.wait()


def test_gate_looks_four_times_a_second_whether_the_run_was_stopped(time: FakeTime) -> None:
    held = gate(time)
    held.hold(0.625)

    assert held.wait()
    assert time.waits == [0.25, 0.25, 0.125]


def test_gate_takes_a_hold_that_ends_with_another_for_the_same(time: FakeTime) -> None:
    held = gate(time, budget_s=5.0)
    held.hold(5.0, UNANSWERED)
    held.hold(5.0)
    assert (held.waited_s, held.shut) == (5.0, False)

    time.now_s += 2.0
    held.hold(3.5)
    assert (held.waited_s, held.shut, held.why) == (5.0, True, THROTTLED)


def test_window_is_as_many_answers_long_as_were_in_flight_when_it_began() -> None:
    window, limits = Window(Pace(start=2, cap=5)), []
    answered = [(1, False), (3, False), (3, False), (3, False), (4, False), (4, True), (3, False), (2, False)]
    for in_flight, throttled in [*answered, (1, False), (1, False)]:
        window.answered(in_flight, throttled=throttled)
        limits.append(window.limit)

    assert limits == [2, 4, 4, 4, 5, 2, 2, 2, 2, 3]
    assert (window.reached, window.throttles) == (5, 1)


def test_window_without_an_answer_in_flight_is_one_answer_long() -> None:
    window, limits = Window(Pace(start=1, cap=64)), []
    for _ in range(4):
        window.answered(0, throttled=False)
        limits.append(window.limit)

    assert limits == [2, 4, 8, 16]


def test_window_begins_within_its_cap_and_a_fixed_one_has_no_other() -> None:
    narrow, fixed = Window(Pace(start=8, cap=3)), Window(Pace(fixed=99, start=8, cap=3))

    assert (narrow.limit, narrow.reached, fixed.limit, fixed.reached) == (3, 3, 99, 99)


def test_usual_window_begins_with_eight_batches_and_ends_at_sixty_four() -> None:
    window, limits = Window(Pace()), []
    for _ in range(5):
        limits.append(window.limit)
        answers(window, window.limit)

    assert limits == [8, 16, 32, 64, 64]


@pytest.mark.parametrize(("budget_s", "single_s"), [(900.0, 30.0), (30.0, 30.0), (12.0, 12.0)])
def test_single_request_waits_half_a_minute_at_most(budget_s: float, single_s: float) -> None:
    assert Pace(budget_s=budget_s).single_budget_s == single_s


def test_latencies_are_counted_in_places_that_grow_by_a_tenth() -> None:
    latencies = Latencies()
    for seconds in (0.0, 0.001, 0.00101, 0.0011, 0.0099, 0.01, 0.01, 500.0, 900.0):
        latencies.add(seconds)

    assert latencies.buckets() == [(1.0, 2), (1.1, 1), (1.2, 1), (10.8, 3), (218603.1, 2)]
    assert latencies.count == 9
    percentiles = {percent: latencies.percentile_ms(percent) for percent in (0, 22, 23, 77, 78, 100)}
    assert percentiles == {0: 1.0, 22: 1.0, 23: 1.1, 77: 10.8, 78: 218603.1, 100: 218603.1}


def test_latencies_give_percentiles_within_a_tenth() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.add(milliseconds / 1000)

    assert latencies.percentile_ms(50) == pytest.approx(500, rel=0.11)
    assert latencies.percentile_ms(95) == pytest.approx(950, rel=0.11)
    assert sum(count for _, count in latencies.buckets()) == latencies.count == 1000
    assert Latencies().percentile_ms(50) == 0.0
