"""Files written whole: readable by their owner only, one writer at a time, kept out of git."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from orgcal.errors import PlatformError

MAX_BYTES = 4 * 1024 * 1024
"""A file that is edited has at most this size, so that a mistyped path to something else is not read into memory."""


def private_dir(path: Path) -> Path:
    """Make the directory `path` unless it exists, give it mode 0700, and return it.

    Raises:
        PlatformError: it cannot be made or written, or is another user's.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)  # fails on a read-only file system, also where the mode is right
    except OSError as error:
        raise PlatformError(
            f"this folder, where orgcal keeps data, cannot be written ({error.strerror})",
            where=str(path),
            repair="use a copy of the project in a folder of your own; for stacks other than dev, name one in "
            "ORGCAL_DATA_DIR",
        ) from None
    return path


def write_whole(path: Path, text: str, *, private: bool = True) -> None:
    """Replace the file `path` in one step: after a crash it has the old text or the new one.

    What a killed run left of an earlier try is overwritten and removed. A symbolic link at `path` is replaced, not
    followed; a caller that means the link's target resolves it first.

    Args:
        path: the file; missing directories above it are made.
        text: written as UTF-8, with its line ends as they are.
        private: give the file mode 0600, and missing directories 0700. Otherwise the file keeps its mode and owner,
            and a new one gets them from the umask.

    Raises:
        PlatformError: the file cannot be written; the old one is still there.
    """
    edit_whole(path, lambda: text, private=private)


def edit_whole(path: Path, change: Callable[[], str | None], *, private: bool = True) -> None:
    """Replace the file as `write_whole` does by the text that `change` returns, while no other process writes it.

    `change` reads what it needs meanwhile; where it returns None, the file stays as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        with _staged(path, 0o600 if private else 0o666) as (staging, descriptor):
            text = change()
            if text is None:
                return
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                stream.write(text.encode())
            if private:
                os.fchmod(descriptor, 0o600)  # a killed run may have left it with another mode
            elif path.exists():
                os.fchmod(descriptor, path.stat().st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
            os.fsync(descriptor)
            staging.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    except UnicodeEncodeError:
        raise PlatformError("cannot be written (its text is not valid Unicode)", where=str(path)) from None
    except OSError as error:
        raise PlatformError(f"cannot be written ({error.strerror})", where=str(path)) from None


@contextlib.contextmanager
def _staged(path: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Open and lock the empty file from which `path` is replaced; remove it at the end.

    It lies in a directory of its own with a `.gitignore`, since a line that ignores `path` does not match its name.
    The names are always the same, so that the next run overwrites and removes what a killed one left.
    """
    from filelock import lock_descriptor  # not before the first write: plugins that never write start faster

    folder = path.with_name(f".{path.name}.new")
    staging = folder / "content"
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        try:
            if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
                raise PermissionError(errno.EPERM, f"{folder.name} beside it belongs to another user")
            descriptor = os.open(staging, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        except FileNotFoundError:  # another writer has just removed the directory
            continue
        try:
            lock_descriptor(descriptor)
            if not _is_at(descriptor, staging):  # the writer that had the lock has moved or removed the file
                continue
            try:
                (folder / ".gitignore").write_text("*\n", encoding="ascii")
                os.ftruncate(descriptor, 0)
                yield staging, descriptor
            finally:
                with contextlib.suppress(OSError):
                    if _is_at(descriptor, staging):
                        staging.unlink()
                    (folder / ".gitignore").unlink()
                    folder.rmdir()
            return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def read_text(path: Path) -> str:
    """Return the file's text with its line ends as they are; empty if there is no file.

    Raises:
        PlatformError: the file cannot be read, is too long, or is not UTF-8 text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PlatformError(f"this file is longer than {MAX_BYTES} bytes", where=str(path))
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise PlatformError("this file is not UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise PlatformError(f"cannot be read ({error.strerror})", where=str(path)) from None


def refuse_tracked(path: Path) -> None:
    """Refuse a file that git tracks or would add.

    Raises:
        PlatformError: git tracks the file or would add it, or there is a repository and git cannot be asked.
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
