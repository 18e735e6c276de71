"""Files that reports are written to: whole or not at all, and known to be writable before the run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from orgcal.errors import UsageError


def check_writable(path: Path, option: str) -> None:
    """Refuse a path that cannot be written, before anybody waits for a run.

    Raises:
        UsageError: the directory is missing or not ours, or `path` is a directory.
    """
    directory = path.absolute().parent
    if path.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
        raise UsageError(f"{path} cannot be written", where=option, repair="name a file in a directory that exists")


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`; a reader sees the old file or the new one, never a half.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError as error:
        raise UsageError(f"the report cannot be written ({error.strerror})", where=str(path)) from error
