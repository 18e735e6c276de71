"""Finds and removes what orgcal keeps on this machine: engines it can make anew, and data of stacks that hold nothing.

A stack that holds resources is never removed: without its state and passphrase nobody could manage or destroy them, and
its registry says which customers depend on it. A state in a backend elsewhere is not looked into, so what belongs to it
is kept too.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock
import psutil

from orgcal.engine.cache import cache_dir, cached_engines, remove_tree
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.errors import OrgcalError, UsageError
from orgcal.stack.emulator import EmulatorOfStack
from orgcal.stack.environment import original_environment
from orgcal.stack.files import DEV_STACK, data_dir
from orgcal.stack.local_backend import LocalStack, local_stacks, lock_holder
from orgcal.stack.state import StackState

_Reason = tuple[str, str]
"""Why something is kept, and what to do before it can be removed."""


@dataclass(frozen=True, slots=True)
class Removable:
    """Something that can be removed; `paths` in the order in which that is done, `size` in bytes."""

    what: str
    paths: tuple[Path, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that is not removed, why, and what to do before it can be."""

    what: str
    path: Path
    why: str
    repair: str


@dataclass(frozen=True, slots=True)
class UninstallPlan:
    """What would be removed and what would be kept.

    Attributes:
        folders: of orgcal's own, which are removed if nothing is left in them; inner ones first.
        further: what orgcal does not remove, and how to do it.
    """

    removable: tuple[Removable, ...]
    kept: tuple[Kept, ...]
    folders: tuple[Path, ...]
    further: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _StackFolder:
    """The directory of a stack's own data; `project` is empty in the folder that projects once shared."""

    project: str
    name: str
    path: Path


def plan_uninstall(environ: Mapping[str, str], project_dir: Path | None) -> UninstallPlan:
    """What `remove_all` would remove and keep now; nothing is changed.

    Args:
        environ: the process environment.
        project_dir: the project whose own data (`.local`) is looked at too; None for none.

    Raises:
        OrgcalError: a folder cannot be read.
    """
    environ = original_environment(environ)
    data, cache = data_dir(environ), cache_dir(environ)
    try:
        parts = [_cache(environ), _own_stacks(data, environ), *([_project(project_dir)] if project_dir else [])]
    except OSError as error:
        raise OrgcalError(
            f"it cannot be looked into ({error.strerror}); nothing was removed",
            where=str(error.filename),
            repair="see whose it is, then run this again",
        ) from None
    folders = (
        *data.glob("projects/*/stacks"),
        *data.glob("projects/*"),
        *(data / name for name in ("projects", "stacks", "state", "")),
        *(cache / name for name in ("engine", "")),
        *([project_dir / ".local"] if project_dir else []),
    )
    return UninstallPlan(
        removable=tuple(item for part in parts for item in part[0]),
        kept=tuple(item for part in parts for item in part[1]),
        folders=folders,
        further=tuple(_further(environ)),
    )


def remove_all(plan: UninstallPlan) -> None:
    """Remove what a plan names as removable.

    Raises:
        OrgcalError: something could not be removed; everything else is gone.
    """
    left = []
    for item in plan.removable:
        for path in item.paths:
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                _unlink(path)
            if os.path.lexists(path):
                left.append(path)
    for folder in plan.folders:
        _remove_empty(folder)
    if left:
        more = f" and {len(left) - 1} more" if left[1:] else ""
        raise OrgcalError(
            f"it cannot be removed{more}", where=str(left[0]), repair="see whose it is, then run this again"
        )


# --- caches ---


def _cache(environ: Mapping[str, str]) -> tuple[list[Removable], list[Kept]]:
    engines = cached_engines(environ)
    busy = [path for path in engines if path.suffix == ".lock" and _is_held(path)]
    if busy:
        why, repair = "another process makes it", "wait until it has ended"
        return [], [Kept("the Pulumi engine", busy[0].parent, why, repair)]
    running = _runs_from(engines)
    if running:
        why, repair = f"it runs now (pid {running.pid})", "wait until the command that uses it has ended"
        return [], [Kept("the Pulumi engine", engines[0].parent, why, repair)]
    records = sorted(cache_dir(environ).glob("azuread-*"))
    return _removable("the Pulumi engine", engines) + _removable("records of the azuread plugin", records), []


def _is_held(path: Path) -> bool:
    try:
        with filelock.FileLock(path, mode=0o600).acquire(blocking=False):
            return False
    except (filelock.Timeout, OSError):
        return True


def _runs_from(engines: Sequence[Path]) -> psutil.Process | None:
    """Return a process whose program lies in one of the engines; None where there is none that this user may see."""
    for process in psutil.process_iter(["exe"]):
        program = process.info["exe"]
        if program and any(Path(program).is_relative_to(engine.resolve()) for engine in engines):
            return process
    return None


# --- stacks ---


