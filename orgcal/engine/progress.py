"""What a person sees while something takes minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

PULSE_TERMINAL_S = 0.2
PULSE_LOG_S = 15.0


class Progress:
    """Writes whole lines at once and passing ones now and then.

    On a terminal a passing line replaces the one before it; in a log (CI) one is written every
    PULSE_LOG_S seconds, so that nobody takes a long build for a dead one.

    Args:
        stream: where to write; standard error if None, because standard output carries answers.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._last_pulse = clock()
        self._passing = False

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._write(f"{text}\n")
        self._last_pulse = self._clock()

    def pulse(self, text: str) -> None:
        """Write a passing line, unless the last one is too young."""
        now = self._clock()
        if now - self._last_pulse < (PULSE_TERMINAL_S if self._terminal else PULSE_LOG_S):
            return
        self._last_pulse = now
        if self._terminal:
            self.clear()
            self._write(text[:110])
            self._passing = True
        else:
            self._write(f"{text}\n")

    def clear(self) -> None:
        """Remove the passing line, if one stands."""
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
