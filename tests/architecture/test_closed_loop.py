"""The judge is somebody else: tests that show only that product and emulator agree stay few."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.closed_loop import FIXTURES, MOST, Share

ROOT = Path(__file__).resolve().parents[2]
STARTS_ONE = re.compile(r'"emulator", "start"|RunningEmulator\(|EmulatorOfStack\(')
RULES = ROOT / "tests/contract/rules"


@pytest.fixture(scope="module")
def share() -> Share:
    """Of the tests that `make test` runs, as its own summary tells; modules that need the witnesses may be missing."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "--continue-on-collection-errors"]
    told = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(r"closed loop: (\d+) of (\d+) test functions", told.stdout)
    assert found, told.stdout[-2000:] + told.stderr
    return Share(int(found[1]), int(found[2]))


@pytest.mark.timeout(400)  # everything is imported
def test_fewer_tests_than_allowed_are_closed_loops(share: Share) -> None:
    assert share.every > 1500, share
    assert 0 < share.percent < MOST, share


def test_module_that_starts_an_emulator_by_itself_says_what_its_tests_are() -> None:
    folders = ("unit", "contract", "integration")
    for path in sorted(path for folder in folders for path in (ROOT / "tests" / folder).rglob("test_*.py")):
        source = path.read_text()
        if STARTS_ONE.search(source) and path.name not in ("test_release.py",):
            known = "pytest.mark.closed_loop" in source or "pytest.mark.judged" in source
            assert known or any(f"def {name}(" in source for name in FIXTURES), path


def test_rules_import_neither_side_and_neither_side_imports_them() -> None:
    for path in RULES.glob("*.py"):
        assert _imported(path) <= {"__future__", "collections", "typing", "tests"}, path
    for side in ("orgcal", "verify", "provisioning", "emulator/orgcal_emulator"):
        for path in (ROOT / side).rglob("*.py"):
            assert "tests" not in _imported(path), path


def _imported(path: Path) -> set[str]:
    """First names of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module).partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}


def test_readme_names_every_table_of_rules_and_the_tests_that_it_judges() -> None:
    page = (ROOT / "tests/README.md").read_text()
    for path in RULES.glob("[!_]*.py"):
        assert path.name in page, path
    for path in (ROOT / "tests/contract").glob("test_rules_*.py"):
        assert path.name in page, path


def test_places_that_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:tests|emulator|orgcal|docs)/[\w/.-]+)`", (ROOT / "tests/README.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
