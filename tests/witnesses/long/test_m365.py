"""CLI for Microsoft 365, unmodified, by Microsoft's names: applications, permissions, roles, grants, calendars.

https://pnp.github.io/cli-microsoft365/cmd/entra/app/app-add
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

pytestmark = [pytest.mark.judged("CLI for Microsoft 365"), pytest.mark.timeout(900)]

GRAPH = "https://graph.microsoft.com"


@pytest.fixture(scope="module")
def operator(m365: ClientCommand, login: Login) -> ClientCommand:
    """The client, logged in with a client secret that is read from its file."""
    given = ("--appId", login.client_id, "--tenant", login.tenant_id, "--secret", f"@{login.secret_file}")
    assert m365("login", "--authType", "secret", *given)["appId"] == login.client_id
    return m365


@pytest.fixture
def app(operator: ClientCommand) -> Iterator[dict[str, Any]]:
    """An application for other organisations, with a secret: steps 2, 3 and 7 of the guide."""
    made = operator(
        "entra", "app", "add", "--name", f"witness {uuid4()}", "--multitenant", "--platform", "web",
        "--redirectUris", "https://connector.example/callback", "--withSecret",
        "--apisApplication", f"{GRAPH}/Directory.Read.All,{GRAPH}/Calendars.Read",
    )  # fmt: skip
    yield made
    operator("entra", "app", "remove", "--appId", made["appId"], "--force")


def test_m365_creates_and_gets_an_application(operator: ClientCommand, app: dict[str, Any]) -> None:
    assert app["secrets"][0]["value"]
    read = operator("entra", "app", "get", "--appId", app["appId"])
    assert (read["id"], read["signInAudience"]) == (app["objectId"], "AzureADMultipleOrgs")
    assert read["web"]["redirectUris"] == ["https://connector.example/callback"]
    assert len(read["requiredResourceAccess"][0]["resourceAccess"]) == 2


def test_m365_sets_redirect_addresses(operator: ClientCommand, app: dict[str, Any]) -> None:
    given = ("--redirectUris", "https://connector.example/second", "--platform", "web")
    removed = ("--redirectUrisToRemove", "https://connector.example/callback")
    operator("entra", "app", "set", "--appId", app["appId"], *given, *removed)
    read = operator("entra", "app", "get", "--appId", app["appId"])
    assert read["web"]["redirectUris"] == ["https://connector.example/second"]


def test_m365_sets_a_certificate(operator: ClientCommand, app: dict[str, Any]) -> None:
    path = operator.cwd / "client.pem"
    path.write_text(rsa_pair().certificate, encoding="ascii")
    given = ("--certificateFile", str(path), "--certificateDisplayName", "first")
    operator("entra", "app", "set", "--appId", app["appId"], *given)
    read = operator("entra", "app", "get", "--appId", app["appId"])
    assert [each["displayName"] for each in read["keyCredentials"]] == ["first"]


def test_m365_adds_lists_and_removes_a_permission(operator: ClientCommand, app: dict[str, Any]) -> None:
    command = ("entra", "app", "permission")
    given = ("--applicationPermissions", f"{GRAPH}/User.Read.All")
    operator(*command, "add", "--appId", app["appId"], *given)
    listed = operator(*command, "list", "--appId", app["appId"])
    assert "User.Read.All" in {each["permission"] for each in listed}
    operator(*command, "remove", "--appId", app["appId"], *given, "--force")
    listed = operator(*command, "list", "--appId", app["appId"])
    assert "User.Read.All" not in {each["permission"] for each in listed}


def test_m365_adds_lists_and_removes_a_role(operator: ClientCommand, app: dict[str, Any]) -> None:
    command = ("entra", "app", "role")
    given = ("--name", "Readers", "--description", "May read", "--allowedMembers", "applications", "--claim", "read")
    operator(*command, "add", "--appId", app["appId"], *given)
    listed = operator(*command, "list", "--appId", app["appId"])
    assert [(each["displayName"], each["value"]) for each in listed] == [("Readers", "read")]
    operator(*command, "remove", "--appId", app["appId"], "--claim", "read", "--force")
    assert operator(*command, "list", "--appId", app["appId"]) == []


def test_m365_grants_lists_and_takes_back_an_application_permission(
    operator: ClientCommand, app: dict[str, Any]
) -> None:
    operator("entra", "enterpriseapp", "add", "--id", app["appId"])
    command = ("entra", "approleassignment")
    given = ("--appId", app["appId"], "--resource", "Microsoft Graph", "--scopes", "Calendars.Read")
    operator(*command, "add", *given)
    listed = operator(*command, "list", "--appId", app["appId"])
    assert [(each["resourceDisplayName"], each["roleName"]) for each in listed] == [
        ("Microsoft Graph", "Calendars.Read")
    ]
    operator(*command, "remove", *given, "--force")
    assert operator(*command, "list", "--appId", app["appId"]) == []


ROLES_OF_EXCHANGE = f"{GRAPH}/beta/roleManagement/exchange"
ROLE = "Application Calendars.Read"


def test_m365_assigns_a_role_of_exchange_to_a_group_lists_and_removes_it(
    operator: ClientCommand, app: dict[str, Any]
) -> None:
    principal = operator("entra", "enterpriseapp", "add", "--id", app["appId"])["id"]
    group = operator("entra", "group", "get", "--displayName", "Office Quito")["id"]
    given = ("--roleDefinitionName", ROLE, "--principalId", principal)
    made = operator("exo", "approleassignment", "add", *given, "--scope", "group", "--groupName", "Office Quito")
    assert (made["principalId"], made["directoryScopeId"]) == (f"/ServicePrincipals/{principal}", f"/groups/{group}")
    listed = operator("request", "--url", f"{ROLES_OF_EXCHANGE}/roleAssignments")["value"]
    assert [each["id"] for each in listed] == [made["id"]]
    one = operator("request", "--url", f"{ROLES_OF_EXCHANGE}/roleAssignments/{made['id']}")
    assert one["roleDefinitionId"] == made["roleDefinitionId"]
    operator("request", "--method", "delete", "--url", f"{ROLES_OF_EXCHANGE}/roleAssignments/{made['id']}")
    assert operator("request", "--url", f"{ROLES_OF_EXCHANGE}/roleAssignments")["value"] == []


def test_m365_assigns_a_role_of_exchange_in_a_management_scope(operator: ClientCommand, app: dict[str, Any]) -> None:
    principal = operator("entra", "enterpriseapp", "add", "--id", app["appId"])["id"]
    body = {
        "type": "RecipientScope",
        "displayName": "Calendar connector",
        "customAttributes": {"Exclusive": False, "RecipientFilter": "Office -eq 'Quito'"},
    }
    scope = operator(
        "request", "--method", "post", "--url", f"{ROLES_OF_EXCHANGE}/customAppScopes",
        "--content-type", "application/json", "--body", json.dumps(body),
    )  # fmt: skip
    given = ("--roleDefinitionName", ROLE, "--principalId", principal)
    made = operator("exo", "approleassignment", "add", *given, "--scope", "custom", "--customAppScopeName",
                    "Calendar connector")  # fmt: skip
    assert (made["appScopeId"], made["directoryScopeId"]) == (scope["id"], None)
    operator("request", "--method", "delete", "--url", f"{ROLES_OF_EXCHANGE}/roleAssignments/{made['id']}")
    operator("request", "--method", "delete", "--url", f"{ROLES_OF_EXCHANGE}/customAppScopes/{scope['id']}")
    assert operator("request", "--url", f"{ROLES_OF_EXCHANGE}/customAppScopes")["value"] == []


def test_m365_declares_and_consents_to_delegated_permissions(operator: ClientCommand) -> None:
    made = operator(
        "entra", "app", "add", "--name", f"witness {uuid4()}", "--apisDelegated", f"{GRAPH}/User.Read",
        "--grantAdminConsent",
    )  # fmt: skip
    principal = operator("entra", "enterpriseapp", "get", "--id", made["appId"])
    listed = operator("entra", "oauth2grant", "list", "--spObjectId", principal["id"])
    assert [each["scope"].strip() for each in listed] == ["User.Read"]
    operator("entra", "app", "remove", "--appId", made["appId"], "--force")


def test_m365_reads_calendars_of_a_mailbox(operator: ClientCommand) -> None:
    listed = operator("outlook", "calendar", "list", "--userName", "megan@contoso.example")
    assert [each["isDefaultCalendar"] for each in listed].count(True) == 1


def test_m365_waits_as_told_when_it_is_throttled(operator: ClientCommand, hosts: NamedEmulator) -> None:
    hosts.emulator.add_fault("/calendars", status=429, code="TooManyRequests", headers={"Retry-After": "0"})
    before = len(hosts.emulator.journal())
    assert operator("outlook", "calendar", "list", "--userName", "megan@contoso.example")
    statuses = [each["status"] for each in hosts.emulator.journal()[before:] if "/calendars" in each["path"]]
    assert statuses == [429, 200]


def test_m365_logs_in_with_a_certificate(hosts: NamedEmulator, m365: ClientCommand, tmp_path: Path) -> None:
    operator = hosts.emulator.ready["operator"]
    other = ClientCommand(m365.command, m365.environ | {"HOME": str(tmp_path)}, tmp_path)
    given = ("--appId", operator["client_id"], "--tenant", operator["tenant_id"])
    certificate = ("--certificateFile", operator["client_certificate_pem_file"])
    assert other("login", "--authType", "certificate", *given, *certificate)["appId"] == operator["client_id"]
