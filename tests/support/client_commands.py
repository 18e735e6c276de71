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

from orgcal_emulator.server import Keys, RunningEmulator
from orgcal_emulator.tls import MICROSOFT_NAMES

from tests.support.tunnel import Tunnel

COMMAND_LIMIT_S = 100.0


@dataclass(frozen=True)
class NamedEmulator:
    """An emulator that answers for Microsoft's names too, behind a proxy that lets a client reach nothing else.

    Attributes:
        ca_file: both certificate authorities of the emulator.
        tunnel: the proxy; `asked` holds every address that a client wanted to reach by it.
    """

    emulator: RunningEmulator
    ca_file: Path
    tunnel: Tunnel

    @property
    def base_url(self) -> str:
        """The emulator's own address."""
        return str(self.emulator.ready["base_url"])

    def environ(self, home: Path) -> dict[str, str]:
        """Variables with which any client trusts the emulator and reaches it by each of its names."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HTTPS_PROXY": self.tunnel.url,
            "NO_PROXY": "localhost",
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
        }

    def paths(self, after: int = 0) -> list[str]:
        """`METHOD path` of the requests so far, without queries."""
        return [f"{each['method']} {each['path'].partition('?')[0]}" for each in self.emulator.journal(after)]


@contextmanager
def named_emulator(keys: Keys) -> Iterator[NamedEmulator]:
    """An emulator with the default seed."""
    with RunningEmulator(keys=keys, names=True) as emulator:
        ca_file = Path(emulator.ready["ca_file"])
        both = ca_file.with_name("both.pem")
        both.write_text(ca_file.read_text() + ca_file.with_name("names-ca.pem").read_text(), encoding="ascii")
        with Tunnel(dict.fromkeys(MICROSOFT_NAMES, emulator.ready["port"])).running() as tunnel:
            yield NamedEmulator(emulator, both, tunnel)


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
