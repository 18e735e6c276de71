"""The fixtures that every pytest gets that has the emulator installed, in runs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SEED = """\
tenants:
  - tenant_id: 44444444-4444-4444-4444-444444444444
    domain: mine.example
    users: { count: 20 }
operator:
  client_id: 55555555-5555-4555-8555-555555555555
  permissions: [User.Read.All]
"""
PLUGIN = ("-p", "orgcal_emulator.pytest_plugin", "-p", "no:cacheprovider", "-q")


def run(folder: Path, test: str, *arguments: str, ini: str = "") -> subprocess.CompletedProcess[str]:
    """Run pytest on one module in a project of its own, with no plugin but the emulator's."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (folder / "test_it.py").write_text(test)
    environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, *arguments], cwd=folder, env=environ, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_fixture_gives_each_test_an_emulator_as_it_began(tmp_path: Path) -> None:
    test = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_one(entra_emulator, number):
    assert entra_emulator.journal() == []
    assert len(entra_emulator.cloud.directory.applications.newest()) == 1
    entra_emulator.add_client("contoso.example", "User.Read.All")
    entra_emulator.add_fault("/v1.0/users", status=503)
    entra_emulator.move_clock(3600)
    assert len(entra_emulator.cloud.directory.applications.newest()) == 2
"""
    ended = run(tmp_path, test)
    assert "2 passed" in ended.stdout, ended.stdout


def test_fixture_takes_the_seed_that_the_setting_names(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SEED)
    test = """
def test_one(entra_emulator):
    assert [each["default_domain"] for each in entra_emulator.ready["tenants"]] == ["mine.example"]
"""
    ended = run(tmp_path, test, ini="entra_emulator_seed = seed.yaml\n")
    assert "1 passed" in ended.stdout, ended.stdout


def test_fixture_sets_the_variables_for_the_test_alone(tmp_path: Path) -> None:
    test = """
import os

def test_one(entra_emulator_environ):
    assert os.environ["AZURE_AUTHORITY_HOST"] == entra_emulator_environ["ORGCAL_EMULATOR_URL"]
    assert open(os.environ["AZURE_CLIENT_CERTIFICATE_PATH"]).read()

def test_two():
    assert "AZURE_AUTHORITY_HOST" not in os.environ
"""
    ended = run(tmp_path, test)
    assert "2 passed" in ended.stdout, ended.stdout


def test_fixture_leads_programs_with_fixed_addresses_to_the_emulator(tmp_path: Path) -> None:
    test = """
import requests

def test_one(entra_emulator_environ):
    answer = requests.get("https://graph.microsoft.com/v1.0/users", timeout=20)
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
"""
    ended = run(tmp_path, test, ini="entra_emulator_names = true\n")
    assert "1 passed" in ended.stdout, ended.stdout


def test_wrong_seed_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SEED.replace("User.Read.All", "User.Reed.All"))
    ended = run(tmp_path, "def test_one(entra_emulator): pass\n", ini="entra_emulator_seed = seed.yaml\n")
    assert ended.returncode == 4
    assert "entra_emulator: " in ended.stdout + ended.stderr
    assert "seed.yaml:7" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_plugin_that_no_test_uses_imports_nothing_of_the_emulator(tmp_path: Path) -> None:
    test = """
import sys

def test_one():
    assert "orgcal_emulator.pytest_plugin" in sys.modules
    assert not {"orgcal_emulator.server", "starlette", "uvicorn", "cryptography"} & set(sys.modules)
"""
    ended = run(tmp_path, test)
    assert "1 passed" in ended.stdout, ended.stdout


def test_run_with_the_fixture_ends_without_warnings(tmp_path: Path) -> None:
    ended = run(tmp_path, "def test_one(entra_emulator): pass\n", "-W", "error")
    assert "1 passed" in ended.stdout, ended.stdout
    assert ended.returncode == 0
