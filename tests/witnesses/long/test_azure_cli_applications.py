"""Azure CLI, unmodified: applications, credentials, service principals and grants, as its reference shows them.

https://learn.microsoft.com/cli/azure/ad/app, …/ad/sp, …/rest
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.certificates import rsa_pair
from tests.support.client_commands import ClientCommand, NamedEmulator
from tests.witnesses.conftest import Login

pytestmark = [pytest.mark.judged("Azure CLI"), pytest.mark.timeout(900)]

GRAPH = "00000003-0000-0000-c000-000000000000"
CALENDARS_READ = "798ee544-9d2d-430c-a058-570e29e34338"
USER_READ = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
"""Delegated: https://learn.microsoft.com/graph/permissions-reference#userread"""


@pytest.fixture(scope="module")
def operator(az: ClientCommand, login: Login) -> ClientCommand:
    """Azure CLI, logged in to AzureCloud by the emulator's names."""
    given = ("-u", login.client_id, "-p", f"@{login.secret_file}", "--tenant", login.tenant_id)
    az("login", "--service-principal", "--allow-no-subscriptions", *given)
    return az


@pytest.fixture
def app(operator: ClientCommand) -> Iterator[dict[str, Any]]:
    """An application for other organisations, as the guide's step 2 has it."""
    made = operator(
        "ad", "app", "create", "--display-name", f"witness {uuid4()}", "--sign-in-audience", "AzureADMultipleOrgs",
        "--web-redirect-uris", "https://connector.example/callback",
    )  # fmt: skip
    yield made
    operator("ad", "app", "delete", "--id", made["id"])


def test_azure_cli_creates_reads_and_changes_an_application(operator: ClientCommand, app: dict[str, Any]) -> None:
    read = operator("ad", "app", "show", "--id", app["appId"])
    assert (read["id"], read["signInAudience"]) == (app["id"], "AzureADMultipleOrgs")
    assert read["web"]["redirectUris"] == ["https://connector.example/callback"]
    operator("ad", "app", "update", "--id", app["id"], "--set", "notes=changed", "--set", "tags=['witness']")
    listed = operator("ad", "app", "list", "--display-name", app["displayName"])
    assert [(each["id"], each["notes"], each["tags"]) for each in listed] == [(app["id"], "changed", ["witness"])]


def test_azure_cli_declares_permissions_and_lists_them(operator: ClientCommand, app: dict[str, Any]) -> None:
    command = ("ad", "app", "permission")
    operator(*command, "add", "--id", app["id"], "--api", GRAPH, "--api-permissions", f"{CALENDARS_READ}=Role")
    listed = operator(*command, "list", "--id", app["id"])
    assert [each["resourceAccess"] for each in listed] == [[{"id": CALENDARS_READ, "type": "Role"}]]
    operator(*command, "delete", "--id", app["id"], "--api", GRAPH)
    assert operator(*command, "list", "--id", app["id"]) == []


def test_azure_cli_rotates_a_secret_that_logs_in(
    operator: ClientCommand, app: dict[str, Any], hosts: NamedEmulator, home: Path
) -> None:
    operator("ad", "sp", "create", "--id", app["appId"])
    command = ("ad", "app", "credential")
    operator(*command, "reset", "--id", app["id"], "--display-name", "first")
    second = operator(*command, "reset", "--id", app["id"], "--display-name", "second", "--append")
    listed = operator(*command, "list", "--id", app["id"])
    assert sorted(each["displayName"] for each in listed) == ["first", "second"]
    first = next(each["keyId"] for each in listed if each["displayName"] == "first")
    operator(*command, "delete", "--id", app["id"], "--key-id", first)
    assert [each["displayName"] for each in operator(*command, "list", "--id", app["id"])] == ["second"]
    (home / "rotated").write_text(second["password"], encoding="ascii")
    given = ("-u", app["appId"], "-p", f"@{home / 'rotated'}", "--tenant", second["tenant"])
    other = ClientCommand(operator.command, operator.environ | {"AZURE_CONFIG_DIR": str(home / "rotated-az")}, home)
    other("login", "--service-principal", "--allow-no-subscriptions", *given)


