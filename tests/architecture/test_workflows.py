"""Every workflow, ours and those that `orgcal ci setup github` writes, judged by actionlint and by zizmor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.actionlint import actionlint
from tests.support.ci_workflows import CLOUDS, texts

OWN = Path(__file__).resolve().parents[2] / ".github" / "workflows"
ZIZMOR = Path(sys.executable).parent / "zizmor"
SETUPS = {"-".join(clouds): texts(clouds) for clouds in CLOUDS} | {
    "folder": texts(["azure"], "pull-request", folder="infra/orgcal"),
    "own": {path.name: path.read_text(encoding="utf-8") for path in OWN.iterdir()},
}


def write(folder: Path, found: dict[str, str]) -> list[str]:
    """Write workflows below `folder` as a repository has them; their paths."""
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for name, text in found.items():
        (workflows / name).write_text(text)
    return [str(workflows / name) for name in sorted(found)]


def judged(program: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a checker says; it gets no token and asks no network."""
    return subprocess.run([str(program), *words], cwd=folder, env={}, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)  # once on a machine, actionlint is built
@pytest.mark.parametrize("setup", SETUPS)
def test_workflows_pass_actionlint(setup: str, tmp_path: Path) -> None:
    done = judged(actionlint(), "-shellcheck=", "-pyflakes=", *write(tmp_path, SETUPS[setup]), folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = "on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ vars.A || }}\n"

    assert judged(actionlint(), *write(tmp_path, {"wrong.yml": wrong}), folder=tmp_path).returncode == 1


@pytest.mark.parametrize("setup", SETUPS)
def test_workflows_pass_zizmor(setup: str, tmp_path: Path) -> None:
    done = judged(ZIZMOR, "--offline", "--no-progress", *write(tmp_path, SETUPS[setup]), folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_a_title_that_becomes_part_of_a_script(tmp_path: Path) -> None:
    wrong = """on: pull_request_target
jobs:
  x:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.pull_request.title }}
"""

    done = judged(ZIZMOR, "--offline", "--no-progress", *write(tmp_path, {"wrong.yml": wrong}), folder=tmp_path)

    assert done.returncode > 10
    assert "template-injection" in done.stdout
