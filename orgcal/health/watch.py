"""`orgcal watch`: one process that does in turn what otherwise jobs of a CI do, for as long as it runs.

It only decides what is due, and serves what the registry knows; the work is done by other processes, each an `orgcal`
command as anybody types it. So it stays small, and what a command breaks does not end it. Where several processes watch
one connector on PostgreSQL, each piece of work is claimed first, and who claims it looks again whether it is still due.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from orgcal.health.schedule import Intervals, due_to_check, due_to_verify, is_due
from orgcal.health.snapshot import Snapshot, read_snapshot
from orgcal.patience import backoff_s
from orgcal.printable import counted
from orgcal.tenants.alerts import newest_entries, waiting
from orgcal.tenants.claims import Claims
from orgcal.tenants.registry import Registry, RegistryUnavailable

_LOG = logging.getLogger("orgcal.watch")

TICK_S = 60.0
"""So often it is looked for what is due."""

ALERTS_EVERY = timedelta(minutes=5)
ALERTS_ANYWAY_EVERY = timedelta(hours=1)
"""Where nothing was written either: time alone makes a credential end and a verification old."""

ROTATE_EVERY = timedelta(hours=24)
MOST_AT_ONCE = 200
"""Organisations of one verification; so much is lost at most where a process is killed."""

END_TIMEOUT_S = 60.0
"""So long a command may take to end once it was asked to."""

_FIRST_PAUSE_S = 5.0

Command = Callable[[Sequence[str]], int]
"""Runs an `orgcal` command; its exit code."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is watched, and how.

    Attributes:
        rotate: words of `orgcal rotate` after its name; None where somebody else rotates.
        verify: further words of `orgcal verify`, such as a Dask scheduler's address.
    """

    stack: str
    intervals: Intervals = field(default_factory=Intervals)
    rotate: tuple[str, ...] | None = None
    verify: tuple[str, ...] = ()


class Watch:
    """Does what is due.

    Args:
        command: runs commands; `Commands.run`.
    """

    def __init__(self, registry: Registry, claims: Claims, work: Work, command: Command) -> None:
        self._registry = registry
        self._claims = claims
        self._work = work
        self._command = command
        self._alert_at = self._alert_anyway_at = 0.0
        self._written: tuple[int, int] | None = None
        self._failures: dict[str, int] = {}
        self._resting: dict[str, float] = {}
        self._ticked_at = time.monotonic()
        self._busy = False

    @property
    def alive(self) -> bool:
        """Whether it still looks for work, or a command is at work."""
        return self._busy or time.monotonic() - self._ticked_at < 10 * TICK_S

    def run(self, stopping: threading.Event, *, once: bool = False) -> None:
        """Do what is due until `stopping` is set, or once.

        Raises:
            RegistryUnavailable: only where it is to be done once; otherwise it is tried again until it answers.
        """
        failures = 0
        while not stopping.is_set():
            self._ticked_at = time.monotonic()
            try:
                worked = self.tick(stopping)
            except RegistryUnavailable as error:
                if once:
                    raise
                failures += 1
                if failures == 1:
                    _LOG.warning("%s; trying again", error.what)
                stopping.wait(backoff_s(failures, first_s=_FIRST_PAUSE_S, longest_s=TICK_S))
                continue
            if failures:
                _LOG.info("the registry answers again")
                failures = 0
            if once and not worked:
                return
            if not worked:
                stopping.wait(TICK_S)

    def tick(self, stopping: threading.Event) -> bool:
        """Do what is due now; whether there was anything that may have left more to do.

        Raises:
            RegistryUnavailable: the database cannot be asked now.
        """
        snapshot = read_snapshot(self._registry)
        worked = self._verify(snapshot) or (not stopping.is_set() and self._check(snapshot))
        if not stopping.is_set():
            self._rotate()
        if not stopping.is_set():
            self._alert(force=worked)
        return worked

    def _verify(self, snapshot: Snapshot) -> bool:
        words = ["verify", "--quiet", *self._work.verify]
        return self._on_organisations("verify", snapshot, due_to_verify, lambda ids: [*words, *_each("--tenant", ids)])

    def _check(self, snapshot: Snapshot) -> bool:
        return self._on_organisations("check", snapshot, due_to_check, lambda ids: ["consent", "check", *ids])

    def _on_organisations(
        self,
        name: str,
        snapshot: Snapshot,
        due: Callable[[Snapshot, Intervals], list[str]],
        words: Callable[[Sequence[str]], list[str]],
    ) -> bool:
        """Run a command on organisations that are due and that nobody else works on; whether it has done something."""
        if time.monotonic() < self._resting.get(name, 0.0):
            return False
        claimed: list[str] = []
        try:
            for tenant_id in due(snapshot, self._work.intervals):
                if len(claimed) < MOST_AT_ONCE and self._claims.take(f"{name} {tenant_id}"):
                    claimed.append(tenant_id)
            # Somebody may have been quicker than our claim.
            wanted = [tenant_id for tenant_id in self._due(due) if tenant_id in set(claimed)] if claimed else []
            if not wanted:
                return False
            code = self._ran([*words(wanted), "--stack", self._work.stack])
            _LOG.info("%s of %s ended with exit code %d", name, counted(len(wanted), "organisation"), code)
            left = set(wanted) & set(self._due(due))
            self._rest(name, in_vain=len(left) == len(wanted))
            return len(left) < len(wanted)
        finally:
            for tenant_id in claimed:
                self._claims.give_back(f"{name} {tenant_id}")

    def _due(self, due: Callable[[Snapshot, Intervals], list[str]]) -> list[str]:
        return due(read_snapshot(self._registry), self._work.intervals)

    def _rest(self, name: str, *, in_vain: bool) -> None:
        """Wait longer and longer before a command that leaves no trace in the registry is tried again."""
        self._failures[name] = self._failures.get(name, 0) + 1 if in_vain else 0
        if in_vain:
            pause_s = backoff_s(
                self._failures[name], first_s=2 * TICK_S, longest_s=self._work.intervals.red.total_seconds()
            )
            self._resting[name] = time.monotonic() + pause_s

    def _rotate(self) -> None:
        if self._work.rotate is None or not self._is_due("rotate", ROTATE_EVERY) or not self._claims.take("rotate"):
            return
        try:
            if self._is_due("rotate", ROTATE_EVERY):
                code = self._ran(["rotate", *self._work.rotate, "--stack", self._work.stack])
                self._registry.note("watch", "rotate", "ran" if code == 0 else "failed", code=code)
        finally:
            self._claims.give_back("rotate")

    def _alert(self, *, force: bool) -> None:
        """Send alerts where something was written into the registry, or where it is long ago."""
        now = time.monotonic()
        if not force and now < self._alert_at:
            return
        self._alert_at = now + ALERTS_EVERY.total_seconds()
        written = newest_entries(self._registry)
        if not force and written == self._written and not waiting(self._registry) and now < self._alert_anyway_at:
            return
        self._ran(["alerts", "send", "--stack", self._work.stack])
        self._written = written  # as before it, so that what is written meanwhile is not missed
        self._alert_anyway_at = now + ALERTS_ANYWAY_EVERY.total_seconds()

    def _ran(self, words: Sequence[str]) -> int:
        self._busy = True
        try:
            return self._command(words)
        finally:
            self._busy, self._ticked_at = False, time.monotonic()

    def _is_due(self, subject: str, interval: timedelta) -> bool:
        last = self._registry.last("watch", subject)
        return is_due(self._registry.connector, last.at if last is not None else None, interval, self._registry.now())


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


class Commands:
    """Runs `orgcal` commands as processes, one at a time; asks the one that runs to end where it is asked to itself.

    Args:
        environ: of the commands.
        options: further words for each of them, such as `--json`.
    """

    def __init__(self, project: Path, environ: Mapping[str, str], options: Sequence[str] = ()) -> None:
        self._options = tuple(options)
        self._environ = {**environ, "ORGCAL_PROJECT": str(project)}
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False

    def run(self, words: Sequence[str]) -> int:
        """The exit code of a command; what it says goes where our own output goes."""
        with self._lock:
            if self._ended:
                return 130
            self._running = subprocess.Popen(
                [sys.executable, "-m", "orgcal.cli", *words, *self._options],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
        try:
            return self._running.wait()
        finally:
            with self._lock:
                self._running = None

    def end(self) -> None:
        """Ask the command that runs to end, and end it if it does not; no further one begins."""
        with self._lock:
            self._ended, running = True, self._running
        if running is None:
            return
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
