"""Waiting for others that work on a stack: for the living, a bounded time; never for the dead."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from filelock import Timeout

from orgcal.errors import StackLocked
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation.lock import UpdateLock


class Holders:
    """A runner whose backend is locked by one holder after the other."""

    def __init__(self, holders: Sequence[str], *, dead: bool = False) -> None:
        self.holders = list(holders)
        self.dead = dead
        self.looked: list[int] = []

    def release_dead_lock(self) -> bool:
        self.looked.append(len(self.holders))
        return self.dead

    def lock_holder(self) -> str:
        return self.holders.pop(0) if self.holders else ""


def lock_of(time: FakeTime, wait: timedelta, told: list[str]) -> UpdateLock:
    return UpdateLock("prod", wait, told.append, clock=time.clock())


def test_lock_waits_for_a_living_update_and_says_whose_it_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    time = FakeTime()
    monkeypatch.setattr(random, "random", lambda: 1.0)

    lock_of(time, timedelta(minutes=10), told).until_free(Holders(["ada on host (pid 7)"] * 9))  # type: ignore[arg-type]

    assert told == ["waiting for an update of ada on host (pid 7), at most 10 minutes"]
    assert time.waits == [0.5, 1, *[2] * 7]


def test_lock_gives_up_after_the_wait_and_says_how_to_go_on() -> None:
    told: list[str] = []
    time = FakeTime()

    with pytest.raises(StackLocked) as refused:
        lock_of(time, timedelta(seconds=30), told).until_free(Holders(["ada"] * 1000))  # type: ignore[arg-type]

    assert str(refused.value) == (
        "stack prod: an update of ada is still at work after 30 seconds; nothing was changed\n"
        "  repair: try again later, or wait longer: --wait 30m; if nobody works on it: pulumi cancel --stack prod"
    )
    assert 29 <= time.now_s <= 31


def test_lock_tells_of_each_holder_and_of_one_that_comes_back() -> None:
    told: list[str] = []

    lock = lock_of(FakeTime(), timedelta(minutes=10), told)
    lock.until_free(Holders(["ada", "ada", "bob", "ada"]))  # type: ignore[arg-type]

    assert told == [f"waiting for an update of {who}, at most 10 minutes" for who in ("ada", "bob", "ada")]
    assert lock.waited


def test_lock_of_a_dead_update_is_looked_for_again_while_another_is_waited_for() -> None:
    holders = Holders(["ada", "ada"])

    lock_of(FakeTime(), timedelta(minutes=10), []).until_free(holders)  # type: ignore[arg-type]

    assert holders.looked == [2, 1, 0], "so many were to come, each time that a dead one was looked for"


def test_two_waits_of_a_run_share_one_budget() -> None:
    time, told = FakeTime(), list[str]()
    lock = lock_of(time, timedelta(seconds=30), told)
    lock.until_free(Holders(["ada"] * 10))  # type: ignore[arg-type]

    with pytest.raises(StackLocked):
        lock.until_free(Holders(["ada"] * 1000))  # type: ignore[arg-type]

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
        with pytest.raises(StackLocked) as refused, second.alone(tmp_path):
            pytest.fail("two at once")
    assert refused.value.what == (
        f"another orgcal rotate (pid {os.getpid()}) is still at work after 0 seconds; nothing was changed"
    )
    with UpdateLock("prod", timedelta(0), told.append).alone(tmp_path):
        pass

    assert second.waited
    assert (tmp_path / "rotate.pid").read_text() == str(os.getpid())
    assert stat.S_IMODE((tmp_path / "rotate.lock").stat().st_mode) == 0o600
    assert told == [f"waiting for another orgcal rotate (pid {os.getpid()}), at most 0 seconds"]


class TakenLock:
    """A lock that another process holds for so many tries; `tries` has how long each waited."""

    tries: ClassVar[list[float]]
    taken: ClassVar[int]

    def __init__(self, *_: object, **__: object) -> None:
        """Whichever file it is."""

    def acquire(self, timeout: float) -> None:
        self.tries.append(timeout)
        if len(self.tries) <= self.taken:
            raise Timeout("rotate.lock")

    def release(self) -> None:
        """Nobody waits for it."""


@pytest.mark.parametrize(("passed_s", "left_s"), [(12, 18.0), (30, 0.0), (40, 0.0)])
def test_second_rotation_is_waited_for_as_long_as_the_run_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed_s: float, left_s: float
) -> None:
    monkeypatch.setattr("orgcal.rotation.lock.FileLock", TakenLock)
    TakenLock.tries, TakenLock.taken = [], 1
    time, told = FakeTime(), list[str]()
    lock = lock_of(time, timedelta(seconds=30), told)
    time.now_s = passed_s

    with lock.alone(tmp_path):
        assert TakenLock.tries == [0, left_s]
    assert told == ["waiting for another orgcal rotate (pid unknown), at most 30 seconds"]


@pytest.mark.parametrize(("text", "called"), [("", "unknown"), (" 77\n", "77")])
def test_rotation_that_holds_the_lock_is_named_by_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, called: str
) -> None:
    monkeypatch.setattr("orgcal.rotation.lock.FileLock", TakenLock)
    TakenLock.tries, TakenLock.taken = [], 2
    (tmp_path / "rotate.pid").write_text(text)

    with pytest.raises(StackLocked) as refused, UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        pytest.fail("two at once")

    assert refused.value.what.startswith(f"another orgcal rotate (pid {called}) is still at work")
    assert refused.value.where == "stack prod"


def test_lock_serves_where_its_message_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "rotate.pid").mkdir()

    with UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        second = UpdateLock("prod", timedelta(0), print)
        with pytest.raises(StackLocked, match=r"\(pid unknown\)"), second.alone(tmp_path):
            pytest.fail("two at once")


def test_lock_that_fails_inside_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        raise ZeroDivisionError

    with UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        pass
