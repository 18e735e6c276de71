"""Standard output and standard error of a command: whoever writes to them, no text of others does anything there.

`guarded_output` replaces the two streams while a command runs, so that prints, logs, warnings and traces are all
written as `orgcal.printable` shows them. What is meant to do something goes around it by name: colours and live lines
through `styled`, commands to the runner of a job through `give_command`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from orgcal.printable import beginning_of_command, printable_lines


class _Line:
    """The line that a stream is in, which guards of the same stream share."""

    def __init__(self) -> None:
        self.begun = ""  # as `beginning_of_command` gives it
        self.lock = threading.RLock()  # a handler of signals may write in the middle of a write


class GuardedStream:
    """A text stream that shows what is written to it, and lets none of it act.

    Args:
        stream: where it writes. Its binary buffer cannot be reached through this.
        styles: colours and movements of the cursor pass; for what cleans the texts of others of them.
    """

    def __init__(self, stream: TextIO, *, styles: bool = False) -> None:
        guard = stream if isinstance(stream, GuardedStream) else None
        self.unguarded: TextIO = guard.unguarded if guard is not None else stream
        self._line: _Line = guard._line if guard is not None else _Line()
        self._kept = "\n\t\r\x1b" if styles else "\n\t"

    def write(self, text: str) -> int:
        """Write `text`; lines may come in parts."""
        line = self._line
        with line.lock:
            shown = printable_lines(line.begun + text, kept=self._kept)[len(line.begun) :]
            self.unguarded.write(shown)
            line.begun = beginning_of_command((line.begun + shown).rpartition("\n")[2])
        return len(text)

    def write_command(self, command: str) -> None:
        """Write a command to a runner, in a line of its own even where another line was begun."""
        with self._line.lock:
            self.unguarded.write(f"\n{command}\n" if self._line.begun else f"{command}\n")
            self.unguarded.flush()
            self._line.begun = ""

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.unguarded, name)


@contextmanager
def guarded_output() -> Iterator[None]:
    """Guard `sys.stdout` and `sys.stderr` while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", GuardedStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def styled(stream: TextIO) -> TextIO:
    """The stream for what draws: colours and live lines pass, commands to a runner do not.

    Texts of others that are drawn have to be `plain_markup` or `printable_lines` first.
    """
    return cast("TextIO", GuardedStream(stream, styles=True))


def plain_markup(text: str) -> str:
    """Text of others for a console of `rich`: shown as it is, without markup, and doing nothing."""
    from rich.markup import escape

    return escape(printable_lines(text))


def give_command(stream: TextIO, name: str, data: str, **properties: str) -> None:
    """Give the runner of a job of GitHub Actions a command, in a line of its own.

    Args:
        name: such as `error` or `add-mask`.
        properties: such as `title`.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    guard = stream if isinstance(stream, GuardedStream) else GuardedStream(stream)
    guard.write_command(f"::{name}{' ' if told else ''}{told}::{_data(data)}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
