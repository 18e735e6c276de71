"""Files that only this user may read, replaced as a whole, so that a killed process leaves none half written."""

from __future__ import annotations

import os
from pathlib import Path

READY_FILE = "ready.json"
"""In the folder of an emulator that serves: where everything is."""
LOCK_FILE = "emulator.lock"
"""Beside it: held by the process that has the folder."""


def make_private_directory(path: Path) -> Path:
    """Create `path` (0700) with its parents, and close it to others if it exists."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str | bytes) -> Path:
    """Write `content` to `path` (0600): readers see the old content or the new, never a part.

    One process at a time writes a file. What a killed one left has the same name, so it is overwritten.
    """
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def read_or_make(path: Path, make: str) -> str:
    """The text that `path` holds; if the file is missing, `make` is written to it and returned."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        write_private(path, make)
        return make
