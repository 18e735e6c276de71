"""The emulator of a stack as a process: started once, found again, stopped, and never confused with another."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orgcal.errors import UsageError
from orgcal.stack.emulator import EmulatorOfStack


@pytest.fixture
def emulator_of_stack(tmp_path: Path) -> Iterator[EmulatorOfStack]:
    emulator = EmulatorOfStack(tmp_path)
    yield emulator
    emulator.stop()


def test_start_twice_is_one_process_and_the_port_is_kept(emulator_of_stack: EmulatorOfStack) -> None:
    first, started = emulator_of_stack.start()
    again, started_again = emulator_of_stack.start()
    stopped = emulator_of_stack.stop()
    later, _ = emulator_of_stack.start()

    assert (started, started_again, stopped) == (True, False, True)
    assert again.pid == first.pid
    assert later.pid != first.pid
    assert later.base_url == first.base_url
    assert later.ready["directory_id"] == first.ready["directory_id"]


def test_stop_without_a_process_says_so(emulator_of_stack: EmulatorOfStack) -> None:
    assert emulator_of_stack.stop() is False


def test_running_file_that_names_a_foreign_process_is_not_believed(emulator_of_stack: EmulatorOfStack) -> None:
    emulator_of_stack.state_dir.mkdir(parents=True)
    emulator_of_stack.ready_file.write_text(json.dumps({"pid": os.getpid(), "port": 1, "base_url": "x"}))

    assert emulator_of_stack.running() is None
    assert emulator_of_stack.stop() is False


def test_start_after_the_state_was_removed_ends_the_forgotten_process(emulator_of_stack: EmulatorOfStack) -> None:
    first, _ = emulator_of_stack.start()
    shutil.rmtree(emulator_of_stack.state_dir)

    second, started = emulator_of_stack.start()

    assert started
    assert second.base_url == first.base_url
    assert second.ready["directory_id"] != first.ready["directory_id"]
    assert not psutil.pid_exists(first.pid) or psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE


def test_stop_after_the_state_was_removed_ends_the_forgotten_process(emulator_of_stack: EmulatorOfStack) -> None:
    first, _ = emulator_of_stack.start()
    shutil.rmtree(emulator_of_stack.state_dir)

    stopped = emulator_of_stack.stop()

    assert stopped
    assert not psutil.pid_exists(first.pid) or psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE


def test_start_on_another_port_while_it_runs_is_refused(emulator_of_stack: EmulatorOfStack) -> None:
    running, _ = emulator_of_stack.start()

    with pytest.raises(UsageError, match=f"already runs on port {running.ready['port']}"):
        emulator_of_stack.start(port=int(running.ready["port"]) + 1)
