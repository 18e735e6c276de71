"""Text of others reaches terminals and logs through one door: nobody prints, draws or commands beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("orgcal", "verify", "provisioning") for path in (ROOT / folder).rglob("*.py"))
OUTPUT = ROOT / "orgcal" / "output.py"
COMMANDS = [ROOT / place for place in ("orgcal/cli/__init__.py", "orgcal/engine/__main__.py", "verify/__main__.py")]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls_in(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_consoles_draw_on_a_guarded_stream_and_escape_in_one_place(path: Path) -> None:
    for name, call in calls_in(path):
        if name == "Console":
            file = next((ast.unparse(word.value) for word in call.keywords if word.arg == "file"), "")
            assert file.startswith("styled("), f"line {call.lineno}: Console(file=styled(...))"
        assert name != "escape" or path == OUTPUT, f"line {call.lineno}: plain_markup(...)"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_writes_around_the_guard(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            used = ast.unparse(node)
            assert not re.fullmatch(r"sys\.(__)?std(out|err)(__\.\w+|\.buffer)", used), f"line {node.lineno}: {used}"


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_runs_guarded(path: Path) -> None:
    assert "with guarded_output():" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_to_a_runner_are_given_by_one_function(path: Path) -> None:
    texts = [node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant)]
    begun = [text for text in texts if isinstance(text, str) and re.match(r"::[a-z-]*( |::|$)", text)]
    assert begun == [] or path == OUTPUT or all(text in ("::", "::1") for text in begun)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_digits_are_those_of_ascii(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert r"\d" not in text, "[0-9]; in Python it matches digits of every script"
    asked = [name for name, _ in calls_in(path) if re.search(r"\.is(digit|numeric|decimal)$", name)]
    assert asked == [] or path.name == "wire.py", (
        "whole_number(...); wire.py has bytes, whose digits are those of ASCII"
    )
