"""Runs something in a process whose n-th change of the file system fails, or ends it.

What changes the file system is found by the interpreter's own audit hook (opening for writing, renaming, removing,
making directories, changing modes), not by a list of places: https://docs.python.org/3/library/audit_events.html. A
full disk is the kernel's own refusal: from the n-th change on, no file may grow (RLIMIT_FSIZE), SQLite's neither.
"""

from __future__ import annotations

import enum
import errno
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

PROCESSES = multiprocessing.get_context("forkserver")
"""Processes that begin with what `preload` had imported."""
_PRELOADED = (
    "alembic.command", "orgcal.ci.workflows", "orgcal.cli.ephemeral", "orgcal.cli.new", "orgcal.cli.tenants",
    "orgcal.engine.plugins", "orgcal.entra.session", "orgcal.operations.ephemeral", "orgcal.operations.new_project",
    "orgcal.stack.open_stack", "orgcal.tenants.registry", "typer", "yaml",
)  # fmt: skip
"""So that a run takes a tenth of a second."""
_preloaded = {"tests.support.failing_writes": None, **dict.fromkeys(_PRELOADED)}
_CHANGES = frozenset(
    {
        "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.setxattr",
        "os.symlink", "os.truncate", "os.utime", "sqlite3.connect",
    }
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TIMEOUT_S = 60.0


class Failure(enum.Enum):
    """What happens at the n-th change."""

    NONE = "none"
    FULL = "disk full"
    """From then on no file can grow."""
    REFUSED = "refused"
    """This change alone."""
    READ_ONLY = "read-only"
    """From then on none is allowed."""
    KILLED = "killed"


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        code: exit code, or minus the number of the signal.
        text: what it wrote to standard output and standard error.
        changes: of the file system, in order; empty if it was killed.
    """

    code: int
    text: str
    changes: tuple[str, ...]


def preload(*modules: str) -> None:
    """Have these modules, too, imported once for all processes; nothing is started yet, as they are imported there."""
    _preloaded.update(dict.fromkeys(modules))  # each module that is collected names itself, and all are needed
    PROCESSES.set_forkserver_preload(list(_preloaded))


def start(target: Callable[..., object], *args: object) -> BaseProcess:
    """A process that runs a function, with modules from where this process has them."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # before Python 3.13 the server of processes forgets it
    try:
        process = PROCESSES.Process(target=target, args=args)
        process.start()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return process


def run_failing(
    work: Callable[[Path], object], folder: Path, how: Failure, at: int = 0, environ: Mapping[str, str] | None = None
) -> Ended:
    """Run `work` in `folder`, in a process of its own.

    Args:
        work: a function of a module; it gets the folder, and may end with an `OrgcalError` or SystemExit.
        how: what becomes of the change number `at`, from 1.
        environ: the whole environment besides PATH and HOME, which is `folder`.
    """
    text, text_end = PROCESSES.Pipe(duplex=False)
    seen, seen_end = PROCESSES.Pipe(duplex=False)
    process = start(_child, work, folder, how, at, dict(environ or {}), text_end, seen_end)
    for end in (text_end, seen_end):
        end.close()
    told = b""
    while chunk := os.read(text.fileno(), 65536):
        told += chunk
    changes = tuple(seen.recv()) if how is not Failure.KILLED and seen.poll(_TIMEOUT_S) else ()
    process.join(_TIMEOUT_S)
    assert process.exitcode is not None
    return Ended(process.exitcode, told.decode(errors="replace"), changes)


def cli(*words: str) -> None:
    """Run a command of orgcal in this process."""
    from orgcal.cli import main

    sys.argv = ["orgcal", *words]
    main()


def _child(
    work: Callable[[Path], object],
    folder: Path,
    how: Failure,
    at: int,
    environ: Mapping[str, str],
    text: Connection,
    seen: Connection,
) -> None:
    for stream in (1, 2):
        os.dup2(text.fileno(), stream)
    text.close()
    sys.stdout, sys.stderr = (os.fdopen(os.dup(1), "w", buffering=1) for _ in range(2))
    os.chdir(folder)
    path = os.environ["PATH"]
    os.environ.clear()
    os.environ.update({"PATH": path, "HOME": str(folder), **environ})
    changes: list[str] = []
    sys.addaudithook(_hook(folder, how, at, changes))
    code = _ended(work, folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.flush()
    seen.send(list(changes))
    os._exit(code)


def _ended(work: Callable[[Path], object], folder: Path) -> int:
    """Exit code of the work, with the one sentence of an error that is ours."""
    from orgcal.cli import disk_refused
    from orgcal.errors import OrgcalError

    try:
        work(folder)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except OrgcalError as error:
        sys.stderr.write(f"orgcal: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(disk_refused(error))  # as the command line does
        return 1
    except Exception as error:  # noqa: BLE001  # what a test is to see
        sys.stderr.write(f"Traceback of {type(error).__name__}: {error}\n")
        return 3
    return 0


def _hook(folder: Path, how: Failure, at: int, changes: list[str]) -> Callable[[str, tuple[object, ...]], None]:
    below = f"{folder}{os.sep}"
    failing = False

    def changes_something(event: str, args: tuple[object, ...]) -> str:
        if event == "open":
            path, _, flags = args
            writes = isinstance(flags, int) and flags & _WRITING
            if not writes or not isinstance(path, str | bytes | os.PathLike):
                return ""
        elif event in _CHANGES:
            path = args[0]
        else:
            return ""
        if isinstance(path, int):
            return f"{event} of an open file"
        place = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]
        return f"{event} {place.removeprefix(below)}" if place.startswith(below) and "__pycache__" not in place else ""

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal failing
        change = changes_something(event, args)
        if not change:
            return
        changes.append(change)
        if how is Failure.KILLED and len(changes) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        if how is Failure.FULL and len(changes) == at:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        failing |= how is Failure.READ_ONLY and len(changes) == at
        if failing or (how is Failure.REFUSED and len(changes) == at):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), change.rpartition(" ")[2])

    return hook
