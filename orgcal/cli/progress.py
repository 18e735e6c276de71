"""Progress of the engine: a live line on a terminal, plain lines in CI, nothing where JSON is asked for."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.status import Status

from orgcal.cli.grammar import is_quiet
from orgcal.output import plain_markup, styled
from orgcal.stack.runner import EngineStep

_PAST = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "refresh": "read"}


class StepPrinter:
    """Prints each resource that changes, and on a terminal what is being worked on.

    It prints to standard error unless given a `stream`, so that results on standard output stay clean. `-q` leaves the
    warnings.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._console = Console(file=styled(stream or sys.stderr), quiet=quiet, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._only_warnings = is_quiet()

    def __enter__(self) -> StepPrinter:
        if self._console.is_terminal and not self._only_warnings:
            self._status = self._console.status("starting the engine")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, step: EngineStep) -> None:
        if step.operation == "warning":
            self._console.print(f"  [yellow]warning[/] {plain_markup(step.name)}")
            return
        if self._only_warnings:
            return
        kind = step.type.rsplit(":", 1)[-1]
        if not step.done:
            if self._status is not None:
                self._status.update(plain_markup(f"{kind} {step.name}"))
            return
        done = _PAST.get(step.operation)
        if done:
            self._console.print(f"  [green]{done:<8}[/] {plain_markup(kind)} [dim]{plain_markup(step.name)}[/]")
