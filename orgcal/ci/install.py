"""How a job installs a project: by its lock, whose hashes pip compares, and without any other tool."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from orgcal.engine.versions import PULUMI_VERSION
from orgcal.errors import UsageError
from orgcal.stack.project import lock_file

_PIP = ".venv/bin/pip --disable-pip-version-check --no-input install"
ENSURE_ENGINE = ".venv/bin/python -m orgcal.engine ensure"


@dataclass(frozen=True, slots=True)
class Installation:
    """What a job runs in the project's folder, and what decides whether its caches still fit.

    Attributes:
        commands: make `.venv` there.
        lock: the file that pins all packages; orgcal's own engine and plugin versions follow from it.
        engine_inputs: files besides `lock` from which the engine is made; they may be patterns.
    """

    commands: tuple[str, ...]
    lock: str
    engine_inputs: tuple[str, ...] = ()
    engine_version: str = PULUMI_VERSION


def read_installation(project_dir: Path) -> Installation:
    """How a job installs this project: by its lock, and where orgcal's own sources are the project, these too.

    Raises:
        UsageError: there is no lock, it cannot be read, or it has no hashes.
    """
    lock = lock_file(project_dir)
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"the project has no {lock.name}, so a job could not install what was tested",
            where=str(project_dir),
            repair="take that of a project which orgcal new writes, or pip-compile --generate-hashes",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file cannot be read ({type(error).__name__})", where=str(lock)) from error
    if "--hash=" not in text:
        raise UsageError(
            "the lock has no hashes, and a job installs nothing without them",
            where=str(lock),
            repair="pin all packages with hashes: pip-compile --generate-hashes",
        )
    commands: tuple[str, ...] = ("python3 -m venv .venv", f"{_PIP} --require-hashes -r {lock.name}")
    if not _is_orgcal(project_dir):
        return Installation(commands, lock.name)
    commands += (f"{_PIP} --no-deps --no-build-isolation -e .",)
    return Installation(commands, lock.name, ("orgcal/engine/gomod/**", "orgcal/engine/versions.py"))


def _is_orgcal(project_dir: Path) -> bool:
    """Whether the folder holds the sources of the distribution `orgcal`."""
    try:
        said = tomllib.loads((project_dir / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    project = said.get("project")
    return isinstance(project, dict) and project.get("name") == "orgcal"
