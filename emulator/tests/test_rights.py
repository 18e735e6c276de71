"""Callers may do what their permissions say, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME, GRAPH_CLIENT_ID
from orgcal_emulator.server import RunningEmulator

CALENDARS = APPLICATION_PERMISSIONS_BY_NAME["Calendars.Read"].permission_id


def test_least_rights_create_update_rotate_and_destroy(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "Calendar", "signInAudience": "AzureADMultipleOrgs"}).json()
    path = f"applications/{made['id']}"
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    first = operator.post(f"{path}/addPassword").json()
    assert operator.patch(path, {"displayName": "Calendar 2"}).status_code == 204
    assert operator.post(f"{path}/addPassword").status_code == 200
    assert operator.post(f"{path}/removePassword", {"keyId": first["keyId"]}).status_code == 204
    assert operator.delete(f"servicePrincipals/{principal['id']}").status_code == 204
    assert operator.delete(path).status_code == 204
    assert operator.delete(f"directory/deletedItems/{made['id']}").status_code == 204


def test_owned_by_reads_but_never_writes_what_others_own(operator: Any, log_in_to: Callable[..., Any]) -> None:
    other = log_in_to("isv.example", "Application.ReadWrite.OwnedBy")
    made = other.post("applications", {"displayName": "Not yours"}).json()
    path = f"applications/{made['id']}"
    assert operator.get(path).status_code == 200  # by Application.Read.All
    for answer in (
        operator.patch(path, {"displayName": "Mine"}),
        operator.delete(path),
        operator.post(f"{path}/addPassword"),
        operator.post("servicePrincipals", {"appId": made["appId"]}),
        operator.post(f"{path}/owners/$ref", {"@odata.id": f"{operator.base_url}/v1.0/directoryObjects/x"}),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "Authorization_RequestDenied"
    assert other.get(path).json()["displayName"] == "Not yours"


def test_look_up_needs_application_read_all(operator: Any, log_in_to: Callable[..., Any]) -> None:
    owner_only = log_in_to("isv.example", "Application.ReadWrite.OwnedBy")
    look_up = f"servicePrincipals?$filter=appId eq '{GRAPH_CLIENT_ID}'"
    assert operator.get(look_up).json()["value"][0]["displayName"] == "Microsoft Graph"
    assert owner_only.get(look_up).status_code == 403
    assert owner_only.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')").status_code == 403


def test_owner_removed_loses_the_right_to_write(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    own_id = operator.get(f"servicePrincipals(appId='{operator.client_id}')").json()["id"]
    assert operator.delete(f"applications/{made['id']}/owners/{own_id}/$ref").status_code == 204
    assert operator.patch(f"applications/{made['id']}", {"displayName": "y"}).status_code == 403


def test_granting_needs_app_role_assignment_read_write_all(operator: Any, log_in_to: Callable[..., Any]) -> None:
    granter = log_in_to("isv.example", "AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    made = operator.post("applications", {"displayName": "x"}).json()
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    graph_id = operator.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')").json()["id"]
    body = {"principalId": principal["id"], "resourceId": graph_id, "appRoleId": CALENDARS}
    path = f"servicePrincipals/{graph_id}/appRoleAssignedTo"
    assert operator.post(path, body).status_code == 403
    granted = granter.post(path, body)
    assert granted.status_code == 201
    assert granter.post(path, body).status_code == 400
    unknown = granter.post(path, {**body, "appRoleId": made["id"]})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (
        501, f"NotEmulated.application role.{made['id']} of Microsoft Graph",
    )  # fmt: skip
    seen = operator.get(f"servicePrincipals/{principal['id']}/appRoleAssignments").json()["value"]
    assert [each["id"] for each in seen] == [granted.json()["id"]]
    operator.delete(f"applications/{made['id']}")
    assert granter.get(f"{path}/{granted.json()['id']}").status_code == 404
    operator.post(f"directory/deletedItems/{made['id']}/restore")
    assert granter.get(f"{path}/{granted.json()['id']}").status_code == 200
    assert granter.delete(f"{path}/{granted.json()['id']}").status_code == 204
    assert operator.get(f"servicePrincipals/{principal['id']}/appRoleAssignments").json()["value"] == []


def test_granted_role_is_in_the_next_token_only(
    operator: Any, emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    reader = log_in_to("contoso.example")
    assert reader.get("users").status_code == 403
    directory = emulator.cloud.directory
    principal = directory.principal_by_client(reader.tenant_id, reader.client_id)
    graph = directory.principal_by_client(reader.tenant_id, GRAPH_CLIENT_ID)
    assert principal is not None
    assert graph is not None
    directory.grant(principal, graph, APPLICATION_PERMISSIONS_BY_NAME["User.Read.All"].permission_id)
    assert reader.get("users").status_code == 403
    assert reader.fresh().get("users").status_code == 200


def test_tokens_of_a_deleted_principal_answer_401(operator: Any, emulator: RunningEmulator) -> None:
    assert operator.get("applications").status_code == 200
    directory = emulator.cloud.directory
    principal = directory.principal_by_client(operator.tenant_id, operator.client_id)
    assert principal is not None
    directory.delete_principal(principal)
    answer = operator.get("applications")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "Authorization_IdentityNotFound"


def test_token_of_one_tenant_opens_nothing_of_another(log_in_to: Callable[..., Any], operator: Any) -> None:
    contoso = log_in_to("contoso.example", "User.Read.All", "Calendars.Read", "Application.ReadWrite.All")
    fabrikam = log_in_to("fabrikam.example", "User.Read.All", "Calendars.Read")
    user = contoso.get("users?$select=id&$top=1").json()["value"][0]["id"]
    made = operator.post("applications", {"displayName": "x"}).json()
    for path in (f"users/{user}", f"users/{user}/calendars"):
        assert contoso.get(path).status_code == 200
        assert fabrikam.get(path).status_code == 404
    assert contoso.get(f"applications/{made['id']}").status_code == 404
    assert contoso.patch(f"applications/{made['id']}", {"displayName": "stolen"}).status_code == 404


def test_role_that_an_application_does_not_have_cannot_be_granted(operator: Any, log_in_to: Callable[..., Any]) -> None:
    granter = log_in_to("isv.example", "AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    made = [operator.post("applications", {"displayName": name}).json() for name in ("client", "api")]
    client, api = (operator.post("servicePrincipals", {"appId": each["appId"]}).json()["id"] for each in made)
    body = {"principalId": client, "resourceId": api, "appRoleId": "00000000-0000-4000-8000-000000000000"}
    answer = granter.post(f"servicePrincipals/{api}/appRoleAssignedTo", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_BadRequest")
