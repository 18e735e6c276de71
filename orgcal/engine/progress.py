"""What a person sees while something takes minutes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from orgcal.output import styled
from orgcal.printable import printable, printable_lines

PULSE_TERMINAL_S = 0.2
PULSE_LOG_S = 15.0


class Progress:
    """Writes whole lines at once and passing ones now and then.

    On a terminal a passing line replaces the one before it; in a log (CI) one is written every
    PULSE_LOG_S seconds, so that nobody takes a long build for a dead one. Threads may share it.

    Args:
        stream: where to write; standard error if None, because standard output carries answers.
        beside: reports on work that runs at the same time. The two take turns on its stream, and one
            passing line shows what both do.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        beside: Progress | None = None,
    ) -> None:
        self._line: _Line = beside._line if beside else _Line(styled(sys.stderr if stream is None else stream), clock)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        line = self._line
        with line.lock:
            self._forget()
            line.write(f"{printable_lines(text)}\n")
            line.last_pulse = line.clock()

    def pulse(self, text: str) -> None:
        """Write a passing line, unless the last one is too young."""
        line = self._line
        with line.lock:
            line.doing[self] = text
            now = line.clock()
            if now - line.last_pulse < (PULSE_TERMINAL_S if line.terminal else PULSE_LOG_S):
                return
            line.last_pulse = now
            shown = printable("; ".join(line.doing.values()))
            if line.terminal:
                line.erase()
            line.write(shown[:110] if line.terminal else f"{shown}\n")
            line.passing = line.terminal

    def clear(self) -> None:
        """Remove the passing line, if one stands, and what it shows of this work."""
        with self._line.lock:
            self._forget()

    def _forget(self) -> None:
        self._line.doing.pop(self, None)
        self._line.erase()


class _Line:
    """The last line of a stream, and what each of its writers does at the moment."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self.clock = clock
        self.terminal = stream.isatty()
        self.last_pulse = clock()
        self.passing = False
        self.doing: dict[Progress, str] = {}
        self.lock = threading.Lock()

    def erase(self) -> None:
        if self.passing:
            self.write("\r\x1b[K")
            self.passing = False

    def write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def in_words(seconds: float) -> str:
    """A duration for people: `45 s`, `3 min 20 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
