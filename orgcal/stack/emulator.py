"""Starts, finds and stops the emulator that a stack lives on, a child process of its own.

It keeps its state under the stack's directory and its port between runs. Its `ready.json` says where it
is; a process counts as ours only if its pid, start and command line fit, so nothing else is ever ended.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgcal.child_environ import passed_on
from orgcal.errors import PlatformError, UsageError
from orgcal.files.whole import private_dir, write_whole
from orgcal.formats import USE_NEWER
from orgcal.patience import Patience
from orgcal.stack.files import DEV_STACK, START_OVER

if TYPE_CHECKING:
    import psutil

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
_PACKAGE = "orgcal_emulator"
_FIRST_PACKAGE = "emulator"
"""What it was called in commit 357bda2; such a process outlives an upgrade."""
_NEWER_STATE = "this emulator knows"
"""In the last words of an emulator that does not read the state of a newer one."""


@dataclass(frozen=True)
class EmulatorProcess:
    """A running emulator, and what it wrote about itself (addresses, names of files, tenants)."""

    pid: int
    ready: dict[str, Any]

    @property
    def base_url(self) -> str:
        """Its address, `https://localhost:PORT`."""
        return str(self.ready["base_url"])


class EmulatorOfStack:
    """The emulator of one stack; its state is `emulator/` in the stack's own directory."""

    def __init__(self, stack_dir: Path) -> None:
        self.state_dir = stack_dir / "emulator"
        self.ready_file = self.state_dir / "ready.json"
        self.log_file = self.state_dir / "emulator.log"
        self._port_file = stack_dir / "emulator-port"
        self._pid_file = stack_dir / "emulator-pid"
        self._child: subprocess.Popen[bytes] | None = None

    def running(self) -> EmulatorProcess | None:
        """The process, or None where it does not run."""
        try:
            ready = json.loads(self.ready_file.read_text(encoding="utf-8"))
            process = self._ours(int(ready["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return EmulatorProcess(process.pid, ready) if process else None

    def _ours(self, pid: int, *packages: str) -> psutil.Process | None:
        """The process of this id if it is this stack's emulator; ids are used again, so its command line must fit."""
        import psutil  # commands on other clouds need none of it

        try:
            process = psutil.Process(pid)
            words = process.cmdline()
        except psutil.Error:
            return None
        known = packages or (_PACKAGE, _FIRST_PACKAGE)
        return process if str(self.state_dir) in words and not set(known).isdisjoint(words) else None

    def _forgotten(self) -> psutil.Process | None:
        """An emulator of this stack that nobody can use any more.

        Its state directory was removed while it ran, or an older version started it.
        """
        return self._ours(_number_in(self._pid_file))

    def start(self, *, port: int | None = None) -> tuple[EmulatorProcess, bool]:
        """Starts it unless it runs.

        Args:
            port: the port from now on; None keeps the one of the last run, or takes a free one the first time.

        Returns:
            The process, and whether this call started it.

        Raises:
            UsageError: the port is taken, or the emulator did not come up.
        """
        from filelock import FileLock, Timeout

        private_dir(self.state_dir)
        lock = FileLock(self.state_dir.parent / "emulator.lock", mode=0o600)
        try:
            with lock.acquire(timeout=START_TIMEOUT_S):
                running = self.running()
                if running is not None and self._ours(running.pid, _PACKAGE):
                    if port is not None and port != int(running.ready["port"]):
                        raise UsageError(
                            f"the emulator already runs on port {running.ready['port']}",
                            where=f"--port {port}",
                            repair="orgcal emulator stop, then start it with the new port",
                        )
                    return running, False
                forgotten = self._forgotten()
                if forgotten is not None:
                    self._end(forgotten)
                return self._spawn(port if port is not None else _number_in(self._port_file)), True
        except Timeout:
            raise UsageError(
                "another run is starting the emulator and does not finish", where=str(lock.lock_file)
            ) from None

    def stop(self) -> bool:
        """Ends it, keeping its state; whether it ran."""
        running = self.running()
        process = self._ours(running.pid) if running else self._forgotten()
        if process is None:
            return False
        self._end(process)
        self.ready_file.unlink(missing_ok=True)
        return True

    def _end(self, process: psutil.Process) -> None:
        """Asks a process to end, and ends it if it does not."""
        import psutil

        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
        if self._child is not None and self._child.pid == process.pid:
            self._child.wait()  # it was ours to reap
            self._child = None

    def _spawn(self, port: int) -> EmulatorProcess:
        if not importlib.util.find_spec(_PACKAGE):
            raise UsageError(
                f"the emulator is not installed in {sys.prefix}",
                where="emulator",
                repair="use the orgcal in the project's .venv, or pip install 'orgcal[emulator]' here",
            )
        self.ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", _PACKAGE, "--state", str(self.state_dir), "--port", str(port)]
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            child = subprocess.Popen(
                command,
                cwd=self.state_dir,
                env=passed_on(os.environ),  # it lives longer than the command, and needs no login
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # a Ctrl-C for the command must not end the emulator
            )
        finally:
            os.close(log)
        self._child = child
        try:
            write_whole(self._pid_file, str(child.pid))
        except PlatformError:  # nobody would find it
            child.kill()
            child.wait()
            raise
        patience = Patience(START_TIMEOUT_S, first_s=0.02, longest_s=0.02)
        while patience.wait():
            running = self.running()
            if running is not None and running.pid == child.pid:
                write_whole(self._port_file, str(running.ready["port"]))
                return running
            if child.poll() is not None:
                raise self._failure(child.returncode, port)
        child.kill()
        raise UsageError(
            f"the emulator was not ready after {START_TIMEOUT_S:.0f} s", where="emulator", repair=f"see {self.log_file}"
        )

    def _failure(self, code: int, port: int) -> UsageError:
        """Why a child ended before it was ready, from its last line."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        what = lines[-1].removeprefix("emulator: ") if lines else f"it ended with exit code {code}"
        repair = f"see {self.log_file}"
        if _NEWER_STATE in what:
            what, repair = what.partition(";")[0], USE_NEWER
        elif port and f"port {port}" in what:
            repair = (
                f"end the program that uses port {port}, or move the emulator: orgcal emulator start --port 0 "
                "(the next orgcal up or orgcal demo then updates the redirect URI)"
            )
        elif self.state_dir.parent.name == DEV_STACK:
            repair += f"; {START_OVER} begins stack dev anew"
        return UsageError(what, where="emulator", repair=repair)


def _number_in(file: Path) -> int:
    """The number that a file holds; 0, which is no process and any port, where it holds none."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
