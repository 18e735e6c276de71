"""What a report is."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from orgcal.errors import PlatformError, UsageError
from orgcal.files.whole import write_whole
from verify.models import CheckResult, Mailbox, Target
from verify.run_description import RunDescription
from verify.summary import Summary


class Report:
    """One report, a `verify.Listener`: is told everything while the run goes on; overrides what it needs."""

    wants_mailboxes = False

    def begin(self, run: RunDescription) -> None:
        """The run begins."""

    def started(self, target: Target, total: int | None) -> None: ...
    def progress(self, target: Target, listed: int, read: int) -> None: ...
    def mailbox(self, target: Target, mailbox: Mailbox) -> None: ...
    def finished(self, target: Target) -> None: ...

    def result(self, result: CheckResult) -> None:
        """One result is known."""

    def end(self, summary: Summary) -> None:
        """The run is over."""

    def close(self) -> None:
        """Give back what is open, also where the run broke."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FileReport(Report):
    """A report in one file, written at the end of the run, whole or not at all, and readable by its owner only.

    Args:
        path: refused now if it cannot be written, before anybody waits for a run.
        option: that named the path.
        text: makes the report's text; takes the run, and when it began.

    Raises:
        UsageError: the directory is missing or not ours, or `path` is a directory.
    """

    def __init__(self, path: Path, option: str, text: Callable[[Summary, datetime], str]) -> None:
        directory = path.absolute().parent
        if path.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
            raise UsageError(f"{path} cannot be written", where=option, repair="name a file in a directory that exists")
        self._path = path
        self._text = text
        self._began = datetime.now(UTC)

    def end(self, summary: Summary) -> None:
        try:
            write_whole(self._path, self._text(summary, self._began))
        except PlatformError as error:
            raise UsageError(f"the report {error.what}", where=str(self._path)) from None
