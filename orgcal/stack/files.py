"""Directories of a stack, and the checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orgcal.errors import UsageError
from orgcal.settings import CoreSettings, stack_file

DEV_STACK = "dev"
DATA_DIR_VARIABLE = "ORGCAL_DATA_DIR"


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where states, passphrases and registries of a user's own stacks lie (`ORGCAL_DATA_DIR` moves it)."""
    named = environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("orgcal", appauthor=False))


def stack_dir(project_dir: Path, stack: str, environ: Mapping[str, str]) -> Path:
    """The directory that belongs to `stack` alone: in the checkout for `dev`, else in the user's data directory."""
    stack_file(project_dir, stack)  # refuses what is not a valid name
    if stack == DEV_STACK:
        return project_dir / ".local" / DEV_STACK
    return data_dir(environ) / "stacks" / stack


def emulator_home(project_dir: Path, core: CoreSettings, environ: Mapping[str, str]) -> Path:
    """The stack directory that holds the emulator of a stack: its own, or that of the stack it is a copy of."""
    return stack_dir(project_dir, core.origin or core.stack, environ)


def project_dir() -> Path:
    """The checkout this package runs from: the folder with Pulumi.yaml."""
    found = Path(os.path.realpath(__file__)).parent.parent.parent
    if not (found / "Pulumi.yaml").exists():
        raise UsageError(
            "orgcal runs from a checkout, and this is not a checkout (no Pulumi.yaml)",
            where=str(found),
            repair="make setup",
        )
    return found
