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
    assert len(at_once) == 2


def test_schedule_that_is_closed_begins_nothing_more() -> None:
    schedule, runs = Schedule(2, "test"), []
    schedule.soon("a", lambda: 1000.0)
    schedule.close()

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
