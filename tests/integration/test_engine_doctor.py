"""`orgcal doctor` on programs that serve or do not, on a real emulator, and as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orgcal.engine.cache import CACHE_VARIABLE
from orgcal.engine.find import Engine
from orgcal.engine.plugin_trust import installed_program
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.operations.doctor import DoctorCheck, check_azuread, check_language_host, serving_trouble
from orgcal.operations.doctor_stack import check_trust
from orgcal.stack.environment import StackEnvironment
from tests.support.fake_programs import write_program

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"PATH": "/usr/bin:/bin"}


def test_serving_trouble_program_that_prints_a_port_is_ended_and_well(tmp_path: Path) -> None:
    program = write_program(tmp_path / "plugin", "#!/bin/sh\necho 40123\nexec sleep 600\n")
    assert serving_trouble([str(program)], ENVIRON) == ""


@pytest.mark.parametrize(
    ("script", "trouble"),
    [("echo 'no module named x' >&2; exit 1", "no module named x"), ("exec sleep 600", "no port after 0.5 s")],
)
def test_serving_trouble_program_without_a_port_is_told(tmp_path: Path, script: str, trouble: str) -> None:
    program = write_program(tmp_path / "plugin", f"#!/bin/sh\n{script}\n")
    assert serving_trouble([str(program)], ENVIRON, limit_s=0.5) == trouble


def test_check_language_host_that_does_not_start_is_told(tmp_path: Path) -> None:
    host = write_program(tmp_path / "pulumi-language-python", "#!/bin/sh\nexit 2\n")
    engine = Engine(tmp_path, tmp_path / "pulumi", host, "3.274.1", "build", "")
    finding = check_language_host(engine, ENVIRON)
    assert not finding.ok
    assert "does not start" in finding.says


def azuread(
    tmp_path: Path, script: str, cloud: str = "public", endpoints: CloudEndpoints | None = None, **more: str
) -> DoctorCheck:
    """What doctor says of the plugin with an engine whose `plugin ls` and `plugin run` do what `script` says."""
    pulumi = write_program(tmp_path / "pulumi", f"#!/bin/sh\n{script}\n")
    engine = Engine(tmp_path, pulumi, pulumi, "3.274.1", "build", "")
    stack = StackEnvironment(ROOT, "prod", cloud, tmp_path, "", endpoints)
    home = {"PULUMI_HOME": str(tmp_path / "home"), CACHE_VARIABLE: str(tmp_path / "cache")}
    environ = {**ENVIRON, **home, "ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "s", **more}
    installed_program(environ).parent.mkdir(parents=True, exist_ok=True)
    write_program(installed_program(environ), "#!/bin/sh\n")
    return check_azuread(engine, stack, environ, "" if endpoints and endpoints.emulated else "t")


LISTED = """[ "$2" = ls ] && echo '[{"name": "azuread", "kind": "resource", "version": "6.11.1"}]' && exit 0"""


def test_check_azuread_of_a_real_cloud_needs_the_real_one(tmp_path: Path) -> None:
    finding = azuread(tmp_path, "echo '[]'")
    assert not finding.ok
    assert finding.repair == "pulumi plugin install resource azuread 6.11.1"
    assert azuread(tmp_path, LISTED).ok
    assert not azuread(tmp_path, LISTED, AZUREAD_PLUGIN="standin").ok


def test_check_azuread_whose_login_fails_is_red(tmp_path: Path) -> None:
    endpoints = load_endpoints("public", {})
    silent = azuread(tmp_path, f"{LISTED}\necho 'no such plugin' >&2; exit 1", endpoints=endpoints)
    assert not silent.ok
    assert "it does not start: no such plugin" in silent.says
    nobody = azuread(tmp_path, LISTED, endpoints=endpoints, ARM_CLIENT_SECRET="", ARM_USE_CLI="false")
    assert not nobody.ok
    assert "there is no login of an operator" in nobody.says


def test_check_azuread_of_the_emulator_tries_the_login_of_the_standin(
    tmp_path: Path, endpoints: CloudEndpoints, emulator_environ: dict[str, str]
) -> None:
    serve = 'if [ "$2" = ls ]; then echo "[]"; else exec pulumi-resource-azuread 127.0.0.1:1; fi'
    environ = {**os.environ, **emulator_environ, "SSL_CERT_FILE": str(endpoints.ca_file)}
    finding = azuread(tmp_path, serve, "emulator", endpoints, **environ)
    assert finding.ok, finding
    assert finding.says == "our stand-in, logs in"
    environ |= {"ARM_CLIENT_CERTIFICATE_PATH": "", "ARM_CLIENT_SECRET": "wrong"}
    wrong = azuread(tmp_path, serve, "emulator", endpoints, **environ)
    assert not wrong.ok
    assert "AADSTS7000215" in wrong.says


def test_check_trust_of_a_running_emulator_is_well_with_its_bundle(endpoints: CloudEndpoints, tmp_path: Path) -> None:
    assert endpoints.ca_file is not None
    bundle = tmp_path / "trust.pem"
    bundle.write_bytes(endpoints.ca_file.read_bytes())
    assert check_trust(endpoints, {"SSL_CERT_FILE": str(bundle)}).ok


def test_check_trust_bundle_without_the_emulators_authority_is_told(endpoints: CloudEndpoints, tmp_path: Path) -> None:
    bundle = tmp_path / "trust.pem"
    bundle.write_text("", encoding="utf-8")
    finding = check_trust(endpoints, {"SSL_CERT_FILE": str(bundle)})
    assert not finding.ok
    assert "does not hold the emulator's authority" in finding.says


def test_check_trust_other_authority_is_told(endpoints: CloudEndpoints, tmp_path: Path) -> None:
    from dataclasses import replace

    import trustme

    assert endpoints.emulated is not None
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    strange = replace(endpoints, emulated=replace(endpoints.emulated, ca_file=other))
    assert "is not trusted" in check_trust(strange, {"SSL_CERT_FILE": str(other)}).says


def test_doctor_command_unknown_stack_exits_1_and_reports_as_json(tmp_path: Path) -> None:
    environ = {**os.environ, "ENGINE": "path", "ORGCAL_CACHE_DIR": str(tmp_path), "ORGCAL_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "orgcal.cli", "doctor", "--stack", "nowhere", "--json"]
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    said = json.loads(ended.stdout)
    assert said["ok"] is False
    assert "there is no stack 'nowhere' here" in said["checks"][-1]["says"]
    assert list(tmp_path.iterdir()) == []


def test_doctor_command_outside_any_project_says_so_first(tmp_path: Path) -> None:
    environ = {**os.environ, "ENGINE": "path", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orgcal.cli", "doctor", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    first = json.loads(ended.stdout)["checks"][0]
    assert (first["name"], first["verdict"]) == ("project", "failed")
    assert "there is no Pulumi.yaml here or above" in first["says"]


@pytest.mark.parametrize(
    ("words", "variable", "why"),
    [
        (["-C", str(ROOT)], "", "named by -C"),
        ([], str(ROOT), "named by ORGCAL_PROJECT"),
        (["--project", str(ROOT)], "/elsewhere", "named by -C"),
    ],
)
def test_doctor_command_says_which_project_and_why(tmp_path: Path, words: list[str], variable: str, why: str) -> None:
    environ = {**os.environ, "ENGINE": "path", "PYTHONPATH": str(ROOT), "ORGCAL_PROJECT": variable}
    command = [sys.executable, "-m", "orgcal.cli", *words, "doctor", "--stack", "nowhere"]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert f"  orgcal in {ROOT} ({why})" in ended.stdout.splitlines()[0]