def test_azure_cli_makes_a_certificate_and_logs_in_with_it(
    operator: ClientCommand, app: dict[str, Any], home: Path, login: Login
) -> None:
    """`--create-cert` sends the certificate with the line breaks of its PEM (role/custom.py, release 2.91.0)."""
    operator("ad", "sp", "create", "--id", app["appId"])
    made = operator("ad", "app", "credential", "reset", "--id", app["id"], "--create-cert", "--append")
    listed = operator("ad", "app", "credential", "list", "--id", app["id"], "--cert")
    assert [each["type"] for each in listed] == ["AsymmetricX509Cert"]
    given = ("-u", app["appId"], "--certificate", made["fileWithCertAndPrivateKey"], "--tenant", login.tenant_id)
    other = ClientCommand(operator.command, operator.environ | {"AZURE_CONFIG_DIR": str(home / "cert-az")}, home)
    other("login", "--service-principal", "--allow-no-subscriptions", *given)


def test_azure_cli_registers_a_certificate_from_a_file(
    operator: ClientCommand, app: dict[str, Any], tmp_path: Path
) -> None:
    pem = tmp_path / "client.pem"
    pem.write_text(rsa_pair().certificate, encoding="ascii")
    command = ("ad", "app", "credential")
    operator(*command, "reset", "--id", app["id"], "--cert", f"@{pem}", "--append")
    listed = operator(*command, "list", "--id", app["id"], "--cert")
    assert len(listed) == 1
    operator(*command, "delete", "--id", app["id"], "--key-id", listed[0]["keyId"], "--cert")
    assert operator(*command, "list", "--id", app["id"], "--cert") == []


def test_azure_cli_creates_an_application_with_a_certificate(operator: ClientCommand) -> None:
    lines = rsa_pair(days=730).certificate.splitlines()  # longer than the year that the client asks for
    value = "\n".join(line for line in lines if "CERTIFICATE" not in line)
    given = ("--key-type", "AsymmetricX509Cert", "--key-usage", "Verify", "--key-value", value)
    made = operator("ad", "app", "create", "--display-name", f"witness {uuid4()}", *given)
    assert [each["type"] for each in made["keyCredentials"]] == ["AsymmetricX509Cert"]
    operator("ad", "app", "delete", "--id", made["id"])


@pytest.mark.parametrize("option", [(), ("--create-cert",)], ids=["secret", "certificate"])
def test_azure_cli_makes_an_application_with_principal_and_credential_at_once(
    operator: ClientCommand, option: tuple[str, ...]
) -> None:
    made = operator("ad", "sp", "create-for-rbac", "--name", f"witness {uuid4()}", *option)
    found = operator("ad", "sp", "show", "--id", made["appId"])
    assert found["displayName"] == made["displayName"]
    assert bool(made["password"]) is not bool(option)
    operator("ad", "app", "delete", "--id", made["appId"])
    assert operator("ad", "sp", "list", "--display-name", made["displayName"]) == []


def test_azure_cli_trusts_an_issuer_and_no_longer(operator: ClientCommand, app: dict[str, Any], tmp_path: Path) -> None:
    command = ("ad", "app", "federated-credential")
    body = {"name": "deploy-main", "issuer": "https://token.actions.githubusercontent.com",
            "subject": "repo:acme/app:ref:refs/heads/main", "audiences": ["api://AzureADTokenExchange"]}  # fmt: skip
    (tmp_path / "body.json").write_text(json.dumps(body), encoding="utf-8")
    operator(*command, "create", "--id", app["id"], "--parameters", f"@{tmp_path / 'body.json'}")
    (tmp_path / "body.json").write_text(json.dumps({**body, "description": "changed"}), encoding="utf-8")
    operator(
        *command, "update", "--id", app["id"], "--federated-credential-id", "deploy-main",
        "--parameters", f"@{tmp_path / 'body.json'}",
    )  # fmt: skip
    listed = operator(*command, "list", "--id", app["id"])
    assert [(each["name"], each["description"]) for each in listed] == [("deploy-main", "changed")]
    operator(*command, "delete", "--id", app["id"], "--federated-credential-id", "deploy-main")
    assert operator(*command, "list", "--id", app["id"]) == []


