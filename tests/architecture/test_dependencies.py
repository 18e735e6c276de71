"""What our packages import is named where they are installed from: another project's dependency may leave any day."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"orgcal", "verify", "provisioning", "orgcal_emulator", "emulator_testing"}


def names(requirements: list[str]) -> set[str]:
    """Normalised names of distributions."""
    return {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def declared(project: Path, groups: list[str]) -> set[str]:
    """What a project's pyproject.toml names: its dependencies, its extras, and some groups."""
    settings: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    found = names(settings["project"]["dependencies"])
    for extra in settings["project"].get("optional-dependencies", {}).values():
        found |= names(extra)
    for group in groups:
        found |= names(settings["dependency-groups"][group])
    return found


def imported(path: Path) -> Iterator[str]:
    """Modules of others that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in found if name.split(".")[0] not in OURS | sys.stdlib_module_names)


@cache
def _known() -> Mapping[str, list[str]]:
    return packages_distributions()


@cache
def providers(module: str) -> frozenset[str]:
    """Names of the distributions that bring a module; several share a namespace such as `azure` or `google`."""
    folder = tuple(module.split(".")[:2])
    found = set(_known().get(folder[0], folder[:1]))
    if len(found) > 1:
        found = {name for name in found if any(file.parts[:2] == folder for file in distribution(name).files or ())}
    return frozenset(names(sorted(found)))


@pytest.mark.parametrize(
    ("folder", "project", "groups"),
    [
        ("orgcal", "", ["project"]),  # tests of a project, and of a platform of somebody else's, run in pytest
        ("verify", "", []),
        ("provisioning", "", []),
        ("emulator/orgcal_emulator", "emulator", ["test"]),  # its plugin runs in pytest
        ("emulator/tests", "emulator", ["test"]),
    ],
)
def test_imports_are_declared(folder: str, project: str, groups: list[str]) -> None:
    known = declared(ROOT / project, groups)
    modules = {(path, name) for path in sorted((ROOT / folder).rglob("*.py")) for name in imported(path)}
    assert modules

    undeclared = {f"{path.relative_to(ROOT)}: {name}" for path, name in modules if not providers(name) & known}

    assert undeclared == set()
