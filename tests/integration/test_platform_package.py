"""Kinds of platforms that installed packages add: the example of the docs, and broken ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "orgcal-sqlite"
REFUSAL = "from orgcal.platforms import check_settings; print(*check_settings({'kind': 'acme'}), sep='\\n')"
KINDS = "; from orgcal.platforms import usable_kinds; print('kinds:', usable_kinds())"


def run(folder: Path, *arguments: str) -> str:
    """Run Python where the packages in `folder` are installed, and return what it prints."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder.parent, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *options,
        "--target",
        str(folder / "site"),
        str(folder / "source"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


def test_example_passes_the_suite_of_kinds(installed: Path) -> None:
    shown = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(installed.parent / "source" / "tests"))
    assert " passed" in shown
    assert "skipped" not in shown


def test_example_is_in_errors_schema_and_tables(installed: Path) -> None:
    assert "nango, sqlite;" in run(installed, "-c", REFUSAL)
    assert "| `path` | the path of a database | needed |" in run(
        installed, "-m", "orgcal.platforms.docs_tables", "sqlite"
    )
    schema = installed.parent / "stack.schema.json"
    run(installed, "-m", "orgcal.settings.schema", str(schema))
    assert '"const": "sqlite"' in schema.read_text()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import no_such_module", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("class Settings: pass", "has no class of PlatformSettings"),
        ("", "cannot be imported (AttributeError"),
        ("from orgcal.platforms.local import LocalSettings as Settings", "is called otherwise in its settings"),
    ],
)
def test_broken_package_is_one_sentence_and_hurts_no_other_kind(tmp_path: Path, code: str, sentence: str) -> None:
    site = tmp_path / "site"
    info = site / "acme_kind-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kind\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[orgcal.platforms]\nacme = acme_kind:Settings\n")
    (site / "acme_kind.py").write_text(code)
    shown, kinds = run(site, "-c", REFUSAL + KINDS).split("kinds: ")
    assert f"the kind 'acme' of the package acme-kind {sentence}" in shown
    assert shown.count("\n") == 1
    assert "repair: correct, update or uninstall acme-kind" in shown
    assert "'local'" in kinds
