"""Lets a `LeakScan` hear every command that tests start, and the processes that these start in turn."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from tests.support.leak_scan import LeakScan

_BETWEEN_ROUNDS_S = 0.05
_ROUNDS_SHARE = 60
"""A round is followed by a pause of so many times its length, so that looking costs little of one processor."""
_LONGEST_PAUSE_S = 1.0
"""But not by a longer one: where a machine has many processes a round takes long, and an engine's plugin ends soon."""


class _HeardStream:
    """A stream of a command that hands on to the scan what a test reads from it."""

    def __init__(self, stream: IO[Any], scan: LeakScan, command: str) -> None:
        self._stream, self._scan, self._command = stream, scan, command

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line

    def read(self, *arguments: Any) -> Any:
        return self._heard(self._stream.read(*arguments))

    def readline(self, *arguments: Any) -> Any:
        return self._heard(self._stream.readline(*arguments))

    def _heard(self, text: Any) -> Any:
        self._scan.hear_output(self._command, text)
        return text


class _DiscardedOutput:
    """Where a command writes what its test throws away; the scan reads it."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it

    def end(self, scan: LeakScan) -> None:
        size = os.fstat(self.file.fileno()).st_size
        text = os.pread(self.file.fileno(), size, 0)  # not `read`: the command would go on writing where that ends
        scan.hear_output(self.command, text)
        self.file.close()


class WatchedCommands:
    """Commands of tests, from their start to their last word.

    Args:
        scan: hears arguments, variables and output of each.
    """

    def __init__(self, scan: LeakScan) -> None:
        self.scan = scan
        self.folders_of_tests: set[Path] = set()
        self._commands: dict[Path, Mapping[str, str]] = {}
        self._discarded: list[_DiscardedOutput] = []
        self._seen: set[tuple[int, float, str]] = set()
        self._over = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Every command that this process starts in the block, by `subprocess`, is heard."""
        watched, plain = self, subprocess.Popen

        class Watched(subprocess.Popen[Any]):
            def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
                self._name = watched.start(args, options)
                super().__init__(args, *rest, **options)
                for name in ("stdout", "stderr"):
                    if (stream := getattr(self, name)) is not None:
                        setattr(self, name, _HeardStream(stream, watched.scan, self._name))

            def communicate(self, *arguments: Any, **options: Any) -> tuple[Any, Any]:
                both = super().communicate(*arguments, **options)
                for text in filter(None, both):
                    watched.scan.hear_output(self._name, text)
                watched.learn()  # now: a later command may remove what they are in
                return both

            def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
                for stream in (self.stdout, self.stderr):
                    if kind is None and stream is not None and not stream.closed:
                        stream.read()
                super().__exit__(kind, value, traceback)

        looking = threading.Thread(target=self._keep_looking, daemon=True)
        looking.start()
        subprocess.Popen = Watched  # type: ignore[misc]
        try:
            yield
        finally:
            subprocess.Popen = plain  # type: ignore[misc]
            self._over.set()
            looking.join()

    def start(self, args: Any, options: dict[str, Any]) -> str:
        """Hear what a command is given, and have what it throws away; returns its name in messages."""
        words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
        name = shlex.join(os.fsdecode(word) for word in words)
        environ: Mapping[str, str] = options.get("env") or os.environ
        self._commands[Path(os.fsdecode(options.get("cwd") or ".")).absolute()] = environ
        self.scan.hear_arguments(name)
        self.scan.hear_environ(name, environ)
        for stream in ("stdout", "stderr"):
            if options.get(stream) == subprocess.DEVNULL:
                self._discarded.append(_DiscardedOutput(name))
                options[stream] = self._discarded[-1].file
        return name

    def learn(self) -> None:
        """Learn the secrets of the projects that commands ran in; one may have made them."""
        for folder, environ in self._commands.items():
            self.scan.learn(folder, environ)

    def forget(self) -> None:
        """Leave out what was heard so far: other vendors' programs, say, print the secrets that they make."""
        self._commands.clear()
        for output in self._discarded:
            output.file.close()
        self._discarded.clear()
        self.scan.forget()

    def check(self, *roots: Path) -> None:
        """Judge what was heard since the last call, and the files below `roots`; see `LeakScan.check`."""
        self.learn()
        for root in roots:
            self.scan.read_files(root)
        self._commands.clear()
        for output in self._discarded:
            output.end(self.scan)
        self._discarded.clear()
        self.scan.check()

    def _keep_looking(self) -> None:
        pause = _BETWEEN_ROUNDS_S
        while not self._over.wait(pause):
            begun = time.monotonic()
            self.look()
            pause = (time.monotonic() - begun) * _ROUNDS_SHARE
            pause = min(max(_BETWEEN_ROUNDS_S, pause), _LONGEST_PAUSE_S)

    @contextmanager
    def without_pause(self) -> Iterator[None]:
        """Look all the time in the block, for a test that needs each process to be seen."""
        over = threading.Event()

        def keep_looking() -> None:
            while not over.wait(_BETWEEN_ROUNDS_S):
                self.look()

        looking = threading.Thread(target=keep_looking, daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()

    def look(self) -> None:
        """Hear the arguments and variables of each process below this one that was not seen before."""
        with suppress(psutil.Error):
            for process in psutil.Process().children(recursive=True):
                self._hear_process(process)

    def _hear_process(self, process: psutil.Process) -> None:
        with suppress(psutil.Error):  # it has ended
            name = shlex.join(process.cmdline())
            key = (process.pid, process.create_time(), name)  # the name, since a process may become another program
            if name and key not in self._seen:
                self._seen.add(key)
                self.scan.hear_arguments(name)
                self.scan.hear_environ(name, process.environ())


@pytest.fixture(scope="session")
def watched_commands() -> Iterator[WatchedCommands]:
    """Watches every command of the session.

    `tests/conftest.py` alone has it: a second one would keep what the first has judged until a test of its own folder.
    It hears the tests of every folder, and judges those of the folders that import the fixtures below.
    """
    watched = WatchedCommands(LeakScan())
    with watched.watching():
        yield watched


@pytest.fixture(scope="module", autouse=True)
def no_secret_leaks_from_module(
    tmp_path_factory: pytest.TempPathFactory, watched_commands: WatchedCommands
) -> Iterator[None]:
    """Fails where a fixture of a module, or a folder that its tests share, leaks a secret."""
    before = set(tmp_path_factory.getbasetemp().iterdir())
    watched_commands.forget()  # said by tests of folders that nobody watches
    yield
    made = {path for path in tmp_path_factory.getbasetemp().iterdir() if not path.is_symlink()} - before
    watched_commands.check(*(made - watched_commands.folders_of_tests))
    watched_commands.scan.known.clear()  # the next module has projects of its own; looking for all would take longer


@pytest.fixture(autouse=True)
def no_secret_leaks(tmp_path: Path, watched_commands: WatchedCommands) -> Iterator[None]:
    """Fails where a command of a test, or a file in its folder, leaks a secret."""
    yield
    watched_commands.folders_of_tests.add(tmp_path)
    watched_commands.check(tmp_path)
