"""Surroundings of a stack: directories, passphrase, variables, what must not leak between clouds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgcal.errors import UsageError
from orgcal.stack.environment import stack_environment
from orgcal.stack.files import stack_dir
from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  orgcal:entra: {cloud: emulator}\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  orgcal:entra: {cloud: public, tenant_id: 00000000-1111-2222-3333-444444444444}\n"
    )
    return tmp_path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "ORGCAL_DATA_DIR": str(tmp_path / "data")}


def test_environment_of_dev_stays_in_the_checkout(project: Path, environ: dict[str, str]) -> None:
    prepared = stack_environment(project, "dev", environ)

    assert prepared.stack_dir == project / ".local" / "dev"
    assert prepared.variables["PULUMI_BACKEND_URL"] == (project / ".local/dev/state").as_uri()
    assert prepared.variables["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(DEV_PASSPHRASE_FILE)
    assert prepared.endpoints is None
    assert not (project / "data").exists()


def test_environment_of_dev_takes_the_login_of_a_real_tenant_away(project: Path, environ: dict[str, str]) -> None:
    environ |= {"ARM_CLIENT_SECRET": "real", "ARM_TENANT_ID": "real", "ARM_USE_CLI": "true"}

    applied = stack_environment(project, "dev", environ).to_environ(environ)

    assert not any(name.startswith("ARM_") for name in applied)


def test_environment_of_an_own_stack_names_its_passphrase_and_makes_none(
    project: Path, environ: dict[str, str]
) -> None:
    path = Path(stack_environment(project, "prod", environ).variables["PULUMI_CONFIG_PASSPHRASE_FILE"])

    assert path == project / "data" / "stacks" / "prod" / "passphrase"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()


@pytest.mark.parametrize("variable", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_environment_of_an_own_stack_keeps_the_users_passphrase(
    project: Path, environ: dict[str, str], variable: str
) -> None:
    prepared = stack_environment(project, "prod", environ | {variable: "mine"})

    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in prepared.variables


def test_environment_of_an_own_stack_with_a_key_service_gets_no_passphrase(
    project: Path, environ: dict[str, str]
) -> None:
    path = project / "Pulumi.prod.yaml"
    path.write_text("secretsprovider: azurekeyvault://vault/keys/key\n" + path.read_text())

    prepared = stack_environment(project, "prod", environ)

    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in prepared.variables


def test_environment_of_an_own_stack_leaves_backend_trust_and_login_alone(
    project: Path, environ: dict[str, str]
) -> None:
    environ |= {"PULUMI_BACKEND_URL": "azblob://states", "ARM_TENANT_ID": "mine", "SSL_CERT_FILE": "/mine.pem"}

    prepared = stack_environment(project, "prod", environ)

    assert prepared.backend_url == "azblob://states"
    assert prepared.removed == ()
    assert set(prepared.variables) <= {
        "PULUMI_SKIP_UPDATE_CHECK",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "ORGCAL_PROJECT",
    }
    assert prepared.endpoints is not None
    assert prepared.endpoints.login_url == "https://login.microsoftonline.com"


@pytest.mark.parametrize("name", ["../dev", "a/b", "", "x" * 101])
def test_stack_dir_of_a_name_that_leads_elsewhere_is_refused(project: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid stack name"):
        stack_dir(project, name, {})


@pytest.mark.parametrize(
    ("name", "place"), [("orgcal", "stacks/prod"), ("calendar", "projects/calendar/stacks/prod"), (None, "stacks/prod")]
)
def test_stack_dir_is_told_from_other_projects_by_the_projects_name(
    project: Path, environ: dict[str, str], name: str | None, place: str
) -> None:
    """A project that is called as all were at first keeps its folders."""
    if name:
        (project / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")

    assert stack_dir(project, "prod", environ) == project / "data" / place
    assert stack_dir(project, "dev", environ) == project / ".local" / "dev"


@pytest.mark.parametrize("name", ["..", "a/b", "''", "12", "x" * 101, "[a]"])
def test_stack_dir_of_a_project_name_that_leads_elsewhere_is_refused(project: Path, name: str) -> None:
    (project / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")

    with pytest.raises(UsageError, match="`name` is"):
        stack_dir(project, "prod", {})
