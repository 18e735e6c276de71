"""Progress of the engine: a live line on a terminal, plain lines in CI, nothing where JSON is asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

from orgcal.cli.grammar import is_quiet
from orgcal.operations.plan_words import OPERATIONS, kind_of
from orgcal.output import plain_markup, styled
from orgcal.stack.engine_events import EngineStep

_PAST = {**OPERATIONS, "refresh": "read"}
_TOLD_AFTER_S = 1.0
"""What takes less needs no time beside it."""


class _Doing:
    """What is being worked on, and for how many seconds by now; drawn anew with each picture of the live line."""

    def __init__(self, markup: str, clock: Callable[[], float], began: float | None = None) -> None:
        self._markup = markup
        self._clock = clock
        self._began = clock() if began is None else began

    def __rich__(self) -> Text:
        seconds = self._clock() - self._began
        return Text.from_markup(f"{self._markup}, {seconds:.0f} s" if seconds >= _TOLD_AFTER_S else self._markup)


class StepPrinter:
    """Prints each resource that changes, and on a terminal what is being worked on, how far, and for how long.

    It prints to standard error unless given a `stream`, so that results on standard output stay clean. `-q` leaves the
    warnings.

    Args:
        planning: the engine only looks, so that nothing is said to be done.
        total: number of resources that are to change, where a plan told it.
        after: of the step before, whose warnings are not told again.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
        planning: bool = False,
        total: int = 0,
        after: StepPrinter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = Console(file=styled(stream or sys.stderr), quiet=quiet, highlight=False, soft_wrap=True)
        self._planning = planning
        self._total = total
        self._done = 0
        self._clock = clock
        self._began: dict[tuple[str, str], float] = {}
        self._warned: set[str] = set() if after is None else after._warned
        self._status: Status | None = None
        self._idle = "looking at what is to be done" if planning else "waiting for the engine"
        self._only_warnings = is_quiet()

    def __enter__(self) -> StepPrinter:
        if self._console.is_terminal and not self._only_warnings:
            self._status = self._console.status(_Doing(self._idle, self._clock))
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, step: EngineStep) -> None:
        if step.operation == "warning":
            if step.name not in self._warned:
                self._warned.add(step.name)
                self._console.print(f"  [yellow]warning[/] {plain_markup(step.name)}")
            return
        if self._only_warnings:
            return
        kind, key = kind_of(step.type), (step.type, step.name)
        if not step.done:
            self._began[key] = self._clock()
            self._show_running()
            return
        began = self._began.pop(key, self._clock())
        word = "" if self._planning else _PAST.get(step.operation, "")
        self._done += bool(word)
        self._show_running()  # before a line is printed, which draws the live line anew
        if word:
            seconds = self._clock() - began
            took = f", {seconds:.0f} s" if seconds >= _TOLD_AFTER_S else ""
            about = f"{plain_markup(kind)} [dim]{plain_markup(step.name)}{self._far(self._done)}{took}[/]"
            self._console.print(f"  [green]{word:<8}[/] {about}")

    def _show_running(self) -> None:
        """The live line names what began last and has not ended."""
        if self._status is None:
            return
        if not self._began:
            self._status.update(_Doing(self._idle, self._clock))
            return
        (kind, name), began = next(reversed(self._began.items()))
        doing = "looking at" if self._planning else "working on"
        what = plain_markup(f"{doing} {kind_of(kind)} {name}{self._far(self._done + 1)}")
        self._status.update(_Doing(what, self._clock, began))

    def _far(self, number: int) -> str:
        """How far, where that is known; a retry may do more than was planned."""
        return f" ({number} of {max(number, self._total)})" if self._total else ""
