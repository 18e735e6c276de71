"""Child processes end when they should: in time, with their parent, with their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orgcal.engine.child import run_child

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-u", "-c", code]


def _gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(timeout=10.0)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_run_child_both_streams_and_the_status_are_reported(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    ended = run_child(_python(code), env=ENVIRON, cwd=tmp_path, limit_s=30.0, on_line=lines.append)
    assert ended.status == 3
    assert sorted(lines) == ["err", "out"]
    assert not ended.timed_out


def test_run_child_inside_an_except_block_keeps_the_status(tmp_path: Path) -> None:
    try:
        raise ValueError
    except ValueError:
        ended = run_child(_python("import sys; sys.exit(4)"), env=ENVIRON, cwd=tmp_path, limit_s=30.0)
    assert ended.status == 4


def test_run_child_missing_program_is_told_in_its_last_words(tmp_path: Path) -> None:
    ended = run_child([str(tmp_path / "none")], env=ENVIRON, cwd=tmp_path, limit_s=30.0)
    assert ended.status == 127
    assert ended.last_words.endswith("No such file or directory")


def test_run_child_over_its_time_is_killed_with_its_children(tmp_path: Path) -> None:
    # A shell whose child would outlive it.
    command = ["/bin/sh", "-c", "sleep 600 & echo $!; wait"]
    ended = run_child(command, env=ENVIRON, cwd=tmp_path, limit_s=0.5)
    assert ended.timed_out
    assert _gone(int(ended.tail[0]))


def test_run_child_listener_that_raises_ends_the_command(tmp_path: Path) -> None:
    seen: list[int] = []

    def stop(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    command = ["/bin/sh", "-c", "echo $$; exec sleep 600"]
    with pytest.raises(KeyboardInterrupt):
        run_child(command, env=ENVIRON, cwd=tmp_path, limit_s=60.0, on_line=stop)
    assert _gone(seen[0])


def test_run_child_supervisor_killed_takes_its_children_along(tmp_path: Path) -> None:
    seen: list[int] = []

    def kill_supervisor(line: str) -> None:
        supervisor, child = map(int, line.split())
        seen.append(child)
        os.kill(supervisor, signal.SIGKILL)

    command = ["/bin/sh", "-c", "echo $PPID $$; exec sleep 600"]
    ended = run_child(command, env=ENVIRON, cwd=tmp_path, limit_s=60.0, on_line=kill_supervisor)
    assert ended.status == 128 + signal.SIGKILL
    assert _gone(seen[0])


def test_run_child_caller_killed_takes_the_command_along(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from orgcal.engine.child import run_child\n"
        "run_child(['/bin/sh', '-c', 'echo $$; exec sleep 600'], env={'PATH': '/usr/bin:/bin'}, cwd=Path('/'),\n"
        "          limit_s=60.0, on_line=lambda line: print(line, flush=True))\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    command_pid = int(caller.stdout.readline())
    caller.kill()
    caller.wait(timeout=10.0)
    caller.stdout.close()
    assert _gone(command_pid)
