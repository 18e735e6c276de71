"""Files that reports are written to: whole or not at all, and known to be writable before the run."""

from __future__ import annotations

import os
from pathlib import Path

from orgcal.errors import PlatformError, UsageError
from orgcal.files.whole import write_whole


def check_writable(path: Path, option: str) -> None:
    """Refuse a path that cannot be written, before anybody waits for a run.

    Raises:
        UsageError: the directory is missing or not ours, or `path` is a directory.
    """
    directory = path.absolute().parent
    if path.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
        raise UsageError(f"{path} cannot be written", where=option, repair="name a file in a directory that exists")


def write_report(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by its owner only; a reader sees the old file or the new one, never a half.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, text)
    except PlatformError as error:
        raise UsageError(f"the report {error.what}", where=str(path)) from None
