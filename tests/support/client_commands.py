"""Runs clients that are programs of their own against an emulator, as a shell would, and keeps what they reach apart.

A client gets no login, no proxy and no configuration of the user's: only `HOME`, a folder of the test's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgcal_emulator.environment import program_environment
from orgcal_emulator.server import Keys, RunningEmulator

COMMAND_LIMIT_S = 100.0


@dataclass(frozen=True)
class NamedEmulator:
    """An emulator that answers for Microsoft's names too, behind its proxy, which lets a client reach nothing else.

    Attributes:
        variables: those that `orgcal-emulator start --names` prints.
    """

    emulator: RunningEmulator
    variables: dict[str, str] = field(repr=False)

    @property
    def base_url(self) -> str:
        """The emulator's own address."""
        return str(self.emulator.ready["base_url"])

    def environ(self, home: Path) -> dict[str, str]:
        """All variables of a client that trusts the emulator and reaches it by each of its names."""
        return self.variables | {"PATH": os.environ["PATH"], "HOME": str(home)}


@contextmanager
def named_emulator(keys: Keys) -> Iterator[NamedEmulator]:
    """An emulator with the default seed."""
    with RunningEmulator(keys=keys, names=True) as emulator:
        yield NamedEmulator(emulator, program_environment(emulator.ready, {}))


@dataclass(frozen=True)
class Ended:
    """How a client's command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class ClientCommand:
    """A client's program.

    Attributes:
        command: how it is started.
        environ: all variables that it gets.
        cwd: a folder of its own.
    """

    command: list[str]
    environ: dict[str, str] = field(repr=False)
    cwd: Path

    def end(self, *arguments: str) -> Ended:
        """Run it to its end, whatever that is."""
        ended = subprocess.run(
            [*self.command, *arguments], cwd=self.cwd, env=self.environ, check=False, capture_output=True, text=True,
            timeout=COMMAND_LIMIT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def __call__(self, *arguments: str) -> Any:
        """The JSON that it printed, or None where it printed nothing; it must succeed."""
        ended = self.end(*arguments)
        assert ended.status == 0, f"{' '.join(arguments)}: {ended.out}{ended.err}"
        return json.loads(ended.out) if ended.out.strip() else None

    def refusal(self, *arguments: str) -> str:
        """What it said when it failed; it must fail."""
        ended = self.end(*arguments)
        assert ended.status != 0, f"{' '.join(arguments)}: {ended.out}"
        return ended.out + ended.err
