"""Builds the engine in a thread, while `make setup` installs the packages."""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from orgcal.engine.progress import Progress

FIRST_PACKAGES = ("filelock", "platformdirs")
"""What `orgcal.engine.find` imports besides the standard library; a test holds it."""

_SILENT_S = 2.0
_END_LIMIT_S = 60.0  # removing 4 GB of modules and objects takes 10 s of a quiet disk


class EngineAhead:
    """The engine's build, from `start` to `wait`; leaving the `with` block ends it where nobody waited.

    Args:
        progress: told what the other work does.
        build: builds the engine if it has to be built; given environment, progress and Python.
    """

    def __init__(self, progress: Progress, build: Callable[[Mapping[str, str], Progress, Path], None]) -> None:
        self._progress = progress
        self._build = build
        self._stop = threading.Event()
        # Not Thread.join: Python 3.11 takes a thread for ended once Ctrl-C has interrupted its join.
        self._ended = threading.Event()
        self._ended.set()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, environ: Mapping[str, str], python: Path) -> None:
        """Begin; `python` is the one of a `.venv` in which FIRST_PACKAGES are installed."""

        def work() -> None:
            progress = _Stoppable(self._progress, self._stop)
            try:
                self._build(environ, progress, python)
            except BaseException as error:  # noqa: BLE001  # `wait` raises it
                self._error = error
            finally:
                progress.clear()
                self._ended.set()

        # A daemon, so that whatever it waits for cannot keep a failed set-up from ending.
        self._ended.clear()
        threading.Thread(target=work, name="engine", daemon=True).start()

    def wait(self) -> None:
        """Wait for the end; raises what the build raised."""
        self._ended.wait()
        if self._error:
            raise self._error

    def end(self) -> None:
        """End the build if it still runs, and let it remove what it made."""
        self._stop.set()
        if not self._ended.wait(_SILENT_S):
            self._progress.say("engine: not built; removing what was made of it")
            self._ended.wait(_END_LIMIT_S)


class _Stopped(Exception):
    """The build is not wanted any more."""


class _Stoppable(Progress):
    """Raises once it is stopped; what reports to it ends then, as if Ctrl-C had been pressed."""

    def __init__(self, beside: Progress, stop: threading.Event) -> None:
        super().__init__(beside=beside)
        self._stop = stop

    def say(self, text: str) -> None:
        self._raise_if_stopped()
        super().say(text)

    def pulse(self, text: str) -> None:
        self._raise_if_stopped()
        super().pulse(text)

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise _Stopped


def build_with_packages_of(environ: Mapping[str, str], progress: Progress, python: Path) -> None:
    """Build the engine in this process, which takes FIRST_PACKAGES from the `.venv` that `python` belongs to."""
    sys.path.append(sysconfig.get_path("purelib", "venv", {"base": str(python.parent.parent)}))
    from orgcal.engine.find import build_ahead

    build_ahead(environ, progress=progress, python=python)
