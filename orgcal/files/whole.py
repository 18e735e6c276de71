"""Files written whole: readable by their owner only or by whom they were, one writer at a time, kept out of git."""

from __future__ import annotations

import codecs
import contextlib
import errno
import fcntl
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orgcal.child_environ import passed_on
from orgcal.errors import PlatformError

MAX_BYTES = 16 * 1024 * 1024
"""A file that is edited has at most this size, so that a mistyped path to something else is not read into memory."""

LOCK_WAIT_S = 2.0
"""So long a file may be locked; a writer of ours has the one locked that it has just put there until it is done."""


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


def edit_whole(
    path: Path, change: Callable[[], str | None], *, private: bool = True, keep_access: bool = False
) -> None:
    """Replace the file as `write_whole` does by the text that `change` returns, while no other process writes it.

    Args:
        path: the file.
        change: reads what it needs meanwhile; where it returns None, the file stays as it is.
        private: see `write_whole`.
        keep_access: a file that is there already keeps its mode, owner, group and access control list, also if it is
            private, and is refused before anything is written where one of them, or a hard link, would get lost.

    Raises:
        PlatformError: the file cannot be written, or another program changed it meanwhile; its old text is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        with _staged(path, 0o600 if private else 0o666) as (staging, descriptor):
            before = _stat(path)
            if private:
                os.fchmod(descriptor, 0o600)  # a killed run may have left it with another mode
            if keep_access and before is not None:
                _take_access(path, before, descriptor)
            text = change()
            if text is None:
                return
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                stream.write(text.encode())
            if not private and before is not None:
                os.fchmod(descriptor, before.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fsync(descriptor)
            _refuse_changed(path, before)
            staging.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    except UnicodeEncodeError:
        raise PlatformError("cannot be written (its text is not valid Unicode)", where=str(path)) from None
    except OSError as error:
        raise PlatformError(
            f"cannot be written ({error.strerror}); what was there stays",
            where=str(path),
            repair="make room, or its folder writable, then run the command again",
        ) from None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _refuse_changed(path: Path, before: os.stat_result | None) -> None:
    """Refuse to replace a file that a program changed which does not wait for others as we do."""
    now = _stat(path)
    seen, found = ((each and (each.st_ino, each.st_size, each.st_mtime_ns)) for each in (before, now))
    if seen != found:
        raise PlatformError(
            "another program changed this file while it was edited", where=str(path), repair="run the command again"
        )


def _take_access(path: Path, old: os.stat_result, descriptor: int) -> None:
    """Give the empty new file the owner, group, mode and extended attributes (so the ACL) of the old one.

    Raises:
        PlatformError: one of them cannot be kept, the file has a second hard link, or a program has it locked.
    """
    if not stat.S_ISREG(old.st_mode):
        raise PlatformError("this is not a regular file", where=str(path), repair="name another file")
    if old.st_nlink > 1:
        raise PlatformError(
            f"this file has {old.st_nlink} hard links, and the others would keep the old content",
            where=str(path),
            repair="make them symbolic links, or name another file",
        )
    _refuse_locked(path)
    new = os.fstat(descriptor)
    try:
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        _take_attributes(path, descriptor)
        os.fchmod(descriptor, old.st_mode & 0o7777)
    except OSError as error:
        raise PlatformError(
            f"its owner, group, mode and access control list cannot be kept ({error.strerror}; the file belongs to "
            f"user {old.st_uid} and group {old.st_gid})",
            where=str(path),
            repair="run the command as that user, or give the file to the user that runs it",
        ) from None


def _take_attributes(path: Path, descriptor: int) -> None:
    """Make the extended attributes those of `path`; a directory may have given the new file an ACL of its own."""
    if not hasattr(os, "listxattr"):  # macOS
        return
    try:
        wanted = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        for name in os.listxattr(descriptor):
            if name not in wanted:
                os.removexattr(descriptor, name)
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # a file system without any
            return
        raise
    for name, value in wanted.items():
        if name not in os.listxattr(descriptor) or os.getxattr(descriptor, name) != value:
            os.setxattr(descriptor, name, value)


def _refuse_locked(path: Path) -> None:
    """Refuse a file that a running program keeps locked (flock), as it may write back what it has read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        return  # `change` tells it, if it reads the file
    deadline = time.monotonic() + LOCK_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PlatformError(
                        "another program keeps this file locked",
                        where=str(path),
                        repair="end that program, then run the command again",
                    ) from None
                time.sleep(0.01)
            except OSError:
                return  # a file system without locks
            else:
                return
    finally:
        os.close(descriptor)


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
    """Return the file's text with its line ends and byte order mark as they are; empty if there is no file.

    Raises:
        PlatformError: the file cannot be read, is too long, or is not UTF-8 text.
    """
    content = b""
    try:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise PlatformError("this is not a regular file", where=str(path), repair="name another file")
            if found.st_size > MAX_BYTES:
                raise PlatformError(
                    f"this file is longer than {MAX_BYTES} bytes", where=str(path), repair="name another file"
                )
            content = path.read_bytes()
        return content.decode("utf-8")
    except UnicodeDecodeError:
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise PlatformError(
            f"this file is not UTF-8 text{' but UTF-16' if utf16 else ''}",
            where=str(path),
            repair="save it as UTF-8, or name another file",
        ) from None
    except OSError as error:
        raise PlatformError(
            f"cannot be read ({error.strerror})", where=str(path), repair="make it readable, or name another file"
        ) from None


def refuse_tracked(path: Path) -> None:
    """Refuse a file that git tracks or would add.

    Raises:
        PlatformError: there is a repository, and git does not say that it ignores the file; with git's own sentence
            where it refuses to answer, as in a repository of another user.
    """
    folder = next(parent for parent in path.parents if parent.is_dir())
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return
    environ = passed_on(os.environ) | {"LC_ALL": "C"}
    # A repository may name a program as its file monitor, which we would run.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "check-ignore", "-q", "--", str(path)]
    try:
        asked = subprocess.run(
            command, env=environ, capture_output=True, text=True, errors="replace", timeout=30, check=False
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
    if asked.returncode != 0:
        told = [line.strip() for line in asked.stderr.splitlines() if line.strip()]
        sentence = told[0] if told else f"exit status {asked.returncode}"
        command_of_git = next((line for line in told if line.startswith("git config")), "")
        raise PlatformError(
            f"git does not tell whether it would track this file ({sentence})",
            where=str(path),
            repair=command_of_git or "repair the repository until git check-ignore answers, or name a file outside it",
        )
