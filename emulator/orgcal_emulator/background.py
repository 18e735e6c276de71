"""`orgcal-emulator start` and `stop`: an emulator that outlives the command that started it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from orgcal_emulator.errors import CannotServeError
from orgcal_emulator.files import LOCK_FILE

_PASSED_ON = frozenset({
    "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
})  # fmt: skip
_PASSED_ON_PREFIXES = ("LC_", "PYTHON")
"""Variables of whoever starts it that a process keeps which lives on: places and languages, and nobody's login."""

_STOP_LIMIT_S = 10.0
_LOOK_EVERY_S = 0.02


def start_in_background(arguments: list[str]) -> dict[str, Any]:
    """Start an emulator as a process of its own and return its ready record once it serves.

    Args:
        arguments: of `orgcal-emulator`.

    Raises:
        CannotServeError: it did not start; with its own words.
    """
    command = [sys.executable, "-m", "orgcal_emulator", *arguments]
    environ = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    with tempfile.TemporaryFile() as errors:
        # Its own session: Ctrl-C in the terminal of the tests is not for it.
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            with process.stdout:
                line = process.stdout.readline()
        except BaseException:  # Ctrl-C: nobody would know where it is
            process.terminate()
            raise
        if not line:
            process.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().removeprefix("emulator: ")
            raise CannotServeError(said.splitlines()[-1] if said else "the emulator ended before it was ready.")
    ready: dict[str, Any] = json.loads(line)
    process.returncode = 0  # it goes on; nobody here waits for its end
    return ready


def stop_in_background(ready_file: Path) -> bool:
    """Stop the emulator that wrote `ready_file`, and wait until its state is free; whether it ran.

    Raises:
        CannotServeError: it does not end within 10 seconds.
    """
    lock = ready_file.with_name(LOCK_FILE)
    # An emulator removes the record of an earlier one as soon as it has the lock, so this id is its own.
    if not _is_held(lock):
        return False
    try:
        process_id = int(json.loads(ready_file.read_text(encoding="utf-8"))["pid"])
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise CannotServeError(f"{ready_file} is no record of an emulator; name its folder by --state.") from error
    os.kill(process_id, signal.SIGTERM)
    end = time.monotonic() + _STOP_LIMIT_S
    while _is_held(lock):
        if time.monotonic() > end:
            raise CannotServeError(f"process {process_id} does not end; look what it waits for.")
        time.sleep(_LOOK_EVERY_S)
    return True


def _is_held(lock: Path) -> bool:
    """Whether a process has the state that this lock belongs to."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