def _own_stacks(data: Path, environ: Mapping[str, str]) -> tuple[list[Removable], list[Kept]]:
    """Data of the user's own stacks, of all projects."""
    url = (data / "state").as_uri()
    named = environ.get("PULUMI_BACKEND_URL", "")
    elsewhere = named if named != url else ""
    kept: list[Kept] = []
    free: list[tuple[str, list[Path], list[LocalStack]]] = []
    folders = list(_stack_folders(data))
    states = local_stacks(url)
    for folder in folders:
        own = [state for state in states if _belongs(state, folder, folders)]
        states = [state for state in states if state not in own]
        what = _named(folder.project, folder.name)
        reason = _why_kept(url, folder, own, elsewhere)
        if reason:
            kept.append(Kept(what, folder.path, *reason))
        else:
            free.append((f"{what}, which holds no resources", [folder.path], own))
    for state in states:
        what, reason = _named(state.project, state.name), _holding(url, state)
        if reason:
            kept.append(Kept(what, state.state_file, *reason))
        else:
            free.append((f"{what}, which holds no resources", [], [state]))
    if kept:
        return [
            item
            for what, paths, own in free
            for item in _removable(what, [*paths, *(path for state in own for path in state.files)])
        ], kept
    removable = [item for what, paths, _ in free for item in _removable(what, paths)]
    return removable + _removable("states of these stacks", [data / "state" / ".pulumi"]), []


def _stack_folders(data: Path) -> Iterator[_StackFolder]:
    for path in sorted(data.glob("projects/*/stacks/*/")):
        yield _StackFolder(path.parent.parent.name, path.name, path)
    for path in sorted(data.glob("stacks/*/")):
        yield _StackFolder("", path.name, path)


def _belongs(state: LocalStack, folder: _StackFolder, folders: Sequence[_StackFolder]) -> bool:
    """Whether the state is of the stack whose data lie in the folder.

    The shared folder had the stacks of every project before projects got folders of their own.
    """
    if state.name != folder.name:
        return False
    if folder.project:
        return state.project in (folder.project, "")
    return not any((other.project, other.name) == (state.project, state.name) for other in folders)


def _why_kept(url: str, folder: _StackFolder, states: Sequence[LocalStack], elsewhere: str) -> _Reason | None:
    """Why the data of a stack must be kept; None where they are no longer needed."""
    for state in states:
        reason = _holding(url, state)
        if reason:
            return reason
    running = EmulatorOfStack(folder.path).running()
    if running:
        return f"its emulator runs (pid {running.pid})", f"orgcal emulator stop --stack {folder.name}"
    if not any(folder.path.iterdir()):
        return None
    if elsewhere or not any(state.was_deployed for state in states):
        # The address itself may hold a password.
        place = f"in a backend elsewhere ({elsewhere.partition(':')[0]})" if elsewhere else "in a backend elsewhere"
        what = f"its state may be {place}, which is not looked into and may need the passphrase that is kept here"
        return what, "once the stack is destroyed and removed there: remove this folder by hand"
    return None


def _holding(url: str, state: LocalStack) -> _Reason | None:
    """Why a state in local files must be kept; None where it holds nothing."""
    holder = lock_holder(url, state.name)
    if holder:
        return f"an update of it may be running ({holder})", "wait until it has ended"
    try:
        read = StackState(state.exported())
        count, unfinished = read.external_count, read.unfinished()[0]
    except UsageError as error:
        return error.what, error.repair
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "its state cannot be read", "bring a backup back, or remove it by hand"
    # After a move to another backend, what stays here still names the resources that live on.
    moved = "if it was moved to another backend, see docs/your-repository.md#uninstall"
    destroy = f"orgcal destroy --stack {state.name}, in its project; {moved}"
    if state.name == DEV_STACK:
        destroy = f"orgcal emulator start && orgcal destroy --stack {DEV_STACK} --yes && orgcal emulator stop"
    if count:
        return f"it holds {count} resource{'s' if count > 1 else ''}", destroy
    return ("an interrupted run may have left something", destroy) if unfinished else None


def _project(project_dir: Path) -> tuple[list[Removable], list[Kept]]:
    """Data in a project's own folder: stack `dev`, with its emulator, registry and state."""
    dev = project_dir / ".local" / DEV_STACK
    if not dev.is_dir():
        return [], []
    url = (dev / "state").as_uri()
    what = f"stack {DEV_STACK} of {project_dir}"
    reason = next(filter(None, (_holding(url, state) for state in local_stacks(url))), None)
    running = EmulatorOfStack(dev).running()
    if reason is None and running:
        reason = f"its emulator runs (pid {running.pid})", "orgcal emulator stop"
    if reason:
        return [], [Kept(what, dev, *reason)]
    return _removable(f"{what}, which holds no resources", [dev]), []


def _named(project: str, stack: str) -> str:
    return f"stack {stack}" + (f" of project {project}" if project else "")


# --- files ---


def _removable(what: str, paths: Sequence[Path]) -> list[Removable]:
    present = tuple(path for path in paths if os.path.lexists(path))
    return [Removable(what, present, sum(map(_size, present)))] if present else []


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    found = ((Path(folder) / name) for folder, _, names in os.walk(path) for name in names)
    return sum(item.lstat().st_size for item in found)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # the caller sees that it is still there


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something is left in it, or it was never made


def _further(environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("PULUMI_HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    plugin = Path(home) / "plugins" / f"resource-azuread-v{AZUREAD_PLUGIN_VERSION}"
    if plugin.is_dir():
        command = f"pulumi plugin rm resource azuread {AZUREAD_PLUGIN_VERSION}"
        yield f"the azuread plugin is Pulumi's, and other projects may use it: {command}"
    yield "the packages: pip uninstall orgcal orgcal-emulator, or remove the virtual environment"
