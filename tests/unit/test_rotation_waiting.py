"""Waiting for others that work on a stack: for the living, a bounded time; never for the dead."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.errors import StackLocked
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation.lock import UpdateLock


class Holders:
    """A runner whose backend is locked by one holder after the other."""

    def __init__(self, holders: Sequence[str], *, dead: bool = False) -> None:
        self.holders = list(holders)
        self.dead = dead

    def release_dead_lock(self) -> bool:
        return self.dead

    def lock_holder(self) -> str:
        return self.holders.pop(0) if self.holders else ""


def lock_of(time: FakeTime, wait: timedelta, told: list[str]) -> UpdateLock:
    return UpdateLock("prod", wait, told.append, clock=time.clock())


def test_lock_waits_for_a_living_update_and_says_whose_it_is_once() -> None:
    told: list[str] = []
    time = FakeTime()

    lock_of(time, timedelta(minutes=10), told).until_free(Holders(["ada on host (pid 7)"] * 9))  # type: ignore[arg-type]

    assert told == ["waiting for an update of ada on host (pid 7), at most 10 minutes"]
    assert 0 < time.now_s < 60


def test_lock_gives_up_after_the_wait_and_says_how_to_go_on() -> None:
    told: list[str] = []
    time = FakeTime()

    with pytest.raises(StackLocked, match="still at work after 30 seconds; nothing was changed") as refused:
        lock_of(time, timedelta(seconds=30), told).until_free(Holders(["ada"] * 1000))  # type: ignore[arg-type]

    assert "--wait" in refused.value.repair
    assert "pulumi cancel --stack prod" in refused.value.repair
    assert 29 <= time.now_s <= 31


def test_lock_removes_the_lock_of_the_dead_without_waiting() -> None:
    told: list[str] = []
    time = FakeTime()

    lock = lock_of(time, timedelta(minutes=10), told)
    lock.until_free(Holders([], dead=True))  # type: ignore[arg-type]

    assert told == ["the lock of an update that died is removed"]
    assert time.now_s == 0
    assert not lock.waited


def test_second_lock_at_once_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    told: list[str] = []

    with UpdateLock("prod", timedelta(0), told.append).alone(tmp_path):
        second = UpdateLock("prod", timedelta(0), told.append)
        with pytest.raises(StackLocked, match=rf"another orgcal rotate \(pid {os.getpid()}\)"), second.alone(tmp_path):
            pytest.fail("two at once")
    with UpdateLock("prod", timedelta(0), told.append).alone(tmp_path):
        pass

    assert second.waited
    assert told == [f"waiting for another orgcal rotate (pid {os.getpid()}), at most 0 seconds"]


def test_lock_that_fails_inside_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        raise ZeroDivisionError

    with UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        pass
