"""Properties by their path, expanded relations and sorted lists, as command lines of Microsoft 365 ask for them.

Sources: src/m365/entra/commands of pnp/cli-microsoft365 (approleassignment-list.ts, role-list.ts, permission-list.ts)
and https://learn.microsoft.com/en-us/graph/aad-advanced-queries
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME, GRAPH_CLIENT_ID

ROLE = {
    "allowedMemberTypes": ["Application"], "description": "d", "displayName": "Read", "isEnabled": True,
    "id": "c2bd7b1e-1b3c-4d8a-9c60-6a6e3f3f0a01", "value": "Read",
}  # fmt: skip
ORDER_WITH_FILTER = "$filter=startswith(displayName,'B')&$orderby=displayName"


def test_list_within_an_object_is_read_by_its_path(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x", "appRoles": [ROLE]}).json()
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()["id"]
    for path in (f"myorganization/applications/{made['id']}/appRoles", f"servicePrincipals/{principal}/appRoles"):
        answer = operator.get(path).json()
        assert [each["value"] for each in answer["value"]] == ["Read"], path
        assert answer["@odata.context"].endswith("')/appRoles")
    scopes = operator.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')/oauth2PermissionScopes").json()["value"]
    assert "Calendars.Read" in {each["value"] for each in scopes}
    assert operator.get("applications/00000000-0000-4000-8000-000000000000/appRoles").status_code == 404
    assert operator.get(f"applications/{made['id']}/addIns").status_code == 501


def test_grants_are_expanded_beside_their_principal(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("isv.example", "Application.Read.All", "Calendars.Read")
    by_client = f"$filter=appId eq '{reader.client_id}'"
    (principal,) = reader.get(f"servicePrincipals?$expand=appRoleAssignments&{by_client}").json()["value"]
    granted = {each["appRoleId"] for each in principal["appRoleAssignments"]}
    assert granted == {
        APPLICATION_PERMISSIONS_BY_NAME[name].permission_id for name in ("Application.Read.All", "Calendars.Read")
    }
    assert principal["appId"] == reader.client_id
    chosen = reader.get(f"servicePrincipals?$expand=appRoleAssignments&$select=id&{by_client}").json()["value"]
    assert [set(each) for each in chosen] == [{"id", "appRoleAssignments"}]
    one = reader.get(f"servicePrincipals/{principal['id']}?$expand=appRoleAssignments")
    assert one.json()["appRoleAssignments"] == principal["appRoleAssignments"]
    assert one.headers["x-ms-resource-unit"] == "2"


@pytest.mark.parametrize("expansion", ["owners", "appRoleAssignments($select=id)", "appRoleAssignments,owners", ""])
def test_other_expansion_is_refused_by_name(operator: Any, expansion: str) -> None:
    answer = operator.get(f"servicePrincipals?$expand={expansion}")
    assert answer.status_code == 501
    assert answer.json()["error"]["code"].startswith("NotEmulated.expand.servicePrincipal")


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_objects_are_sorted_by_name_in_either_direction_over_pages(operator: Any, kind: str) -> None:
    for name in ("delta", "Alpha", "charlie", "Bravo"):
        made = operator.post("applications", {"displayName": name}).json()
        operator.post("servicePrincipals", {"appId": made["appId"]})
    names = []
    address = f"{kind}?$orderby=displayName&$top=2"
    while address:
        page = operator.get(address).json()
        names += [each["displayName"] for each in page["value"]]
        address = page.get("@odata.nextLink", "")
    assert names == sorted(names, key=str.casefold)
    assert {"Alpha", "Bravo", "charlie", "delta"} <= set(names)
    backwards = operator.get(f"{kind}?$orderby=displayName desc&$select=id,displayName").json()["value"]
    assert [each["displayName"] for each in backwards] == names[::-1]


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_sorting_beside_a_filter_is_an_advanced_query(operator: Any, kind: str) -> None:
    refused = operator.get(f"{kind}?{ORDER_WITH_FILTER}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
    assert refused.json()["error"]["message"] == "Sorting not supported for current query."
    assert operator.get(f"{kind}?{ORDER_WITH_FILTER}&$count=true", ConsistencyLevel="eventual").status_code == 200


@pytest.mark.parametrize(
    ("order", "status"),
    [("displayName up", 400), ("", 400), ("displayName,", 400), ("notes", 501), ("displayName asc desc", 400)],
)
def test_order_that_is_none_is_refused(operator: Any, order: str, status: int) -> None:
    assert operator.get(f"applications?$orderby={order}").status_code == status


def test_password_within_the_creation_is_shown_once_and_logs_in(operator: Any, emulator: Any) -> None:
    """Example 2 of https://learn.microsoft.com/en-us/graph/api/application-post-applications."""
    body = {"displayName": "x", "passwordCredentials": [{"displayName": "p"}]}
    made = operator.post("applications", body)
    assert made.status_code == 201
    (password,) = made.json()["passwordCredentials"]
    assert password["displayName"] == "p"
    assert len(password["secretText"]) == 40
    operator.post("servicePrincipals", {"appId": made.json()["appId"]})
    answer = operator.log_in(client_id=made.json()["appId"], client_secret=password["secretText"])
    assert answer.status_code == 200
    (kept,) = operator.get(f"applications/{made.json()['id']}").json()["passwordCredentials"]
    assert (kept["secretText"], kept["keyId"], kept["hint"]) == (None, password["keyId"], password["secretText"][:3])
    assert password["secretText"] not in str(emulator.cloud.export())


@pytest.mark.parametrize("wrong", ["x", ["x"], [{"secretText": "mine"}], [{"endDateTime": "2001-01-01T00:00:00Z"}]])
def test_wrong_password_within_the_creation_creates_nothing(operator: Any, emulator: Any, wrong: Any) -> None:
    operator.token()
    before = emulator.cloud.export()
    assert operator.post("applications", {"displayName": "x", "passwordCredentials": wrong}).status_code == 400
    assert emulator.cloud.export() == before
