"""What a person sees while something takes minutes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

PULSE_TERMINAL_S = 0.2
PULSE_LOG_S = 15.0


class Progress:
    """Writes whole lines at once and passing ones now and then.

    On a terminal a passing line replaces the one before it; in a log (CI) one is written every
    PULSE_LOG_S seconds, so that nobody takes a long build for a dead one. Threads may share it.

    Args:
        stream: where to write; standard error if None, because standard output carries answers.
        clock: seconds, monotonic.
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
        self._line: _Line = beside._line if beside else _Line(sys.stderr if stream is None else stream, clock)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._line.say(self, text)

    def pulse(self, text: str) -> None:
        """Write a passing line, unless the last one is too young."""
        self._line.pulse(self, text)

    def clear(self) -> None:
        """Remove the passing line, if one stands, and what it shows of this work."""
        self._line.clear(self)


class _Line:
    """The last line of a stream, and what each of its writers does at the moment."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._last_pulse = clock()
        self._passing = False
        self._doing: dict[Progress, str] = {}
        self._lock = threading.Lock()

    def say(self, writer: Progress, text: str) -> None:
        with self._lock:
            self._remove(writer)
            self._write(f"{text}\n")
            self._last_pulse = self._clock()

    def pulse(self, writer: Progress, text: str) -> None:
        with self._lock:
            self._doing[writer] = text
            now = self._clock()
            if now - self._last_pulse < (PULSE_TERMINAL_S if self._terminal else PULSE_LOG_S):
                return
            self._last_pulse = now
            line = "; ".join(self._doing.values())
            if self._terminal:
                self._erase()
                self._write(line[:110])
                self._passing = True
            else:
                self._write(f"{line}\n")

    def clear(self, writer: Progress) -> None:
        with self._lock:
            self._remove(writer)

    def _remove(self, writer: Progress) -> None:
        self._doing.pop(writer, None)
        self._erase()

    def _erase(self) -> None:
        if self._passing:
            self._write("\r\x1b[K")
            self._passing = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def in_words(seconds: float) -> str:
    """A duration for people: `45 s`, `3 min 20 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
