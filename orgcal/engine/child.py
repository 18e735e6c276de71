"""Long-running commands whose output is followed line by line and that never outlive us."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_SUPERVISOR = Path(__file__).with_name("child_supervisor.py")
_TAIL_LINES = 60


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a command ended.

    Attributes:
        status: its exit status; 128 + N where signal N ended it.
        tail: its last lines, standard output and standard error together.
        timed_out: whether we ended it because its time was over.
    """

    status: int
    tail: tuple[str, ...]
    timed_out: bool
    seconds: float

    @property
    def last_words(self) -> str:
        """The last line that is not empty, or how it ended where it wrote none."""
        for line in reversed(self.tail):
            if line.strip():
                return line.strip()
        return f"ended with status {self.status}"


def run_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    limit_s: float,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> ProcessResult:
    """Run `command` to its end, at most `limit_s` seconds; it and its children die when we do.

    Args:
        command: program and arguments; no secrets, since everybody can read a process list.
        env: its whole environment.
        limit_s: after so many seconds the command and all its children are killed.
        on_line: called with each line of its output; if it raises, the command is killed.
        on_tick: called at least about every second with the seconds passed.
    """
    started = time.monotonic()
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    process = subprocess.Popen(
        [sys.executable, "-I", str(_SUPERVISOR), *command],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    reader = threading.Thread(target=_read_into, args=(process.stdout, lines), daemon=True)
    reader.start()
    timed_out = left_alone = False
    try:
        while True:
            passed = time.monotonic() - started
            if on_tick:
                on_tick(passed)
            if passed >= limit_s:
                timed_out = True
                break
            try:
                line = lines.get(timeout=min(1.0, limit_s - passed))
            except queue.Empty:
                # A supervisor killed from outside leaves children that still hold the pipe.
                if process.poll() is None:
                    continue
                line = None
            if line is None:
                left_alone = True
                break
            tail.append(line)
            if on_line:
                on_line(line)
    finally:
        status = _end_group(process, kill=not left_alone)
        reader.join(timeout=1.0)
        process.stdout.close()
    return ProcessResult(status, tuple(tail), timed_out, time.monotonic() - started)


def output_of(command: Sequence[str], environ: Mapping[str, str], *, limit_s: float = 20.0) -> str:
    """What a short command prints; empty where it does not start, or takes longer."""
    try:
        return subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _read_into(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    with contextlib.suppress(ValueError):  # closed by us after the end
        for line in stream:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _end_group(process: subprocess.Popen[str], *, kill: bool) -> int:
    """Wait for the supervisor (kill it first if asked to) and kill what it left behind."""
    if not kill:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10.0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    if process.stdin:
        process.stdin.close()
    return status if status >= 0 else 128 - status
