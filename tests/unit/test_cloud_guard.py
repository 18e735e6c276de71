"""What belongs to another cloud is refused alike by the program, by commands and by `orgcal doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orgcal.engine.plugins import _refuse_standin, write_standin
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM, refuse_other_cloud
from orgcal.entra.clouds import load_endpoints
from orgcal.errors import CloudMismatch
from orgcal.operations.doctor import checked
from orgcal.operations.doctor_stack import check_cloud
from orgcal.settings.sections import EntraSettings
from orgcal.stack.environment import StackEnvironment
from provisioning.program import entra_endpoints

TENANT, OTHER = "00000000-1111-2222-3333-444444444444", "99999999-1111-2222-3333-444444444444"
USGOV = EntraSettings(cloud="usgov", tenant_id=TENANT)


@pytest.fixture
def surroundings(tmp_path: Path) -> StackEnvironment:
    return StackEnvironment(tmp_path, "prod", "usgov", tmp_path, "", load_endpoints("usgov", {}))


@pytest.mark.parametrize(
    "environ",
    [
        {"ARM_METADATA_HOSTNAME": "localhost:1"},
        {"ARM_METADATA_HOST": "localhost:1"},
        {"ARM_ENVIRONMENT": "public"},
        {"ARM_TENANT_ID": OTHER},
        {"ORGCAL_EMULATOR_FILE": "/x/ready.json"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_variable_of_another_cloud_is_refused_by_program_and_doctor_alike(
    surroundings: StackEnvironment, environ: Mapping[str, str]
) -> None:
    with pytest.raises(CloudMismatch, match="the stack's cloud is 'usgov'") as refused:
        entra_endpoints(USGOV, environ)

    told = checked("cloud", lambda: check_cloud(surroundings, TENANT, environ))
    assert told.says == f"{refused.value.where}: {refused.value.what}"
    assert told.repair == refused.value.repair
    assert refused.value.where == next(iter(environ))


def test_variables_of_the_stacks_own_cloud_are_taken(surroundings: StackEnvironment) -> None:
    environ = {"ARM_ENVIRONMENT": "USGovernment", "ARM_TENANT_ID": TENANT.upper()}

    assert entra_endpoints(USGOV, environ).cloud == "usgov"
    assert check_cloud(surroundings, TENANT, environ).ok


@pytest.mark.parametrize("linked", [False, True], ids=["in place", "linked"])
def test_standin_of_any_project_on_path_is_refused_by_program_plugin_choice_and_doctor(
    surroundings: StackEnvironment, tmp_path: Path, linked: bool
) -> None:
    program = write_standin(tmp_path / "elsewhere") / AZUREAD_PROGRAM
    if linked:
        (tmp_path / AZUREAD_PROGRAM).symlink_to(program)
    environ = {"PATH": f"/usr/bin:{tmp_path if linked else program.parent}"}

    with pytest.raises(CloudMismatch, match="stand-in of the emulator is on PATH") as of_program:
        entra_endpoints(USGOV, environ)
    with pytest.raises(CloudMismatch) as of_choice:
        _refuse_standin("auto", "", environ, "usgov")
    told = checked("cloud", lambda: check_cloud(surroundings, TENANT, environ))

    assert str(of_program.value) == str(of_choice.value)
    assert told.says == f"{of_program.value.where}: {of_program.value.what}"


def test_azuread_plugin_of_the_users_own_on_path_is_taken(tmp_path: Path) -> None:
    program = tmp_path / AZUREAD_PROGRAM
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert entra_endpoints(USGOV, {"PATH": str(tmp_path)}).cloud == "usgov"


def test_unknown_home_tenant_contradicts_no_variable() -> None:
    refuse_other_cloud(load_endpoints("public", {}), "", {"ARM_TENANT_ID": OTHER})
    with pytest.raises(CloudMismatch):
        refuse_other_cloud(load_endpoints("public", {}), TENANT, {"ARM_TENANT_ID": OTHER})
