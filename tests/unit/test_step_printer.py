"""Progress of the engine: what, how far, and how long."""

from __future__ import annotations

import io

from orgcal.cli.progress import StepPrinter
from orgcal.resource_types import APPLICATION, PASSWORD
from orgcal.stack.engine_events import EngineStep


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(printer: StepPrinter, clock: Clock, *names: str) -> None:
    for name in names:
        for done in (False, True):
            printer(EngineStep("create", APPLICATION, name, done))
            clock.now += 2.4


def test_lines_tell_what_was_done_how_far_and_how_long() -> None:
    log, clock = io.StringIO(), Clock()
    with StepPrinter(stream=log, total=2, clock=clock) as printer:
        steps(printer, clock, "one", "two", "three")
        printer(EngineStep("same", PASSWORD, "kept", done=True))

    assert log.getvalue().splitlines() == [
        "  created  application one (1 of 2), 2 s",
        "  created  application two (2 of 2), 2 s",
        "  created  application three (3 of 3), 2 s",
    ]


def test_planning_tells_only_warnings_and_the_update_after_it_tells_each_once() -> None:
    log, clock = io.StringIO(), Clock()
    with StepPrinter(stream=log, planning=True, clock=clock) as first:
        steps(first, clock, "one")
        first(EngineStep("warning", "", "look here"))
    with StepPrinter(stream=log, after=first, clock=clock) as second:
        second(EngineStep("warning", "", "look here"))
        second(EngineStep("warning", "", "and here"))

    assert log.getvalue().splitlines() == ["  warning look here", "  warning and here"]


def test_terminal_has_a_live_line_with_the_seconds_of_what_takes_longer() -> None:
    terminal, clock = Terminal(), Clock()
    with StepPrinter(stream=terminal, total=3, clock=clock) as printer:
        printer(EngineStep("create", APPLICATION, "one"))
        clock.now = 7.0

    assert "working on application one (1 of 3), 7 s" in terminal.getvalue()


def test_live_line_goes_on_with_what_still_runs() -> None:
    terminal, clock = Terminal(), Clock()
    with StepPrinter(stream=terminal, total=2, clock=clock) as printer:
        printer(EngineStep("create", APPLICATION, "slow"))
        printer(EngineStep("create", PASSWORD, "quick"))
        clock.now = 4.0
        printer(EngineStep("create", PASSWORD, "quick", done=True))
        clock.now = 9.0

    after = terminal.getvalue().partition("quick (1 of 2), 4 s")[2]
    assert "working on application slow (2 of 2), 9 s" in after
    assert "working on secret" not in after


def test_live_line_names_nothing_that_is_over() -> None:
    terminal, clock = Terminal(), Clock()
    with StepPrinter(stream=terminal, total=2, clock=clock) as printer:
        printer(EngineStep("create", APPLICATION, "one"))
        printer(EngineStep("create", APPLICATION, "one", done=True))
        clock.now = 3.0

    assert "waiting for the engine, 3 s" in terminal.getvalue().partition("one (1 of 2)")[2]


def test_quiet_printer_tells_nothing() -> None:
    log, clock = io.StringIO(), Clock()
    with StepPrinter(stream=log, quiet=True, clock=clock) as printer:
        steps(printer, clock, "one")

    assert log.getvalue() == ""
