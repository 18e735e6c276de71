"""Where a stack keeps its things, and in which cloud it lives, before any engine is asked."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from orgcal.entra.clouds import CLOUDS
from orgcal.errors import UsageError

DEV_STACK = "dev"
DATA_DIR_VARIABLE = "ORGCAL_DATA_DIR"
_STACK_NAME = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$")


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where states, passphrases and registries of a user's own stacks lie (`ORGCAL_DATA_DIR` moves it)."""
    named = environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("orgcal", appauthor=False))


def _refuse_name(stack: str) -> None:
    if not _STACK_NAME.match(stack):
        raise UsageError(
            f"{stack!r} is no name for a stack",
            where="--stack",
            repair="letters, digits, dots, dashes and underscores are, such as --stack prod",
        )


def stack_dir(project_dir: Path, stack: str, environ: Mapping[str, str]) -> Path:
    """The directory that belongs to `stack` alone: in the checkout for `dev`, else in the user's data directory."""
    _refuse_name(stack)
    if stack == DEV_STACK:
        return project_dir / ".local" / DEV_STACK
    return data_dir(environ) / "stacks" / stack


def emulator_home(project_dir: Path, stack: str, environ: Mapping[str, str]) -> Path:
    """The stack directory that holds the emulator of `stack`: its own, or that of the stack it is a copy of."""
    settings = read_stack_file(project_dir, stack).get("config") or {}
    origin = settings.get("orgcal:origin")
    return stack_dir(project_dir, str(origin) if origin else stack, environ)


def private_dir(path: Path) -> Path:
    """`path`, made if need be, for this user only (0700)."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def stack_file(project_dir: Path, stack: str) -> Path:
    """The stack's settings, `Pulumi.<stack>.yaml`.

    Raises:
        UsageError: no stack can be called so.
    """
    _refuse_name(stack)
    return project_dir / f"Pulumi.{stack}.yaml"


def read_stack_file(project_dir: Path, stack: str) -> dict[str, Any]:
    """What the stack's file says.

    Raises:
        UsageError: there is none, or it is not YAML.
    """
    path = stack_file(project_dir, stack)
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no stack {stack!r} here",
            where=str(path),
            repair=f"cp Pulumi.prod.yaml.example Pulumi.{stack}.yaml, then edit it",
        ) from None
    except yaml.YAMLError as error:
        raise UsageError(f"this is not YAML: {' '.join(str(error).split())}", where=str(path)) from error
    return said if isinstance(said, dict) else {}


def holds_secure(setting: object) -> bool:
    """Whether a setting holds something that Pulumi encrypted."""
    if isinstance(setting, dict):
        return "secure" in setting or any(holds_secure(item) for item in setting.values())
    return isinstance(setting, list) and any(holds_secure(item) for item in setting)


def stack_cloud(project_dir: Path, stack: str) -> str:
    """The cloud that the stack's file names.

    Raises:
        UsageError: it names none, or one that does not exist.
    """
    config = read_stack_file(project_dir, stack).get("config") or {}
    entra = config.get("orgcal:entra") or {}
    cloud = config.get("orgcal:entra.cloud") or (entra.get("cloud") if isinstance(entra, dict) else None)
    if cloud not in CLOUDS:
        found = "nothing" if cloud is None else repr(cloud)
        nearest = difflib.get_close_matches(str(cloud), CLOUDS, n=1)
        raise UsageError(
            f"orgcal:entra.cloud: found {found}; expected one of {', '.join(CLOUDS)}",
            where=str(stack_file(project_dir, stack)),
            repair=f"pulumi config set --stack {stack} --path orgcal:entra.cloud {nearest[0] if nearest else 'public'}",
        )
    return str(cloud)


def home_tenant(said: Mapping[str, Any]) -> str:
    """The home tenant's id in what a stack's file says; empty where it names none."""
    config = said.get("config") or {}
    entra = config.get("orgcal:entra")
    return str(
        config.get("orgcal:entra.tenant_id") or (entra.get("tenant_id") if isinstance(entra, dict) else "") or ""
    )


def project_dir() -> Path:
    """The checkout this package runs from: the folder with Pulumi.yaml."""
    found = Path(os.path.realpath(__file__)).parent.parent.parent
    if not (found / "Pulumi.yaml").exists():
        raise UsageError(
            "orgcal runs from a checkout, and this is none (no Pulumi.yaml)", where=str(found), repair="make setup"
        )
    return found
