"""A Pulumi backend in local files whose engine was killed: its locks, and its descriptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from orgcal.stack.local_backend import lock_holder, release_dead_lock, remove_empty_sidecars


def locked(folder: Path, **holder: object) -> Path:
    """The lock of stack `prod` in a backend in `folder`."""
    lock = folder / ".pulumi" / "locks" / "organization" / "orgcal" / "prod" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"username": "ada", **holder}))
    return lock


def test_lock_of_a_living_process_is_named_and_kept(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to(sys.executable)
    with subprocess.Popen([str(program), "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as living:
        lock = locked(tmp_path, hostname=os.uname().nodename, pid=living.pid)

        assert lock_holder(tmp_path.as_uri(), "prod") == f"ada on {os.uname().nodename} (pid {living.pid})"
        assert not release_dead_lock(tmp_path.as_uri(), "prod")
        assert lock.exists()
        living.kill()


def test_lock_of_a_process_that_was_killed_and_not_reaped_is_removed(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to(sys.executable)
    with subprocess.Popen([str(program), "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as killed:
        lock = locked(tmp_path, hostname=os.uname().nodename, pid=killed.pid)
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now

        assert lock_holder(tmp_path.as_uri(), "prod") == ""
        assert release_dead_lock(tmp_path.as_uri(), "prod")
        assert not lock.exists()


def test_lock_whose_process_id_another_program_has_now_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        lock = locked(tmp_path, hostname=os.uname().nodename, pid=other.pid)

        assert lock_holder(tmp_path.as_uri(), "prod") == ""
        assert release_dead_lock(tmp_path.as_uri(), "prod")
        assert not lock.exists()
        other.kill()


def test_lock_of_another_machine_is_kept(tmp_path: Path) -> None:
    lock = locked(tmp_path, hostname="elsewhere", pid=1)

    assert lock_holder(tmp_path.as_uri(), "prod") == "ada on elsewhere (pid 1)"
    assert not release_dead_lock(tmp_path.as_uri(), "prod")
    assert lock.exists()


def test_lock_of_another_stack_is_left_alone(tmp_path: Path) -> None:
    lock = locked(tmp_path, hostname=os.uname().nodename, pid=2**22 + 1)

    assert not release_dead_lock(tmp_path.as_uri(), "dev")
    assert lock.exists()
    assert lock_holder("s3://bucket", "prod") == ""


def test_remove_empty_sidecars_leaves_whatever_says_something(tmp_path: Path) -> None:
    kept = tmp_path / "a state" / ".pulumi"
    folder = kept / "stacks" / "orgcal"
    folder.mkdir(parents=True)
    empty = [kept / "meta.yaml.attrs", folder / "dev.json.attrs", folder / "dev.json.bak.attrs"]
    others = [folder / "dev.json", folder / "dev2.json.attrs", kept / "meta.yaml"]
    for path in (*empty, *others):
        path.write_text("")
    full = folder / "dev.json.gz.attrs"
    full.write_text("{}")

    remove_empty_sidecars((tmp_path / "a state").as_uri(), "dev")

    assert not any(path.exists() for path in empty)
    assert all(path.exists() for path in (*others, full))


def test_remove_empty_sidecars_of_a_backend_elsewhere_does_nothing(tmp_path: Path) -> None:
    remove_empty_sidecars("s3://bucket", "dev")
    remove_empty_sidecars("", "dev")
    remove_empty_sidecars((tmp_path / "nowhere").as_uri(), "dev")
