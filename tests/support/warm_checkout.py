"""Commands in processes that begin with orgcal imported, which takes a tenth of the time.

For tests of what many commands print. What a process does before `main`, and what its argument list shows, is seen by
those that start Python anew.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.checkout import Checkout, Ran
from tests.support.failing_writes import cli, preload, start

preload(
    "orgcal.cli", "orgcal.cli.consent", "orgcal.cli.emulator", "orgcal.consent.service", "verify.__main__",
    "verify.command", "verify.report.html",
)  # fmt: skip


@dataclass
class WarmCheckout(Checkout):
    """A `Checkout` for which only `run` starts Python anew."""

    def orgcal(self, *words: str, environ: Mapping[str, str] | None = None, timeout_s: float = 120) -> Ran:
        return run_warm(_orgcal, words, self.path, {**self.environ, **(environ or {})}, timeout_s)


def warm(checkout: Checkout) -> WarmCheckout:
    """The same checkout, whose commands begin warm."""
    return WarmCheckout(checkout.path, checkout.home, checkout.extra)


def run_warm(
    main: Callable[[Sequence[str]], object],
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    timeout_s: float,
) -> Ran:
    """Run a command in a process of its own.

    Args:
        main: a function of a module, which takes the command's words and may raise SystemExit.
        folder: the working directory.
        environ: the whole environment.

    Raises:
        TimeoutError: it did not end in time.
    """
    with tempfile.TemporaryDirectory() as told_in:
        told = [Path(told_in, name) for name in ("out", "err")]
        process = start(_in_child, main, words, folder, environ, told)
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{' '.join(words)} ran for more than {timeout_s:g} s")
        return Ran(process.exitcode, *(path.read_text() for path in told))


def _orgcal(words: Sequence[str]) -> None:
    cli(*words)


def _in_child(
    main: Callable[[Sequence[str]], object],
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    told: Sequence[Path],
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, path in zip((1, 2), told, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(stream), "w", buffering=1) for stream in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    main(words)
