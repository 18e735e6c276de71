"""Steps that are tried again hold no thread while they wait, and nobody up who comes new."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from orgcal.consent.schedule import Schedule

LIMIT_S = 20.0


@pytest.fixture
def schedule() -> Iterator[Schedule]:
    schedule = Schedule(2, "test")
    yield schedule
    schedule.close()


def test_step_is_run_until_it_says_that_it_has_ended(schedule: Schedule) -> None:
    pauses, ended = iter([0.0, 0.01, None]), threading.Event()
    runs: list[int] = []

    def step() -> float | None:
        runs.append(1)
        pause_s = next(pauses)
        if pause_s is None:
            ended.set()
        return pause_s

    schedule.soon("a", step)

    assert ended.wait(LIMIT_S)
    assert len(runs) == 3


def test_hundreds_that_wait_hold_up_nobody_who_is_new(schedule: Schedule) -> None:
    tried, new = threading.Semaphore(0), threading.Event()

    def wait_long() -> float:
        tried.release()
        return 1000.0

    for number in range(300):
        schedule.soon(number, wait_long)
    for _ in range(300):
        assert tried.acquire(timeout=LIMIT_S)
    schedule.soon("new", lambda: new.set())

    assert new.wait(LIMIT_S)


def test_step_that_waits_is_brought_forward_when_it_is_asked_for_again(schedule: Schedule) -> None:
    runs = threading.Semaphore(0)

    def step() -> float:
        runs.release()
        return 1000.0

    schedule.soon("a", step)
    assert runs.acquire(timeout=LIMIT_S)
    schedule.soon("a", step)

    assert runs.acquire(timeout=LIMIT_S)


def test_step_that_runs_is_run_once_more_and_never_beside_itself(schedule: Schedule) -> None:
    inside, go_on, second = threading.Event(), threading.Event(), threading.Event()
    at_once: list[int] = []
    lock = threading.Lock()

    def step() -> None:
        assert lock.acquire(blocking=False), "it runs beside itself"
        at_once.append(1)
        (second if inside.is_set() else inside).set()
        assert go_on.wait(LIMIT_S)
        lock.release()

    schedule.soon("a", step)
    assert inside.wait(LIMIT_S)
    schedule.soon("a", step)
    go_on.set()

    assert second.wait(LIMIT_S)
    later = threading.Event()
    schedule.soon("b", later.set)
    assert later.wait(LIMIT_S)
    assert len(at_once) == 2


def test_threads_are_no_more_than_so_many() -> None:
    schedule, go_on = Schedule(2, "few"), threading.Event()

    def step() -> None:
        assert go_on.wait(LIMIT_S)

    for number in range(4):
        schedule.soon(number, step)

    assert [thread.name for thread in threading.enumerate()].count("few") == 2
    go_on.set()
    schedule.close()
    assert "few" not in [thread.name for thread in threading.enumerate()]


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now_s: float) -> None:
        self.now_s = now_s
        monkeypatch.setattr("orgcal.consent.schedule.time", self)

    def monotonic(self) -> float:
        return self.now_s


def ran(schedule: Schedule, key: str = "asked last") -> bool:
    """Whether a new step is run."""
    done = threading.Event()
    schedule.soon(key, done.set)
    return done.wait(5.0)


def test_new_step_is_run_at_once_on_a_clock_that_has_just_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, 0.0)
    schedule = Schedule(1, "begun")

    assert ran(schedule)
    schedule.close()


def test_step_is_tried_again_when_its_time_has_come_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, schedule, runs = Clock(monkeypatch, 100.0), Schedule(1, "times"), list[str]()
    again, pauses = threading.Event(), iter([0.0, None])

    def waits() -> float:
        runs.append("waits")
        return 50.0

    def comes_again() -> float | None:
        runs.append("again")
        pause_s = next(pauses)
        if pause_s is None:
            again.set()
        return pause_s

    schedule.soon("waits", waits)
    schedule.soon("again", comes_again)
    assert again.wait(5.0)
    assert runs == ["waits", "again", "again"]
    clock.now_s = 149.9
    assert ran(schedule)
    assert ran(schedule)
    assert runs == ["waits", "again", "again"]
    clock.now_s = 150.0
    assert ran(schedule)
    assert ran(schedule)
    schedule.close()
    assert runs.count("waits") == 2


def test_step_that_was_brought_forward_and_ended_is_not_run_at_its_old_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, schedule, runs = Clock(monkeypatch, 100.0), Schedule(1, "old"), list[int]()
    pauses = iter([5.0, None, None])

    def step() -> float | None:
        runs.append(1)
        return next(pauses)

    schedule.soon("a", step)
    assert ran(schedule)
    schedule.soon("a", step)
    assert ran(schedule)
    assert len(runs) == 2
    clock.now_s = 106.0
    assert ran(schedule)
    assert ran(schedule)
    schedule.close()
    assert len(runs) == 2


def test_close_waits_for_the_step_that_runs() -> None:
    schedule, inside, ended = Schedule(1, "ending"), threading.Event(), list[int]()
    never = threading.Event()

    def step() -> None:
        inside.set()
        never.wait(0.1)
        ended.append(1)

    schedule.soon("a", step)
    assert inside.wait(LIMIT_S)
    schedule.close()

    assert ended == [1]


def test_schedule_that_is_closed_begins_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule, runs = Schedule(2, "test"), []
    schedule.soon("a", lambda: 1000.0)
    schedule.close()
    monkeypatch.setattr("threading.Thread", lambda **_: pytest.fail("nobody would end it"))

    schedule.soon("b", lambda: runs.append(1))

    assert runs == []


def test_thread_that_waits_for_a_step_does_not_keep_the_process_alive() -> None:
    """As when a command ends that nobody closed."""
    schedule, threads = Schedule(2, "daemon-test"), list[threading.Thread]()
    ran = threading.Event()

    def step() -> float:
        threads.append(threading.current_thread())
        ran.set()
        return 1000.0

    schedule.soon("a", step)
    assert ran.wait(LIMIT_S)
    schedule.close()

    assert [(thread.daemon, thread.name) for thread in threads] == [(True, "daemon-test")]
