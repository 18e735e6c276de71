"""Real processes that begin each round at the same moment, and what they do there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from orgcal.errors import StackLocked
from orgcal.files.whole import edit_whole, read_text
from orgcal.rotation.lock import UpdateLock
from orgcal.rotation.record import Record, open_record
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.tenants.links import Spent, spend
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from orgcal.tenants.states import Cause, Move

ROUNDS = 300
PROCESSES = 3
CONNECTOR = "orgcal/prod"
CLIENT = "cccccccc-0000-4000-8000-000000000001"
_TOGETHER_S = 60.0
"""A process that has not come by then is lost, and the others end with an exception."""

Racer = Callable[[int, int], Any]
"""Takes the number of its process and of the round; what it returns, or its exception in words, is its result."""


class RacingProcesses:
    """Processes that are started once, so that a round costs little more than its work; a context manager."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._barrier = context.Barrier(PROCESSES)  # its semaphores live as long as it does
        self._ends, ends = zip(*(context.Pipe() for _ in range(PROCESSES)), strict=True)
        self._processes = [context.Process(target=_run, args=(n, end, self._barrier)) for n, end in enumerate(ends)]
        for process in self._processes:
            process.start()

    def __enter__(self) -> RacingProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        for end, process in zip(self._ends, self._processes, strict=True):
            end.send(None)
            process.join()

    def race(self, racer: Racer, rounds: int = ROUNDS) -> list[list[Any]]:
        """The results of each round, by process; each process has its own copy of `racer`."""
        for end in self._ends:
            end.send((racer, rounds))
        return [list(results) for results in zip(*(end.recv() for end in self._ends), strict=True)]


def _run(number: int, end: Connection, barrier: Barrier) -> None:
    while (task := end.recv()) is not None:
        racer, rounds = task
        end.send([_result(racer, number, turn, barrier) for turn in range(rounds)])


def _result(racer: Racer, number: int, turn: int, barrier: Barrier) -> Any:
    try:
        barrier.wait(_TOGETHER_S)
        return racer(number, turn)
    except Exception as error:  # noqa: BLE001  # a result like any other, which the test judges
        return f"{type(error).__name__}: {error}"


def tenant_id(turn: int) -> str:
    """The organisation that the processes of a round work on."""
    return f"00000000-0000-4000-8000-{turn:012d}"


@dataclass
class OpensFirst:
    """Opens a registry that nobody has opened before, and notes it."""

    folder: Path

    def __call__(self, number: int, turn: int) -> None:
        registry = Registry(f"sqlite:///{self.folder}/{turn}.sqlite", connector=CONNECTOR, operator=f"p{number}")
        registry.note("push", "client", "pushed")
        registry.close()


@dataclass
class UsesRegistry:
    """Works on a registry that it opens once."""

    url: str

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.url, connector=CONNECTOR, operator="ada")


@dataclass
class Adds(UsesRegistry):
    """Adds the round's organisation by a name of its own; returns the name that it has then."""

    began: datetime

    def __call__(self, number: int, turn: int) -> str:
        return self.registry.add(tenant_id(turn), f"F{number}", since=self.began).name


@dataclass
class TakesIn(UsesRegistry):
    """Imports the round's organisation."""

    exported: Tenant

    def __call__(self, number: int, turn: int) -> bool:
        return self.registry.take_in(replace(self.exported, tenant_id=tenant_id(turn)))


@dataclass
class Spends(UsesRegistry):
    """Uses the round's link up; returns whether it was the one, or why it was not."""

    states: list[str]

    def __call__(self, number: int, turn: int) -> Any:
        spent = spend(self.registry, self.states[turn], client_id=CLIENT)
        return True if isinstance(spent, Spent) else spent


@dataclass
class Moves(UsesRegistry):
    """Moves one organisation to and fro."""

    def __call__(self, number: int, turn: int) -> str:
        wanted = (State.CONSENTED, State.REVOKED)[(number + turn) % 2]
        reason = f"{number} {turn}"
        return self.registry.move(tenant_id(0), Cause.SET, lambda _: Move(wanted, reason)).reason


@dataclass
class Locks:
    """Takes the lock of a rotation at once or not at all; returns whether it was alone with it."""

    folder: Path

    def __call__(self, number: int, turn: int) -> bool | None:
        inside = self.folder / "inside"
        try:
            with UpdateLock("prod", timedelta(0), lambda _: None).alone(self.folder):
                descriptor = os.open(inside, os.O_CREAT | os.O_EXCL)
                os.close(descriptor)
                inside.unlink()
                return True
        except StackLocked:
            return None


@dataclass
class Edits:
    """Adds a line of its own to one file."""

    path: Path

    def __call__(self, number: int, turn: int) -> None:
        edit_whole(self.path, lambda: f"{read_text(self.path)}{number} {turn}\n")


@dataclass
class Records:
    """Writes a generation into the settings of a stack of its own, and pushes that to the branch of all."""

    folder: Path

    def __call__(self, number: int, turn: int) -> None:
        file, record = self.__dict__.get("opened") or self.__dict__.setdefault("opened", self._opened(number))
        file.write(GenerationSet((turn + 2,), turn + 2))
        record.publish(f"stack s{number}: step {turn}")

    def _opened(self, number: int) -> tuple[SettingsFile, Record]:
        """The settings and the record, which one run of a rotation keeps."""
        stack = f"s{number}"
        file = SettingsFile(self.folder / f"copy-{number}", stack, emulated=False, overlay=False)
        return file, open_record("commit", file, stack, {**os.environ, "HOME": str(self.folder)}, lambda _: None)


def git(folder: Path, *words: str) -> str:
    """What git prints in `folder`, with a name and no settings of this machine."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
