"""What belongs to another cloud is refused alike by the program, by commands and by `orgcal doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orgcal.engine.plugins import _refuse_standin, write_standin
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM, azuread_on_path, is_standin, refuse_other_cloud
from orgcal.entra.clouds import CloudEndpoints, EmulatorEndpoints, load_endpoints
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


FILE = Path("f")
LEAVE = 'eval "$(orgcal env --unset)"'
EMULATED = CloudEndpoints(
    "emulator",
    "https://localhost:8443",
    "https://localhost:8443",
    "public",
    "localhost:8443",
    EmulatorEndpoints("d", FILE, TENANT, "c", FILE, FILE, "u", FILE, "u", FILE),
)


@pytest.mark.parametrize(
    ("endpoints", "name", "found", "what", "repair"),
    [
        (
            load_endpoints("public", {}),
            "ARM_METADATA_HOSTNAME",
            " 'localhost:1' ",
            "the stack's cloud is 'public', where ARM_METADATA_HOSTNAME is not set; found localhost:1",
            f"unset ARM_METADATA_HOSTNAME; if orgcal env has set it: {LEAVE}",
        ),
        (
            load_endpoints("china", {}),
            "ARM_ENVIRONMENT",
            "public",
            "the stack's cloud is 'china', where ARM_ENVIRONMENT is china; found public",
            f"unset ARM_ENVIRONMENT; if orgcal env has set it: {LEAVE}",
        ),
        (
            EMULATED,
            "ARM_METADATA_HOST",
            "localhost:9",
            "the stack's cloud is 'emulator', where ARM_METADATA_HOST is localhost:8443; found localhost:9",
            'eval "$(orgcal env)"',
        ),
        (
            EMULATED,
            "ARM_TENANT_ID",
            OTHER,
            f"the stack's cloud is 'emulator', where ARM_TENANT_ID is {TENANT}; found {OTHER}",
            'eval "$(orgcal env)"',
        ),
        (
            load_endpoints("usgov", {}),
            "ORGCAL_EMULATOR_FILE",
            "/x/ready.json",
            "the stack's cloud is 'usgov', and the environment is set up for the emulator",
            LEAVE,
        ),
    ],
)
def test_refusal_of_a_variable_says_what_it_should_be_and_how_to_leave(
    endpoints: CloudEndpoints, name: str, found: str, what: str, repair: str
) -> None:
    with pytest.raises(CloudMismatch) as refused:
        refuse_other_cloud(endpoints, TENANT, {name: found})

    assert vars(refused.value) == {"what": what, "where": name, "repair": repair}


def test_emulators_own_variables_and_standin_are_taken_on_the_emulator(tmp_path: Path) -> None:
    own = {"ARM_METADATA_HOSTNAME": "LOCALHOST:8443", "ARM_METADATA_HOST": "localhost:8443", "ARM_ENVIRONMENT": ""}
    program = write_standin(tmp_path) / AZUREAD_PROGRAM
    environ = {**own, "ARM_TENANT_ID": TENANT, "ORGCAL_EMULATOR_FILE": "/x", "PATH": str(program.parent)}

    refuse_other_cloud(EMULATED, TENANT, environ)
    with pytest.raises(CloudMismatch) as refused:
        refuse_other_cloud(load_endpoints("public", {}), TENANT, {"PATH": str(program.parent)})

    what = "the stack's cloud is 'public', and the azuread stand-in of the emulator is on PATH and would be used"
    assert vars(refused.value) == {"what": what, "where": str(program), "repair": LEAVE}


def test_standin_is_known_by_the_first_four_kib_of_its_launcher(tmp_path: Path) -> None:
    """The engine's plugins are programs of many megabytes, which are not read."""
    call = b"-P -m orgcal.provider.azuread"
    for before, known in ((0, True), (4096 - len(call), True), (4097 - len(call), False)):
        (tmp_path / "launcher").write_bytes(b"\xff" * before + call)
        assert is_standin(tmp_path / "launcher") is known
    assert not is_standin(tmp_path)
    assert not is_standin(tmp_path / "gone")


def test_azuread_plugin_is_looked_for_on_the_given_path_alone(tmp_path: Path) -> None:
    program = tmp_path / "pulumi-resource-azuread"
    program.write_text("")
    program.chmod(0o755)

    assert azuread_on_path({"PATH": f"/nowhere:{tmp_path}"}) == program
    assert azuread_on_path({"PATH": "/nowhere"}) is None
    assert azuread_on_path({}) is None
