"""Azure CLI, unmodified: logs in to the emulator as to Azure, by its names and as a cloud of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.client_commands import ClientCommand, NamedEmulator
from tests.witnesses.conftest import Login

pytestmark = [pytest.mark.judged("Azure CLI"), pytest.mark.timeout(900)]

LOGIN = ("login", "--service-principal", "--allow-no-subscriptions")


def log_in(az: ClientCommand, login: Login) -> None:
    """With a client secret that is read from its file."""
    given = ("-u", login.client_id, "-p", f"@{login.secret_file}", "--tenant", login.tenant_id)
    accounts = az(*LOGIN, *given)
    assert [(each["tenantId"], each["user"]["name"]) for each in accounts] == [(login.tenant_id, login.client_id)]


def test_azure_cli_logs_in_to_azure_cloud_by_the_emulators_names(az: ClientCommand, login: Login) -> None:
    az("cloud", "set", "--name", "AzureCloud")
    log_in(az, login)
    applications = az("ad", "app", "list", "--all")
    assert login.client_id in {each["appId"] for each in applications}
    az("account", "clear")


def test_azure_cli_logs_in_to_a_cloud_that_is_registered_by_its_resource_manager_alone(
    az: ClientCommand, hosts: NamedEmulator, login: Login
) -> None:
    nowhere = "http://127.0.0.1:9"  # the port `discard`: whatever is not the emulator's own address fails
    az = replace(az, environ=az.environ | {"HTTPS_PROXY": nowhere, "https_proxy": nowhere})
    az("config", "set", "core.instance_discovery=false")
    az("cloud", "register", "--name", "emulator", "--endpoint-resource-manager", hosts.base_url)
    az("cloud", "set", "--name", "emulator")
    log_in(az, login)
    # The resource manager has the same address, so the command must be told whom the token is for.
    graph = ("--resource", "https://graph.microsoft.com")
    users = az("rest", "--url", f"{hosts.base_url}/v1.0/users?$top=3", *graph)
    assert len(users["value"]) == 3
    az("cloud", "set", "--name", "AzureCloud")
    az("cloud", "unregister", "--name", "emulator")


def test_azure_cli_finds_its_clouds_in_metadata_of_the_older_version(
    az: ClientCommand, hosts: NamedEmulator, tmp_path: Path
) -> None:
    """How `ARM_CLOUD_METADATA_URL` is read: Azure/azure-cli, src/azure-cli-core/azure/cli/core/cloud.py of 2.91.0."""
    url = f"{hosts.base_url}/metadata/endpoints?api-version=2019-05-01"
    environ = az.environ | {"AZURE_CONFIG_DIR": str(tmp_path), "ARM_CLOUD_METADATA_URL": url}
    clouds = replace(az, environ=environ)("cloud", "list")
    assert [each["endpoints"]["resourceManager"] for each in clouds] == [hosts.base_url]


def test_azure_cli_logs_in_with_a_certificate(az: ClientCommand, hosts: NamedEmulator, home: Path) -> None:
    operator = hosts.emulator.ready["operator"]
    certificate = operator["client_certificate_pem_file"]
    az("cloud", "set", "--name", "AzureCloud")
    given = ("-u", operator["client_id"], "--certificate", certificate, "--tenant", operator["tenant_id"])
    accounts = az(*LOGIN, *given)
    assert [each["user"]["name"] for each in accounts] == [operator["client_id"]]
    assert az("ad", "sp", "show", "--id", operator["client_id"])["appId"] == operator["client_id"]


def test_azure_cli_shows_the_number_of_a_refusal(az: ClientCommand, login: Login, tmp_path: Path) -> None:
    # A folder of its own: a token that another test's login left in the cache would be used without a request.
    az = replace(az, environ=az.environ | {"AZURE_CONFIG_DIR": str(tmp_path / "azure")})
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong", encoding="ascii")
    said = az.refusal(*LOGIN, "-u", login.client_id, "-p", f"@{wrong}", "--tenant", login.tenant_id)
    assert "AADSTS7000215" in said


def test_azure_cli_names_a_resource_that_is_not_emulated(az: ClientCommand, login: Login) -> None:
    az("cloud", "set", "--name", "AzureCloud")
    log_in(az, login)
    said = az.refusal("account", "get-access-token", "--resource", "https://vault.azure.net")
    assert "vault.azure.net" in said
