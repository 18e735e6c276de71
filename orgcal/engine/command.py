"""Runs the engine's program once, with exactly the given variables."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orgcal.engine.runner_tokens import renew_tokens
from orgcal.entra.login import engine_login

OnLine = Callable[[str], None]
_STARTS_PLUGINS = frozenset({"preview", "up", "refresh", "destroy", "import"})
"""Commands of the engine that configure the azuread plugin, so that log in."""
WITHHELD = frozenset({"PULUMI_OPTION_IGNORE_PROTECT", "PULUMI_OPTION_SHOW_SECRETS"})
"""Flags that the engine also reads from the environment, and that our commands never want: one deletes protected
resources, the other prints secrets into what we may show."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What the engine printed, which may hold secrets, and its exit code."""

    out: str = field(repr=False)
    err: str = field(repr=False)
    code: int


def run_engine(
    pulumi: str | Path,
    words: Sequence[str],
    *,
    cwd: str | Path,
    environ: Mapping[str, str],
    on_output: OnLine | None = None,
    on_error: OnLine | None = None,
) -> CommandResult:
    """Run `pulumi words` to its end; it is never asked a question.

    Args:
        words: its arguments; no secrets, since everybody can read a process list.
        environ: its whole environment, but for what is `WITHHELD`.

    Raises:
        UsageError: the environment names half a login, or what cannot be used.
        EntraError: it holds no login.
    """
    renew_tokens(environ)
    passed = {name: value for name, value in environ.items() if name not in WITHHELD}
    out: list[str] = []
    err: list[str] = []

    def read(stream: Iterable[str], lines: list[str], tell: OnLine | None) -> None:
        for line in stream:
            lines.append(line.rstrip())
            if tell:
                tell(lines[-1])

    login = engine_login(passed) if words[0] in _STARTS_PLUGINS else contextlib.nullcontext(passed)
    with (
        login as exact,
        subprocess.Popen(
            [str(pulumi), "--non-interactive", *words],
            cwd=cwd,
            env={**exact, "PULUMI_AUTOMATION_API": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            umask=0o077,  # states and their backups are nobody else's
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        readers = [
            threading.Thread(target=read, args=(process.stdout, out, on_output)),
            threading.Thread(target=read, args=(process.stderr, err, on_error)),
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    return CommandResult("\n".join(out), "\n".join(err), process.returncode)
