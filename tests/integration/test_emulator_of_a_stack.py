"""The emulator of a stack as a process: started once, found again, stopped, and never confused with another."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orgcal.errors import UsageError
from orgcal.formats import USE_NEWER
from orgcal.stack.emulator import EmulatorOfStack
from orgcal.stack.files import START_OVER

pytestmark = pytest.mark.closed_loop


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


def test_start_hands_no_login_of_the_caller_to_a_process_that_stays(
    emulator_of_stack: EmulatorOfStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("GH_TOKEN", "ARM_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "PULUMI_CONFIG_PASSPHRASE")
    for name in (*secrets, "ORGCAL_REGISTRY_URL"):
        monkeypatch.setenv(name, "hush")

    started, _ = emulator_of_stack.start()

    environ = psutil.Process(started.pid).environ()
    assert environ["PATH"] == os.environ["PATH"]
    assert "hush" not in environ.values()


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


def test_start_on_the_state_of_a_newer_version_never_says_to_remove_it(tmp_path: Path) -> None:
    emulator = EmulatorOfStack(tmp_path / "portal" / "dev")
    emulator.start()
    emulator.stop()
    with contextlib.closing(sqlite3.connect(emulator.state_dir / "state.sqlite")) as state:
        state.execute("PRAGMA user_version = 99")

    with pytest.raises(UsageError, match=r"is of version 99 and this emulator knows \d+\n") as refused:
        emulator.start()

    assert refused.value.repair == USE_NEWER


@pytest.mark.parametrize(("stack", "anew"), [("dev", True), ("crm", False)])
def test_start_on_a_broken_state_begins_none_but_stack_dev_anew(tmp_path: Path, stack: str, anew: bool) -> None:
    emulator = EmulatorOfStack(tmp_path / "portal" / stack)
    emulator.state_dir.mkdir(parents=True)
    (emulator.state_dir / "state.sqlite").write_text("no database")

    with pytest.raises(UsageError, match="is no state of an emulator") as refused:
        emulator.start()

    assert (START_OVER in refused.value.repair) is anew
    assert str(emulator.log_file) in refused.value.repair


def test_stop_after_the_state_was_removed_ends_the_forgotten_process(emulator_of_stack: EmulatorOfStack) -> None:
    first, _ = emulator_of_stack.start()
    shutil.rmtree(emulator_of_stack.state_dir)

    stopped = emulator_of_stack.stop()

    assert stopped
    assert not psutil.pid_exists(first.pid) or psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def emulator_of_357bda2(emulator_of_stack: EmulatorOfStack) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of an emulator of that commit, as its orgcal left it."""
    emulator_of_stack.state_dir.mkdir(parents=True)
    script = "import sys; sys.stdin.read()"
    command = [sys.executable, "-c", script, "emulator", "--state", str(emulator_of_stack.state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        emulator_of_stack.ready_file.write_text(json.dumps({"pid": process.pid, "port": 1, "base_url": "x"}))
        (emulator_of_stack.state_dir.parent / "emulator-pid").write_text(str(process.pid))
        yield process
        process.kill()


def test_emulator_of_an_older_version_is_found_and_stopped(
    emulator_of_stack: EmulatorOfStack, emulator_of_357bda2: subprocess.Popen[bytes]
) -> None:
    running = emulator_of_stack.running()

    assert running is not None
    assert running.pid == emulator_of_357bda2.pid
    assert emulator_of_stack.stop()
    assert emulator_of_357bda2.poll() is not None


def test_start_replaces_the_emulator_of_an_older_version(
    emulator_of_stack: EmulatorOfStack, emulator_of_357bda2: subprocess.Popen[bytes]
) -> None:
    process, started = emulator_of_stack.start(port=0)

    assert started
    assert process.pid != emulator_of_357bda2.pid
    assert emulator_of_357bda2.poll() is not None


def test_start_on_another_port_while_it_runs_is_refused(emulator_of_stack: EmulatorOfStack) -> None:
    running, _ = emulator_of_stack.start()

    with pytest.raises(UsageError, match=f"already runs on port {running.ready['port']}"):
        emulator_of_stack.start(port=int(running.ready["port"]) + 1)
