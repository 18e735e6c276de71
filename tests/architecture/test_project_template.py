"""Projects that `orgcal new` writes have this checkout's program and settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orgcal.operations.new_project import FILES, TEMPLATE
from orgcal.operations.project_lock import OWN

ROOT = Path(__file__).resolve().parents[2]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["__main__.py", "Pulumi.dev.yaml"])
def test_template_has_the_same_file_as_this_checkout(name: str) -> None:
    assert read(TEMPLATE / name) == read(ROOT / name)


def test_template_has_the_same_example_of_a_stack_below_its_first_lines() -> None:
    """They say what to do with it, which git ignores here only."""
    name = "Pulumi.prod.yaml.example"

    assert read(TEMPLATE / name).partition("#\n")[2] == read(ROOT / name).partition("#\n")[2] != ""


def test_template_has_the_runtime_and_plugin_of_this_checkout_by_name() -> None:
    theirs, ours = yaml.safe_load(read(TEMPLATE / "Pulumi.yaml")), yaml.safe_load(read(ROOT / "Pulumi.yaml"))

    assert theirs["runtime"] == ours["runtime"]
    named = [[plugin["name"] for plugin in said["plugins"]["providers"]] for said in (theirs, ours)]
    assert named == [["orgcal"], ["orgcal"]]
    assert theirs["plugins"]["providers"][0]["path"] == ".venv/bin"


def test_template_is_the_eight_files_of_a_project_and_no_more() -> None:
    kept = {path.name for path in TEMPLATE.iterdir() if path.name != "__pycache__"}

    assert kept == set(FILES)
    assert len(FILES) == 8
    assert len(read(TEMPLATE / "README.md").splitlines()) <= 40


def test_template_names_nothing_of_a_checkout() -> None:
    for name in set(FILES) - {"requirements.txt"}:
        text = read(TEMPLATE / name)
        assert "make " not in text.replace("make customers", ""), name
        assert "checkout" not in text.replace("a stale checkout", ""), name


def test_lock_of_the_template_leaves_our_own_distributions_to_whoever_writes_it() -> None:
    assert not [line for line in read(TEMPLATE / "requirements.txt").splitlines() if line.startswith(OWN)]
