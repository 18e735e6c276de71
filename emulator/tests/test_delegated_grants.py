"""Delegated permission grants, as Azure CLI and CLI for Microsoft 365 make, list and remove them.

Sources: grant_application in src/azure-cli/azure/cli/command_modules/role/custom.py of Azure/azure-cli, and
https://learn.microsoft.com/en-us/graph/api/resources/oauth2permissiongrant
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import RunningEmulator

PATH = "oauth2PermissionGrants"


@pytest.fixture
def granter(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to(
        "isv.example", "DelegatedPermissionGrant.ReadWrite.All", "Application.ReadWrite.All", "User.Read.All"
    )


@pytest.fixture
def sides(granter: Any) -> dict[str, str]:
    """Client and resource of a grant."""
    made = granter.post("applications", {"displayName": "client"}).json()
    client = granter.post("servicePrincipals", {"appId": made["appId"]}).json()["id"]
    return {"clientId": client, "resourceId": granter.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')").json()["id"]}


def everybody(sides: dict[str, str], scope: str = "User.Read") -> dict[str, Any]:
    return {**sides, "consentType": "AllPrincipals", "principalId": None, "scope": scope}


def test_grant_is_made_listed_changed_and_removed(granter: Any, sides: dict[str, str]) -> None:
    made = granter.post(PATH, everybody(sides))
    assert made.status_code == 201
    grant, client = made.json(), sides["clientId"]
    assert {name: grant[name] for name in everybody(sides)} == everybody(sides)
    for listed in (f"{PATH}?$filter=clientId eq '{client}'", f"servicePrincipals/{client}/{PATH}"):
        assert [each["id"] for each in granter.get(listed).json()["value"]] == [grant["id"]]
    assert granter.get(f"{PATH}?$filter=clientId eq '{sides['resourceId']}'").json()["value"] == []
    one = f"oAuth2PermissionGrants/{grant['id']}"
    assert granter.patch(one, {"scope": "User.Read Calendars.Read"}).status_code == 204
    assert granter.get(one).json()["scope"] == "User.Read Calendars.Read"
    assert granter.delete(one).status_code == 204
    assert granter.get(one).status_code == 404


def test_second_grant_to_the_same_sides_is_a_conflict(granter: Any, sides: dict[str, str]) -> None:
    assert granter.post(PATH, everybody(sides)).status_code == 201
    assert granter.post(PATH, everybody(sides, "Calendars.Read")).status_code == 409
    user = granter.get("users?$top=1").json()["value"][0]["id"]
    one = {**everybody(sides), "consentType": "Principal", "principalId": user}
    assert granter.post(PATH, one).status_code == 201


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"clientId": "x"}, 400),
        ({"clientId": "00000000-0000-4000-8000-000000000000"}, 404),
        ({"consentType": "Everybody"}, 400),
        ({"consentType": "Principal"}, 400),
        ({"principalId": "00000000-0000-4000-8000-000000000000"}, 400),
        ({"consentType": "Principal", "principalId": "00000000-0000-4000-8000-000000000000"}, 404),
        ({"scope": None}, 400),
        ({"unheardOf": 1}, 501),
    ],
)
def test_wrong_grant_is_refused_and_changes_nothing(
    granter: Any, sides: dict[str, str], emulator: RunningEmulator, change: dict[str, Any], status: int
) -> None:
    before = emulator.cloud.export()
    assert granter.post(PATH, {**everybody(sides), **change}).status_code == status
    assert emulator.cloud.export() == before


def test_grant_goes_and_comes_back_with_its_client(granter: Any, sides: dict[str, str]) -> None:
    granter.post(PATH, everybody(sides))
    granter.delete(f"servicePrincipals/{sides['clientId']}")
    assert granter.get(PATH).json()["value"] == []
    granter.post(f"directory/deletedItems/{sides['clientId']}/restore")
    assert len(granter.get(PATH).json()["value"]) == 1
    granter.delete(f"servicePrincipals/{sides['clientId']}")
    granter.delete(f"directory/deletedItems/{sides['clientId']}")
    assert granter.get(PATH).json()["value"] == []


def test_grants_of_one_tenant_are_hidden_from_another(
    granter: Any, sides: dict[str, str], log_in_to: Callable[..., Any]
) -> None:
    grant = granter.post(PATH, everybody(sides)).json()["id"]
    other = log_in_to("contoso.example", "DelegatedPermissionGrant.ReadWrite.All")
    assert other.get(PATH).json()["value"] == []
    assert other.get(f"{PATH}/{grant}").status_code == 404
    assert other.delete(f"{PATH}/{grant}").status_code == 404


def test_only_the_scope_of_a_grant_can_change(granter: Any, sides: dict[str, str]) -> None:
    grant = granter.post(PATH, everybody(sides)).json()
    assert granter.patch(f"{PATH}/{grant['id']}", {**everybody(sides), "scope": "Calendars.Read"}).status_code == 204
    assert granter.patch(f"{PATH}/{grant['id']}", {"consentType": "Principal"}).status_code == 400
