"""Directories of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orgcal.settings import CoreSettings, project_name, stack_file

DEV_STACK = "dev"
DATA_DIR_VARIABLE = "ORGCAL_DATA_DIR"
START_OVER = f"orgcal emulator stop && rm -r .local/{DEV_STACK}"
"""Removes stack `dev` with everything that it holds, in its project's folder."""
_FIRST_PROJECT = "orgcal"
"""Project whose stacks lie in the data directory itself: before there were others, every project was called so."""


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where states, passphrases and registries of a user's own stacks lie (`ORGCAL_DATA_DIR` moves it)."""
    named = environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("orgcal", appauthor=False))


def stack_dir(project_dir: Path, stack: str, environ: Mapping[str, str]) -> Path:
    """The directory that belongs to `stack` alone: in the project for `dev`, else in the user's data directory.

    There the project's name tells it from stacks of other projects, as in Pulumi's own backends; so a project keeps its
    data when its folder is moved or cloned anew.
    """
    stack_file(project_dir, stack)  # refuses what is not a valid name
    if stack == DEV_STACK:
        return project_dir / ".local" / DEV_STACK
    name = project_name(project_dir)
    of_project = data_dir(environ) if name == _FIRST_PROJECT else data_dir(environ) / "projects" / name
    return of_project / "stacks" / stack


def emulator_home(project_dir: Path, core: CoreSettings, environ: Mapping[str, str]) -> Path:
    """The stack directory that holds the emulator of a stack: its own, or that of the stack it is a copy of."""
    return stack_dir(project_dir, core.origin or core.stack, environ)
