"""The emulator's wheel without this product: the examples in Python, JavaScript and Go, as their page shows them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cached_tools import go_program
from tests.support.client_installs import install_wheel, node, node_packages, python_with

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples" / "emulator"

pytestmark = [pytest.mark.judged("azure-identity, @azure/identity, azidentity"), pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Alone:
    """A virtual environment with the emulator's wheel, and a copy of the examples."""

    python: Path
    environ: dict[str, str]
    examples: Path

    def run(self, *command: str, cwd: Path, **variables: str) -> str:
        """What a command prints; it must succeed."""
        ended = subprocess.run(
            command, cwd=cwd, env=self.environ | variables, capture_output=True, text=True, timeout=100, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    folder = tmp_path_factory.mktemp("alone")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT / "emulator", check=True, capture_output=True)
    [wheel] = (folder / "dist").iterdir()
    install_wheel(wheel, folder / "site")
    shutil.copytree(EXAMPLES, folder / "examples")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder / "site")}
    return Alone(python_with("emulator-alone"), environ, folder / "examples")


@pytest.fixture
def variables(alone: Alone) -> Iterator[dict[str, str]]:
    """Those that `orgcal-emulator start` prints; it is stopped by them too."""
    start = [str(alone.python), "-m", "orgcal_emulator", "start", "--seed", "seed.yaml"]
    lines = alone.run(*start, cwd=alone.examples).splitlines()
    found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    found = {name: shlex.split(value)[0] for name, value in found.items()}
    yield found
    alone.run(str(alone.python), "-m", "orgcal_emulator", "stop", cwd=alone.examples, **found)


def test_wheel_needs_nothing_of_the_product(alone: Alone) -> None:
    source = (
        "import importlib.util, orgcal_emulator.server; print(importlib.util.find_spec('orgcal'), 'pulumi' in dir())"
    )
    assert alone.run(str(alone.python), "-c", source, cwd=alone.examples) == "None False\n"


def test_python_example_runs_with_the_fixture_of_the_wheel(alone: Alone) -> None:
    told = alone.run(str(alone.python), "-m", "pytest", "-q", cwd=alone.examples / "python")
    assert "2 passed" in told


def test_javascript_example_runs(alone: Alone, variables: dict[str, str]) -> None:
    folder = alone.examples / "javascript"
    (folder / "node_modules").symlink_to(node_packages("graph_js") / "node_modules")
    told = alone.run(str(node()), "--test", cwd=folder, **variables)
    assert "pass 2\n" in told
    assert "fail 0\n" in told


def test_go_example_runs(alone: Alone, variables: dict[str, str]) -> None:
    program = go_program(EXAMPLES / "go", ".", tests=True)
    told = alone.run(str(program), "-test.v", cwd=alone.examples / "go", **variables)
    assert told.count("--- PASS") == 2


def test_seed_of_the_examples_has_at_most_ten_lines() -> None:
    assert len((EXAMPLES / "seed.yaml").read_text(encoding="utf-8").splitlines()) <= 10