def test_azure_cli_adds_and_removes_an_owner(operator: ClientCommand, app: dict[str, Any]) -> None:
    principal = operator("ad", "sp", "create", "--id", app["appId"])
    command = ("ad", "app", "owner")
    operator(*command, "add", "--id", app["id"], "--owner-object-id", principal["id"])
    assert principal["id"] in {each["id"] for each in operator(*command, "list", "--id", app["id"])}
    operator(*command, "remove", "--id", app["id"], "--owner-object-id", principal["id"])
    assert principal["id"] not in {each["id"] for each in operator(*command, "list", "--id", app["id"])}


def test_azure_cli_manages_a_service_principal(operator: ClientCommand, app: dict[str, Any]) -> None:
    principal = operator("ad", "sp", "create", "--id", app["appId"])
    command = ("ad", "sp")
    operator(*command, "update", "--id", principal["id"], "--set", "tags=['witness']")
    operator(*command, "credential", "reset", "--id", principal["id"])
    listed = operator(*command, "credential", "list", "--id", principal["id"])
    operator(*command, "credential", "delete", "--id", principal["id"], "--key-id", listed[0]["keyId"])
    assert operator(*command, "owner", "list", "--id", principal["id"])
    read = operator(*command, "show", "--id", principal["id"])
    assert (read["tags"], read["passwordCredentials"]) == (["witness"], [])
    operator(*command, "delete", "--id", principal["id"])
    assert operator(*command, "list", "--filter", f"appId eq '{app['appId']}'") == []


def test_azure_cli_grants_an_application_permission(operator: ClientCommand, app: dict[str, Any]) -> None:
    principal = operator("ad", "sp", "create", "--id", app["appId"])
    graph = operator("ad", "sp", "show", "--id", GRAPH)
    assignments = f"https://graph.microsoft.com/v1.0/servicePrincipals/{principal['id']}/appRoleAssignments"
    body = {"principalId": principal["id"], "resourceId": graph["id"], "appRoleId": CALENDARS_READ}
    operator("rest", "--method", "post", "--url", assignments, "--body", json.dumps(body))
    listed = operator("rest", "--url", assignments)["value"]
    assert [each["appRoleId"] for each in listed] == [CALENDARS_READ]


def test_azure_cli_grants_a_delegated_permission_and_lists_it(operator: ClientCommand, app: dict[str, Any]) -> None:
    principal = operator("ad", "sp", "create", "--id", app["appId"])
    command = ("ad", "app", "permission")
    operator(*command, "add", "--id", app["id"], "--api", GRAPH, "--api-permissions", f"{USER_READ}=Scope")
    operator(*command, "grant", "--id", app["appId"], "--api", GRAPH, "--scope", "User.Read")
    listed = operator(*command, "list-grants", "--id", app["appId"])
    assert [(each["clientId"], each["consentType"], each["scope"].strip()) for each in listed] == [
        (principal["id"], "AllPrincipals", "User.Read")
    ]


def test_azure_cli_by_the_alias_of_its_own_tenant(operator: ClientCommand, app: dict[str, Any]) -> None:
    """`/myorganization/`, as scripts for `az rest` have it."""
    found = operator("rest", "--url", f"https://graph.microsoft.com/v1.0/myorganization/applications/{app['id']}")
    assert found["appId"] == app["appId"]
