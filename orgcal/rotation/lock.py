"""Keeps rotations of a stack apart from each other and from other updates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from orgcal.durations import in_words
from orgcal.errors import PlatformError, StackLocked
from orgcal.files.whole import write_whole
from orgcal.patience import Clock, Patience
from orgcal.stack.runner import StackRunner

_LONGEST_PAUSE_S = 2.0


class UpdateLock:
    """Waits for others that work on a stack, all in all for the time `wait`; `tell` is told once who they are."""

    def __init__(
        self, stack: str, wait: timedelta, tell: Callable[[str], object], *, clock: Clock | None = None
    ) -> None:
        self._stack = stack
        self._wait = wait
        self._tell = tell
        self._clock = clock or Clock()
        self._deadline = self._clock.monotonic() + wait.total_seconds()
        self._patience = Patience(wait.total_seconds(), self._clock, longest_s=_LONGEST_PAUSE_S)
        self._told = ""
        self.waited = False
        """Whether there was anybody to wait for."""

    @contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """The only rotation of this stack on this machine, by a lock in its folder; a killed one leaves no lock.

        Raises:
            StackLocked: another one is still at work after the wait.
        """
        lock, named = FileLock(folder / "rotate.lock", mode=0o600), folder / "rotate.pid"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = f"another orgcal rotate (pid {_text(named)})"
            self._say(holder)
            try:
                lock.acquire(timeout=max(0.0, self._deadline - self._clock.monotonic()))
            except Timeout:
                raise self._given_up(holder) from None
        try:
            with suppress(PlatformError):  # it serves a message only; the lock is the kernel's
                write_whole(named, str(os.getpid()))
            yield
        finally:
            lock.release()

    def until_free(self, runner: StackRunner) -> None:
        """Return once no update of the stack runs, as far as its backend tells; a dead process' lock is removed."""
        if runner.release_dead_lock():
            self._tell("the lock of an update that died is removed")
        while holder := runner.lock_holder():
            self.pause(f"an update of {holder}")
            runner.release_dead_lock()

    def pause(self, holder: str) -> None:
        """Wait a moment for whoever works on the stack; raises StackLocked once there has been enough waiting."""
        self._say(holder)
        if not self._patience.wait():
            raise self._given_up(holder)

    def _say(self, holder: str) -> None:
        self.waited = True
        if holder != self._told:
            self._told = holder
            self._tell(f"waiting for {holder}, at most {in_words(self._wait)}")

    def _given_up(self, holder: str) -> StackLocked:
        return StackLocked(
            f"{holder} is still at work after {in_words(self._wait)}; nothing was changed",
            where=f"stack {self._stack}",
            repair=f"try again later, or wait longer: --wait 30m; if nobody works on it: pulumi cancel --stack "
            f"{self._stack}",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "unknown"
    except OSError:
        return "unknown"
