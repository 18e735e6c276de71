"""The comparison of states finds what it must find; `make compare-azuread` says when there is nothing to compare."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.azuread_stack import Project, RunFailed, arm_variables
from benchmarks.azuread_states import STATE_NORMALISATION, state_differences
from orgcal.engine.plugins import write_standin
from tests.support.fake_programs import write_program

ROOT = Path(__file__).resolve().parents[2]
APP, CLIENT, KEY = "a" * 8 + "-0000-0000-0000-" + "a" * 12, "b" * 8 + "-0000-0000-0000-" + "b" * 12, "c" * 36


def state(app: str = APP, client: str = CLIENT) -> dict[str, Any]:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": f"v1:{client}"}
    return {
        "trial-trial": {"type": "pulumi:pulumi:Stack"},
        "app": {
            "type": "azuread:index/application:Application",
            "id": f"/applications/{app}",
            "inputs": {"__defaults": [], "displayName": "x"},
            "outputs": {"objectId": app, "clientId": client, "displayName": "x", "tags": ["a", "b"], "owners": None},
        },
        "password": {
            "type": "azuread:index/applicationPassword:ApplicationPassword",
            "id": f"{app}/password/{client[::-1]}",
            "inputs": {"applicationId": f"/applications/{app}"},
            "outputs": {"applicationId": f"/applications/{app}", "startDate": client[:4], "value": secret},
        },
    }


def test_state_differences_other_ids_secrets_and_moments_are_none() -> None:
    other = state("d" * 8 + "-0000-0000-0000-" + "d" * 12, "e" * 8 + "-0000-0000-0000-" + "f" * 12)
    other["app"]["outputs"]["tags"] = ["b", "a"]
    del other["app"]["outputs"]["owners"]
    other["app"]["outputs"]["__pulumi_raw_state_delta"] = {"obj": {}}
    assert state_differences(state(), other) == []


@pytest.mark.parametrize(
    ("name", "part", "key", "value"),
    [
        ("app", "outputs", "displayName", "y"),
        ("app", "outputs", "tags", ["a"]),
        ("app", "outputs", "clientId", APP),
        ("app", "inputs", "__defaults", ["displayName"]),
        ("password", "outputs", "value", "in plain text"),
        ("password", "inputs", "applicationId", APP),
    ],
)
def test_state_differences_other_value_is_found(name: str, part: str, key: str, value: Any) -> None:
    other = copy.deepcopy(state())
    other[name][part][key] = value
    assert any(f"{name}.{part}.{key}" in line for line in state_differences(state(), other))


def test_state_differences_missing_resource_and_other_id_format_are_found() -> None:
    other = state()
    del other["password"]
    other["app"]["id"] = APP
    assert state_differences(state(), other)[0] == "password: missing"
    assert any(line.startswith("app.id:") for line in state_differences(state(), other))


def test_state_normalisation_table_in_the_docs_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "standin.md").read_text(encoding="utf-8")
    for rule, meaning in STATE_NORMALISATION.items():
        assert f"| {rule} | {meaning} |" in text


def compare_azuread(**environ: str) -> subprocess.CompletedProcess[str]:
    """What `make compare-azuread` runs."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.compare_azuread"],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_compare_azuread_without_the_real_plugin_ends_with_5(tmp_path: Path) -> None:
    done = compare_azuread(PULUMI_HOME=str(tmp_path))
    assert done.returncode == 5, done.stderr
    assert done.stderr.splitlines() == [
        "compare-azuread: the real azuread plugin 6.11.1 is not installed, so there is nothing to compare with",
        "  repair: pulumi plugin install resource azuread 6.11.1",
    ]
    assert done.stdout == ""


def test_compare_azuread_with_the_stand_in_on_path_refuses_to_compare_it_with_itself(tmp_path: Path) -> None:
    standin = write_standin(tmp_path)
    done = compare_azuread(PATH=f"{standin}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 2
    assert "the azuread stand-in is on PATH" in done.stderr
    assert f"repair: remove {standin} from PATH" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def idle_engine(tmp_path: Path) -> Path:
    """Folder with a `pulumi` that does nothing."""
    write_program(tmp_path / "engine" / "pulumi", "#!/bin/sh\nexit 0\n")
    return tmp_path / "engine"


def test_project_for_the_real_plugin_takes_the_users_home(
    tmp_path: Path, idle_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "mine"))
    real = Project(tmp_path / "real", idle_engine, {}, standin=False).variables
    assert real["PULUMI_HOME"] == str(tmp_path / "mine")
    assert "pulumi-resource-azuread" not in [path.name for path in (tmp_path / "real").rglob("*")]
    ours = Project(tmp_path / "ours", idle_engine, {}).variables
    assert ours["PATH"].split(os.pathsep)[0] == str(tmp_path / "ours" / "plugins")
    assert ours["PULUMI_HOME"] == str(tmp_path / "ours" / "home")
    monkeypatch.delenv("PULUMI_HOME")
    assert "PULUMI_HOME" not in Project(tmp_path / "other", idle_engine, {}, standin=False).variables


def test_login_behind_a_go_between_is_the_secret_as_a_certificate_names_the_address(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cr3t\n")
    files = {"client_secret_file": str(tmp_path / "secret"), "client_certificate_file": "operator.pfx"}
    ready = {"port": 1, "ca_file": "ca.pem", "operator": {"tenant_id": "t", "client_id": "c", **files}}
    straight, behind = arm_variables(ready), arm_variables(ready, host="localhost:2")
    assert straight["ARM_CLIENT_CERTIFICATE_PATH"] == "operator.pfx"
    assert behind["ARM_CLIENT_SECRET"] == "s3cr3t"
    assert ("ARM_CLIENT_SECRET" in straight, "ARM_CLIENT_CERTIFICATE_PATH" in behind) == (False, False)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Diagnostics:\n    error: update failed\n    error: no Authorizer could be configured\n", "no Authorizer"),
        ("panic\nit broke\n", "it broke"),
        ("", "it said nothing"),
    ],
)
def test_failed_run_names_its_reason_in_one_line(output: str, reason: str) -> None:
    assert RunFailed(["up"], 255, output).reason.startswith(reason)
