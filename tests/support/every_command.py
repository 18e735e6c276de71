"""How each command is run where the shape of its output is looked at, on a terminal, in a pipe, as JSON and in CI."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from tests.support.checkout import Checkout, Ran

NOBODY = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Case:
    """One run of a command.

    Attributes:
        words: behind the command's own; `{n}` is another number in each run.
        codes: exit codes that are right for it.
        lines: it prints JSON Lines.
        once: it takes long, so that it runs as JSON only.
    """

    words: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    lines: bool = False
    once: bool = False


# In this order, on one stack that is deployed: what a command needs stands above it.
CASES: Mapping[str, Case] = {
    "new": Case(
        ("made/{n}", "--name", "made", "--platform", "nango", "--cloud", "public"), codes=(0, 1)
    ),  # 1 where no index has this release
    "doctor": Case(),
    "env": Case(),
    "emulator start": Case(),
    "emulator status": Case(),
    "up": Case(once=True),
    "preflight": Case(),
    "status": Case(),
    "tenants add": Case(("contoso.example", "--name", "Contoso")),
    "tenants list": Case(),
    "tenants show": Case(("Contoso",)),
    "tenants export": Case(lines=True),
    "tenants import": Case(("organisations.jsonl",)),
    "consent link": Case(("Contoso",)),
    "consent script": Case(("--home", "--group", "Calendar users")),
    "consent serve": Case(("--metrics", "nowhere"), codes=(2,), lines=True),
    "consent check": Case(("Contoso",), codes=(0, 1), lines=True),
    "verify": Case(("--tenant", "Contoso"), codes=(4,)),
    "history": Case(lines=True),
    "log": Case(lines=True),
    "metrics": Case(),
    "alerts send": Case(),
    "alerts list": Case(),
    "alerts test": Case(codes=(2,)),
    "report": Case(("--html", "health.html")),
    "watch": Case(("--once", "--no-rotate"), lines=True, once=True),
    "adopt": Case(("--client-id", NOBODY), codes=(2,)),
    "ephemeral create": Case(("copy-{n}",)),
    "rotate": Case(("--status",)),
    "sweep": Case(),
    "ci setup": Case(("github", "--stack", "dev"), codes=(2,)),
    "ci lint": Case(),
    "ci preview": Case(once=True),
    "ci token": Case(("azure",), codes=(1, 2)),
    "tenants remove": Case(("Contoso", "--yes"), codes=(0, 2)),
    "uninstall": Case(("--dry-run",)),
    "completion": Case(("bash",)),
    "help": Case(("exit-codes",)),
    "demo": Case(once=True),
    "destroy": Case(("--stack", "dev", "--yes"), once=True),
    "emulator stop": Case(),
}


def on_terminal(checkout: Checkout, *words: str, columns: int, environ: Mapping[str, str] | None = None) -> Ran:
    """Run a command on a terminal of this width; what it writes, to standard error too, is `out`."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    surroundings = {name: value for name, value in checkout.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*checkout.command, *words],
        cwd=checkout.path,
        env={**surroundings, "TERM": "xterm-256color", **(environ or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        text = _read_all(master, time.monotonic() + 120)
        return Ran(process.wait(10), text.replace("\r\n", "\n"), "")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def _read_all(descriptor: int, end: float) -> str:
    read = bytearray()
    while time.monotonic() < end:
        if not select.select([descriptor], [], [], 1)[0]:
            continue
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux: nobody has the other side open any more
            break
        if not part:
            break
        read += part
    return read.decode("utf-8", "replace")


def prepare(checkout: Checkout) -> None:
    """Make the file that `tenants import` reads."""
    exported = checkout.orgcal("tenants", "export")
    assert exported.code == 0, exported.text
    Path(checkout.path / "organisations.jsonl").write_text(exported.out, encoding="utf-8")
