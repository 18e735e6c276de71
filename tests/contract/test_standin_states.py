"""The comparison of states finds what it must find; `make compare-azuread` says when there is nothing to compare."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.azuread_states import STATE_NORMALISATION, state_differences

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


def test_compare_azuread_without_the_real_plugin_ends_with_5(tmp_path: Path) -> None:
    environ = {**os.environ, "PULUMI_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare_azuread"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert "pulumi plugin install resource azuread 6.11.1" in done.stderr
    assert json.dumps(done.stdout) == '""'
