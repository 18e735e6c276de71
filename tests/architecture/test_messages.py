"""Messages name commands that a project has: `orgcal …`, and neither the Makefile nor the paths of a checkout."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_A_CHECKOUT = re.compile(r"\.venv/bin/orgcal|\bmake (setup|demo|up|verify|down|clean|witnesses|test|e2e)\b")
# A job on a runner calls what it has just installed; nothing has put that on its PATH.
OF_A_JOB = {"orgcal/ci/recipe.py"}
MODULES = sorted(
    path
    for folder in ("orgcal", "verify", "provisioning")
    for path in (ROOT / folder).rglob("*.py")
    if str(path.relative_to(ROOT)) not in OF_A_JOB
)


def texts_of(path: Path) -> Iterator[str]:
    """String constants of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_of_a_module_name_no_command_of_a_checkout(path: Path) -> None:
    assert [text for text in texts_of(path) if OF_A_CHECKOUT.search(text)] == []
