"""Real processes that begin each round at the same moment, and what they do there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from orgcal.errors import StackLocked
from orgcal.files.whole import edit_whole, read_text
from orgcal.rotation.lock import UpdateLock
from orgcal.rotation.record import open_record
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.tenants.links import Spent, spend
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from orgcal.tenants.states import Cause, Move

ROUNDS = 300
PROCESSES = 4
CONNECTOR = "orgcal/prod"
CLIENT = "cccccccc-0000-4000-8000-000000000001"
_TOGETHER_S = 60.0
"""A process that has not come by then is lost, and the others end with an exception."""

Racer = Callable[[int, int], Any]
"""Takes the number of its process and of the round; what it returns, or its exception in words, is its result."""


def race(racer: Racer, *, rounds: int = ROUNDS, processes: int = PROCESSES) -> list[list[Any]]:
    """The results of each round, by process; processes are started once, so a round costs little more than its work.

    Args:
        racer: can be pickled; each process has its own copy.
    """
    context = get_context("spawn")
    barrier, said = context.Barrier(processes), context.SimpleQueue()
    runners = [context.Process(target=_run, args=(racer, n, rounds, barrier, said)) for n in range(processes)]
    for runner in runners:
        runner.start()
    told = dict(said.get() for _ in runners)
    for runner in runners:
        runner.join()
    return [list(results) for results in zip(*(told[number] for number in range(processes)), strict=True)]


def _run(racer: Racer, number: int, rounds: int, barrier: Any, said: Any) -> None:
    results: list[Any] = []
    for turn in range(rounds):
        try:
            barrier.wait(_TOGETHER_S)
            results.append(racer(number, turn))
        except Exception as error:  # noqa: BLE001  # a result like any other, which the test judges
            results.append(f"{type(error).__name__}: {error}")
    said.put((number, results))


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

    def __call__(self, number: int, turn: int) -> str:
        began = self.__dict__.setdefault("began", self.registry.now())
        return self.registry.add(tenant_id(turn), f"F{number}", domain="fabrikam.example", since=began).name


@dataclass
class TakesIn(UsesRegistry):
    """Imports the round's organisation."""

    def __call__(self, number: int, turn: int) -> bool:
        template = self.registry.wanted("template")
        object.__setattr__(template, "tenant_id", tenant_id(turn))
        return self.registry.take_in(template)


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
    """Adds a generation to the settings of a stack of its own, and pushes that to the branch of all."""

    folder: Path

    def __call__(self, number: int, turn: int) -> None:
        copy = self.folder / f"copy-{number}"
        file = SettingsFile(copy, f"s{number}", emulated=False, overlay=False)
        record = open_record("commit", file, f"s{number}", {**os.environ, "HOME": str(self.folder)}, lambda _: None)
        file.write(GenerationSet((turn + 2,), turn + 2))
        record.publish(f"stack s{number}: step {turn}")


def git(folder: Path, *words: str) -> str:
    """What git prints in `folder`, with a name and no settings of this machine."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
