"""The emulator is a project of its own: neither it nor its tests need what its pyproject.toml does not name."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "emulator"
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    """Normalised names of distributions."""
    return {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize(
    ("folder", "groups", "own"),
    [
        ("orgcal_emulator", [], {"orgcal_emulator"}),
        ("tests", ["test"], {"orgcal_emulator", "emulator_testing"}),
    ],
)
def test_imports_are_declared(folder: str, groups: list[str], own: set[str]) -> None:
    declared = names(DECLARED["project"]["dependencies"])
    for group in groups:
        declared |= names(DECLARED["dependency-groups"][group])
    distributions = packages_distributions()
    undeclared = set()
    for path in (PROJECT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for package in {name.split(".")[0] for name in imported} - own - sys.stdlib_module_names:
                if not names(distributions.get(package, [package])) & declared:
                    undeclared.add(f"{path.relative_to(PROJECT)}: {package}")

    assert undeclared == set()


def test_lock_has_neither_pulumi_nor_msal() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    locked = names(re.findall(r"^[a-z][\w.-]*(?===)", lock, re.MULTILINE))

    assert names(DECLARED["project"]["dependencies"]) <= locked
    assert locked.isdisjoint({"pulumi", "msal", "orgcal", "requests"})
