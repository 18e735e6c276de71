"""What `orgcal doctor` says about a machine, from plain inputs."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.ci.install import read_installation
from orgcal.cli.doctor import as_lines, as_object
from orgcal.engine.plugins import write_standin
from orgcal.errors import EngineError
from orgcal.operations.doctor import DoctorCheck, check_language_host, check_our_plugin, check_python, checked
from orgcal.operations.doctor_stack import check_backend, check_cloud, check_emulator, check_trust
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.passphrase import passphrase_fits

ROOT = Path(__file__).resolve().parents[2]
DEV_PASSPHRASE = (ROOT / "orgcal" / "stack" / "dev_passphrase.txt").read_text(encoding="utf-8").strip()
DEV_SALT = str(yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["encryptionsalt"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    return tmp_path


@pytest.fixture
def surroundings(tmp_path: Path) -> StackEnvironment:
    """Of a stack in a real cloud, with a private state and a passphrase file."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(f"{DEV_PASSPHRASE}\n", encoding="utf-8")
    passphrase.chmod(0o600)
    return StackEnvironment(
        project_dir=ROOT,
        stack="prod",
        cloud="public",
        stack_dir=tmp_path,
        backend_url=state.as_uri(),
        endpoints=None,
        variables={"PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)},
    )


def python_of(project: Path, **given: Any) -> DoctorCheck:
    """What doctor says of the project's own Python."""
    return check_python(project, prefix=str(project / ".venv"), **given)


def lock(project: Path, *lines: str) -> None:
    (project / "requirements.txt").write_text("# packages\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_check_python_as_locked_is_well(project: Path) -> None:
    yaml_line = f"PyYAML=={version('pyyaml')} \\\n    --hash=sha256:00"
    lock(project, yaml_line, "nothing-such==1 ; sys_platform == 'plan9'", "./local.whl", "--no-index")
    assert python_of(project) == DoctorCheck("python", True, f"Python {platform.python_version()}, packages as locked")


def test_check_python_too_old_is_told(project: Path) -> None:
    finding = python_of(project, found=(3, 10, 9))
    assert not finding.ok
    assert "3.11 or newer" in finding.says


def test_check_python_of_another_project_is_told(project: Path) -> None:
    finding = check_python(project, prefix="/elsewhere/.venv")
    assert not finding.ok
    assert (
        finding.says == f"this orgcal runs from /elsewhere/.venv, and the engine runs the program with {project}/.venv"
    )
    assert finding.repair == f". {project}/.venv/bin/activate, then orgcal again"


def test_check_python_without_a_virtual_environment_is_told(project: Path) -> None:
    (project / ".venv" / "bin" / "python").unlink()
    finding = python_of(project)
    assert not finding.ok
    assert finding.repair.endswith(
        "python3 -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.txt"
    )


def test_check_python_packages_other_than_locked_are_told(project: Path) -> None:
    installed = version("pyyaml")
    lock(project, "pyyaml==0.1", *(f"nothing-such-{number}==1" for number in range(3)))
    finding = python_of(project)
    assert finding.says == (
        f"requirements.txt is not what is installed: pyyaml is {installed}, not 0.1, nothing-such-0 is missing, "
        "nothing-such-1 is missing, and 1 more"
    )
    assert finding.repair == "pip install --require-hashes -r requirements.txt"


def test_check_python_compares_with_the_lock_that_ci_installs(project: Path) -> None:
    (project / "requirements.lock").write_text("nothing-such==1 --hash=sha256:00\n", encoding="utf-8")
    assert not python_of(project).ok
    assert read_installation(project).lock == "requirements.lock"
    lock(project, f"pyyaml=={version('pyyaml')} --hash=sha256:00")
    assert python_of(project).ok
    assert read_installation(project).lock == "requirements.txt"


def test_check_python_without_a_lock_does_not_claim_one(project: Path) -> None:
    (project / "requirements.txt").unlink(missing_ok=True)
    assert python_of(project).says.endswith("no requirements.txt to compare its packages with")


def test_check_language_host_without_engine_is_not_looked_at() -> None:
    assert not check_language_host(None, {}).ok


def test_check_our_plugin_that_others_could_replace_is_told(project: Path) -> None:
    program = project / ".venv" / "bin" / "pulumi-resource-orgcal"
    program.write_text("#!/bin/sh\necho 50051\nsleep 60\n")
    program.chmod(0o755)
    assert check_our_plugin(project, {"PATH": os.defpath}).ok
    program.parent.chmod(0o777)

    found = check_our_plugin(project, {"PATH": os.defpath})

    assert (found.ok, found.says) == (False, f"others could replace it: {program.parent} can be changed by everybody")
    assert found.repair


def test_checked_error_becomes_a_finding_with_its_repair() -> None:
    def fail() -> DoctorCheck:
        raise EngineError("it is broken", where="here", repair="mend it")

    assert checked("engine", fail) == DoctorCheck("engine", False, "here: it is broken", "mend it")


def test_check_emulator_on_a_cloud_is_not_needed(surroundings: StackEnvironment) -> None:
    assert check_emulator(surroundings) == DoctorCheck("emulator", True, "not needed in cloud public")


def test_check_emulator_not_running_says_how_to_start_it(surroundings: StackEnvironment) -> None:
    finding = check_emulator(replace(surroundings, cloud="emulator"))
    assert not finding.ok
    assert finding.repair == "orgcal emulator start --stack prod"


def test_check_trust_without_emulator_is_not_looked_at() -> None:
    assert not check_trust(None, {}).ok


def test_check_backend_private_state_and_fitting_passphrase_is_well(surroundings: StackEnvironment) -> None:
    finding = check_backend(surroundings, {}, DEV_SALT)
    assert finding.ok
    assert finding.says.endswith("passphrase fits")


def test_check_backend_state_open_to_others_is_told(surroundings: StackEnvironment, tmp_path: Path) -> None:
    (tmp_path / "state").chmod(0o755)
    assert "open to other users" in check_backend(surroundings, {}, DEV_SALT).says


def test_check_backend_missing_state_is_told(surroundings: StackEnvironment, tmp_path: Path) -> None:
    (tmp_path / "state").rmdir()
    assert "cannot be written" in check_backend(surroundings, {}, DEV_SALT).says


def test_check_backend_wrong_passphrase_is_told_without_showing_it(
    surroundings: StackEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "passphrase").write_text("a-wrong-word\n", encoding="utf-8")
    finding = check_backend(replace(surroundings, project_dir=tmp_path), {}, DEV_SALT)
    assert not finding.ok
    assert "does not fit encryptionsalt in Pulumi.prod.yaml" in finding.says
    assert "a-wrong-word" not in repr(finding)


def test_check_backend_salt_of_another_stack_is_told_whether_or_not_there_is_a_passphrase(
    surroundings: StackEnvironment, tmp_path: Path
) -> None:
    for stack in ("dev", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"encryptionsalt: {DEV_SALT}\n", encoding="utf-8")
    copied = replace(surroundings, project_dir=tmp_path)
    (tmp_path / "passphrase").write_text("a-wrong-word\n", encoding="utf-8")
    wrong = check_backend(copied, {}, DEV_SALT)
    (tmp_path / "passphrase").unlink()
    missing = check_backend(copied, {}, DEV_SALT)
    assert "was copied from Pulumi.dev.yaml" in wrong.says
    assert wrong.repair.startswith("remove that line from Pulumi.prod.yaml")
    assert missing == wrong
    assert not (tmp_path / "passphrase").exists()


def test_check_backend_new_stack_without_salt_and_passphrase_is_well(
    surroundings: StackEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "passphrase").unlink()
    assert check_backend(surroundings, {}, None) == DoctorCheck("backend", True, str(tmp_path / "state"))
    assert not (tmp_path / "passphrase").exists()
    named = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "mine")}
    assert not check_backend(replace(surroundings, variables={}), named, None).ok


