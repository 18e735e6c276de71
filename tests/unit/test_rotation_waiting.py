"""Waiting for others that work on a stack: for the living, a bounded time; never for the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from orgcal.errors import StackLocked
from orgcal.rotation.lock import UpdateLock
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.runner import StackRunner


class Holders:
    """A drive whose lock is held by one after the other."""

    def __init__(self, holders: Sequence[str], *, dead: bool = False) -> None:
        self.holders = list(holders)
        self.dead = dead

    def release_dead_lock(self) -> bool:
        return self.dead

    def lock_holder(self) -> str:
        return self.holders.pop(0) if self.holders else ""


class Time:
    """Passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def turn(self, wait: timedelta, told: list[str]) -> UpdateLock:
        return UpdateLock("prod", wait, told.append, sleep=self.sleep, monotonic=lambda: self.now_s)


def test_turn_waits_for_a_living_update_and_says_whose_it_is_once() -> None:
    told: list[str] = []
    time = Time()

    time.turn(timedelta(minutes=10), told).until_free(Holders(["ada on host (pid 7)"] * 9))  # type: ignore[arg-type]

    assert told == ["waiting for an update of ada on host (pid 7), at most 10 minutes"]
    assert 0 < time.now_s < 60


def test_turn_gives_up_after_the_wait_and_says_how_to_go_on() -> None:
    told: list[str] = []
    time = Time()

    with pytest.raises(StackLocked, match="still at work after 30 seconds; nothing was changed") as refused:
        time.turn(timedelta(seconds=30), told).until_free(Holders(["ada"] * 1000))  # type: ignore[arg-type]

    assert "--wait" in refused.value.repair
    assert "pulumi cancel --stack prod" in refused.value.repair
    assert 29 <= time.now_s <= 31


def test_turn_removes_the_lock_of_the_dead_without_waiting() -> None:
    told: list[str] = []
    time = Time()

    turn = time.turn(timedelta(minutes=10), told)
    turn.until_free(Holders([], dead=True))  # type: ignore[arg-type]

    assert told == ["the lock of an update that died is removed"]
    assert time.now_s == 0
    assert not turn.waited


def test_two_turns_at_once_one_refuses_and_names_the_other(tmp_path: Path) -> None:
    told: list[str] = []

    with UpdateLock("prod", timedelta(0), told.append).alone(tmp_path):
        second = UpdateLock("prod", timedelta(0), told.append)
        with pytest.raises(StackLocked, match=rf"another orgcal rotate \(pid {os.getpid()}\)"), second.alone(tmp_path):
            pytest.fail("two at once")
    with UpdateLock("prod", timedelta(0), told.append).alone(tmp_path):
        pass

    assert second.waited
    assert told == [f"waiting for another orgcal rotate (pid {os.getpid()}), at most 0 seconds"]


def test_turn_that_fails_inside_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        raise ZeroDivisionError

    with UpdateLock("prod", timedelta(0), print).alone(tmp_path):
        pass


# Locks of a backend in local files ------------------------------------------------------------------------------------


def drive_with_lock(folder: Path, **holder: object) -> tuple[StackRunner, Path]:
    """A drive whose backend holds a lock; `StackRunner` needs no engine to read it."""
    lock = folder / ".pulumi" / "locks" / "organization" / "orgcal" / "prod" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"username": "ada", **holder}))
    drive = StackRunner.__new__(StackRunner)
    drive._environment = StackEnvironment(folder, "prod", "public", folder, folder.as_uri(), None)
    drive._stack_name = "prod"
    return drive, lock


def test_drive_names_a_living_holder_and_keeps_its_lock(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to(sys.executable)
    with subprocess.Popen([str(program), "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as living:
        drive, lock = drive_with_lock(tmp_path, hostname=os.uname().nodename, pid=living.pid)

        assert drive.lock_holder() == f"ada on {os.uname().nodename} (pid {living.pid})"
        assert not drive.release_dead_lock()
        assert lock.exists()
        living.kill()


def test_drive_removes_the_lock_of_a_process_that_was_killed_and_not_buried(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to(sys.executable)
    with subprocess.Popen([str(program), "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as killed:
        drive, lock = drive_with_lock(tmp_path, hostname=os.uname().nodename, pid=killed.pid)
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now

        assert drive.lock_holder() == ""
        assert drive.release_dead_lock()
        assert not lock.exists()


def test_drive_waits_for_a_holder_on_another_machine(tmp_path: Path) -> None:
    drive, lock = drive_with_lock(tmp_path, hostname="elsewhere", pid=1)

    assert drive.lock_holder() == "ada on elsewhere (pid 1)"
    assert not drive.release_dead_lock()
    assert lock.exists()
