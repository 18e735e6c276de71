"""Files with secrets: written whole or not at all, readable by their owner, one writer at a time, never in git."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orgcal.errors import PlatformError

MAX_BYTES = 4 * 1024 * 1024
"""No settings file is longer; a mistyped path to something else is not read into memory."""


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Wait until no other process changes files of this folder; the lock leaves nothing behind."""
    import fcntl

    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_text(path: Path) -> str:
    """The file's text, empty if there is none.

    Raises:
        PlatformError: it cannot be read, is too long, or is no text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PlatformError(f"this file is longer than {MAX_BYTES} bytes", where=str(path))
        return path.read_bytes().decode("utf-8")  # with the ends of lines that it has
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise PlatformError("this file is no UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise PlatformError(f"cannot be read ({error.strerror})", where=str(path)) from None


def write_text(path: Path, text: str) -> None:
    """Replace the file in one step, with mode 0600; a crash leaves the old one or the new one.

    Raises:
        PlatformError: it cannot be written, or git would track it.
    """
    refuse_tracked(path)
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise PlatformError(f"cannot be written ({error.strerror})", where=str(path)) from None


def refuse_tracked(path: Path) -> None:
    """Refuse a file that git tracks or would add.

    Raises:
        PlatformError: git would take it, or there is a repository and no git to ask.
    """
    folder = next(parent for parent in path.parents if parent.is_dir())
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), "check-ignore", "-q", "--", str(path)],
            env=environ,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise PlatformError(
            "this file lies in a git repository, and git cannot be asked whether it would track it",
            where=str(path),
            repair="install git, or name a file outside the repository",
        ) from None
    if asked.returncode == 1:
        raise PlatformError(
            "git would track this file, and it would hold a secret",
            where=str(path),
            repair=f"add {path.name} to .gitignore (and git rm --cached it), or name another file",
        )