def test_check_backend_passphrase_variable_goes_before_the_file(surroundings: StackEnvironment) -> None:
    assert not check_backend(surroundings, {"PULUMI_CONFIG_PASSPHRASE": "other"}, DEV_SALT).ok


def test_check_backend_passphrase_file_missing_or_open_is_told(surroundings: StackEnvironment, tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.chmod(0o644)
    assert check_backend(surroundings, {}, DEV_SALT).repair == f"chmod 600 {path}"
    path.unlink()
    assert "is missing" in check_backend(surroundings, {}, DEV_SALT).says


def test_check_backend_of_a_service_is_named(surroundings: StackEnvironment) -> None:
    finding = check_backend(replace(surroundings, backend_url="s3://bucket", variables={}), {}, None)
    assert finding == DoctorCheck("backend", True, "s3://bucket")


@pytest.mark.parametrize("salt", ["", "v1:x", "v1:AAAA:v1:BBBB:CCCC", "not:a:salt:at:all"])
def test_passphrase_fits_broken_salt_fits_nothing(salt: str) -> None:
    assert not passphrase_fits(salt, DEV_PASSPHRASE)


@pytest.mark.parametrize("name", ["ARM_METADATA_HOSTNAME", "ARM_METADATA_HOST", "ORGCAL_EMULATOR_FILE"])
def test_check_cloud_emulator_variables_in_a_real_cloud_are_told(surroundings: StackEnvironment, name: str) -> None:
    finding = checked("cloud", lambda: check_cloud(surroundings, "", {name: "localhost:1"}))
    assert not finding.ok
    assert name in finding.says
    assert "--unset" in finding.repair


def test_check_cloud_standin_on_path_in_a_real_cloud_is_told(surroundings: StackEnvironment, tmp_path: Path) -> None:
    path = os.pathsep.join(["/usr/bin", str(write_standin(tmp_path))])
    assert not checked("cloud", lambda: check_cloud(surroundings, "", {"PATH": path})).ok


def test_check_cloud_shell_of_an_older_emulator_is_told(surroundings: StackEnvironment) -> None:
    on_emulator = replace(surroundings, cloud="emulator", variables={"ARM_METADATA_HOSTNAME": "localhost:2"})
    shell = {"ORGCAL_ENV": "ARM_METADATA_HOSTNAME", "ARM_METADATA_HOSTNAME": "localhost:1"}
    finding = check_cloud(on_emulator, "", shell)
    assert not finding.ok
    assert "ARM_METADATA_HOSTNAME" in finding.says
    assert check_cloud(on_emulator, "", {**shell, "ARM_METADATA_HOSTNAME": "localhost:2"}).ok
    assert check_cloud(on_emulator, "", {}).ok


FINDINGS = [DoctorCheck("python", True, "fine", "unused"), DoctorCheck("language host", False, "gone", "mend it")]


def test_as_lines_repair_stands_below_what_needs_it_only() -> None:
    assert list(as_lines(FINDINGS)) == [
        "ok      python         fine",
        "failed  language host  gone",
        "                       repair: mend it",
    ]


def test_as_object_tells_how_each_check_ended() -> None:
    assert as_object("dev", FINDINGS) == {
        "stack": "dev",
        "checks": [
            {"name": "python", "verdict": "ok", "says": "fine", "repair": "unused"},
            {"name": "language host", "verdict": "failed", "says": "gone", "repair": "mend it"},
        ],
    }
