"""Which project a command works on: the one that is named, or the one that the working directory is in.

A project is a folder whose `Pulumi.yaml` names orgcal's plugin. A command never acts on another folder than the one
named or stood in: where the nearest `Pulumi.yaml` is of another kind of project, nothing above it is looked at.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
from pathlib import Path

from orgcal.errors import UsageError
from orgcal.platforms.model import PROJECT_VARIABLE
from orgcal.settings import load_project_file
from orgcal.stack.environment import CHANGED_VARIABLE, KEPT_PREFIX, original_environment

FILE = "Pulumi.yaml"
_PACKAGES = "lib/python*/site-packages"
_OTHER_SPELLINGS = ("Pulumi.yml", "Pulumi.json")
_WHERE_ELSE = "cd into the folder of an orgcal project, or name it: orgcal -C DIR …; a new one: orgcal new DIR"


def find_project(environ: Mapping[str, str], start: Path | None = None) -> Path:
    """The folder of the project, absolute.

    Args:
        environ: the process environment; `ORGCAL_PROJECT` in it names a folder, unless `orgcal env` has set it.
        start: where to look from, upwards; and what a relative name counts from. The working directory if None.

    Raises:
        UsageError: there is none, it is not orgcal's, or it cannot be read.
    """
    try:
        start = Path.cwd() if start is None else start
        named = original_environment(environ).get(PROJECT_VARIABLE)
        if named:
            folder = (start / Path(named).expanduser()).resolve()
            return _ours(folder, f"there is no project in this folder (no {FILE})")
        here = start.resolve()
        nearest = next((folder for folder in (here, *here.parents) if _project_files(folder)), None)
    except (OSError, RuntimeError) as error:  # RuntimeError: a home that is not known, or links in a circle
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the project's folder cannot be looked for ({reason})", where=str(start or "."), repair=_WHERE_ELSE
        ) from None
    if nearest is None:
        raise UsageError(f"there is no {FILE} here or above", where=str(here), repair=_WHERE_ELSE)
    return _ours(nearest, "")


def absolute(folder: Path) -> Path:
    """A folder as somebody typed it, counted from the working directory and with `~` for a home.

    Raises:
        UsageError: the working directory is gone, or there is no such home.
    """
    try:
        return Path.cwd() / folder.expanduser()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the folder cannot be looked for ({reason})",
            where=str(folder),
            repair="cd into a folder that exists, and name this one by its path",
        ) from None


def name_project(environ: MutableMapping[str, str], folder: Path) -> None:
    """Lets `find_project` find `folder`, as the option `-C` does, also in a shell that `orgcal env` has set up."""
    changed = PROJECT_VARIABLE in environ.get(CHANGED_VARIABLE, "").split()
    environ[f"{KEPT_PREFIX}{PROJECT_VARIABLE}" if changed else PROJECT_VARIABLE] = str(absolute(folder))


def lock_file(project_dir: Path) -> Path:
    """The project's lock: `requirements.txt`, or `requirements.lock` where only that is there."""
    lock, other = project_dir / "requirements.txt", project_dir / "requirements.lock"
    return other if other.is_file() and not lock.is_file() else lock


def install_command(project_dir: Path) -> str:
    """How pip installs the project's packages, in its folder."""
    return f"pip install --require-hashes -r {lock_file(project_dir).name}"


def refuse_other_version(project_dir: Path) -> None:
    """Refuse to run the engine where the project has another orgcal than this one, or none.

    Program and plugin run from its virtual environment. Another version runs here where the environment of another
    project is active, or a command from elsewhere is used.
    """
    venv, running = project_dir / ".venv", version("orgcal")
    installed = {path.name.split("-")[1].removesuffix(".dist") for path in venv.glob(f"{_PACKAGES}/orgcal-*.dist-info")}
    if not installed:
        raise UsageError(
            "the project's packages are not installed, and the engine runs the program and the plugin with them",
            where=str(venv),
            repair=f"cd {shlex.quote(str(project_dir))} && python3 -m venv .venv && "
            f".venv/bin/{install_command(project_dir)}",
        )
    if running not in installed:
        raise UsageError(
            f"this is orgcal {running} of {sys.prefix}, and the project has {max(installed)}",
            where=str(venv),
            repair=f". {shlex.quote(str(venv / 'bin' / 'activate'))}, then this again",
        )


def _project_files(folder: Path) -> list[str]:
    """The names under which the engine would find a project in `folder`, ours first."""
    return [name for name in (FILE, *_OTHER_SPELLINGS) if (folder / name).is_file()]


def _ours(folder: Path, otherwise: str) -> Path:
    """`folder`, if its project is ours.

    Args:
        otherwise: what is wrong where it is no project at all.
    """
    found = _project_files(folder)
    if not found:
        raise UsageError(otherwise, where=str(folder), repair=_WHERE_ELSE)
    try:
        ours = found[0] == FILE and load_project_file(folder).is_ours
    except UsageError as error:
        raise UsageError(error.what, where=error.where, repair=f"mend that file, or {_WHERE_ELSE}") from None
    if not ours:
        raise UsageError(
            "this is a Pulumi project, but not one of orgcal (it does not name orgcal's plugin)",
            where=str(folder / found[0]),
            repair=_WHERE_ELSE,
        )
    return folder
