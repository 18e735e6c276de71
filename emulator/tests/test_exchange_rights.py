"""Role assignments and management scopes of Exchange, and application access policies, beside Entra's grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.exchange.models import DELAY_S
from orgcal_emulator.exchange.roles import ROLES
from orgcal_emulator.server import RunningEmulator

ROLE = "Application Calendars.Read"
OFFICE, OTHER = "Office Quito", "Office Nairobi"


@pytest.fixture
def admin(log_in_to: Callable[..., Any]) -> Any:
    """Who administers Exchange."""
    rights = ("RoleManagement.ReadWrite.Exchange", "Directory.Read.All", "AppRoleAssignment.ReadWrite.All")
    return log_in_to("contoso.example", *rights)


@pytest.fixture
def connector(log_in_to: Callable[..., Any]) -> Any:
    """An application that may list users, and nothing of calendars."""
    return log_in_to("contoso.example", "Directory.Read.All")


def groups_of(client: Any) -> dict[str, str]:
    return {each["displayName"]: each["id"] for each in client.get("groups").json()["value"]}


def members_of(client: Any, name: str) -> list[str]:
    listed = client.get(f"groups/{groups_of(client)[name]}/members?$top=999").json()["value"]
    return [each["id"] for each in listed if each["mail"] and "guest" not in each["mail"]]


def principal_of(client: Any) -> str:
    listed = client.get(f"servicePrincipals?$filter=appId eq '{client.client_id}'").json()["value"]
    return str(listed[0]["id"])


def role_id(admin: Any, name: str = ROLE) -> str:
    listed = admin.get(f"beta/roleManagement/exchange/roleDefinitions?$filter=displayName eq '{name}'").json()
    return str(listed["value"][0]["id"])


def assign(admin: Any, connector: Any, **scope: str | None) -> Any:
    """Assign the role to the connector; the answer."""
    body = {"roleDefinitionId": role_id(admin), "principalId": f"/ServicePrincipals/{principal_of(connector)}", **scope}
    return admin.post("beta/roleManagement/exchange/roleAssignments", body)


def readable(client: Any, users: list[str]) -> set[int]:
    """The statuses of reading their calendars."""
    return {client.get(f"users/{user}/calendars").status_code for user in users}


def with_mailbox(client: Any, users: list[str]) -> list[str]:
    return [user for user in users if client.get(f"users/{user}/calendars").status_code != 404]


def test_assignment_to_a_group_opens_its_members_alone_once_the_delay_is_over(
    emulator: RunningEmulator, admin: Any, connector: Any
) -> None:
    answer = assign(admin, connector, directoryScopeId=f"/groups/{groups_of(admin)[OFFICE]}", appScopeId=None)

    assert answer.status_code == 201
    assert sorted(answer.json())[1:] == sorted(
        ["appScopeId", "directoryScopeId", "id", "principalId", "roleDefinitionId"]
    )
    inside, outside = members_of(admin, OFFICE), members_of(admin, OTHER)
    assert readable(connector, inside) == {403}
    emulator.move_clock(DELAY_S)
    inside, outside = with_mailbox(connector.fresh(), inside), with_mailbox(connector, outside)
    assert readable(connector, inside) == {200}
    assert readable(connector, outside) == {403}


def test_rights_of_exchange_are_not_in_the_token(emulator: RunningEmulator, admin: Any, connector: Any) -> None:
    import jwt

    assign(admin, connector, directoryScopeId="/")
    emulator.move_clock(DELAY_S)
    claims = jwt.decode(connector.fresh().token(), options={"verify_signature": False})

    assert claims["roles"] == ["Directory.Read.All"]
    assert connector.get("users/megan@contoso.example/calendars").status_code == 200


def test_assignment_adds_to_a_grant_of_entra_and_limits_nothing(
    emulator: RunningEmulator, admin: Any, log_in_to: Callable[..., Any]
) -> None:
    both = log_in_to("contoso.example", "Directory.Read.All", "Calendars.Read")
    assign(admin, both, directoryScopeId=f"/groups/{groups_of(admin)[OFFICE]}")
    emulator.move_clock(DELAY_S)

    megan = both.fresh().get("users/megan@contoso.example/calendars")
    assert megan.status_code == 200


def test_removed_assignment_keeps_its_effect_until_the_delay_is_over(
    emulator: RunningEmulator, admin: Any, connector: Any
) -> None:
    made = assign(admin, connector, directoryScopeId="/").json()
    emulator.move_clock(DELAY_S)
    assert admin.fresh().delete(f"beta/roleManagement/exchange/roleAssignments/{made['id']}").status_code == 204

    listed = admin.get("beta/roleManagement/exchange/roleAssignments").json()["value"]
    assert listed == []
    assert connector.fresh().get("users/megan@contoso.example/calendars").status_code == 200
    emulator.move_clock(DELAY_S)
    assert connector.fresh().get("users/megan@contoso.example/calendars").status_code == 403


def test_management_scope_reaches_the_recipients_of_its_filter(
    emulator: RunningEmulator, admin: Any, connector: Any
) -> None:
    attributes = {"Exclusive": False, "RecipientFilter": "PrimarySmtpAddress -eq 'megan@contoso.example'"}
    scope = {"type": "RecipientScope", "displayName": "Pilot", "customAttributes": attributes}
    made = admin.post("beta/roleManagement/exchange/customAppScopes", scope)
    assert made.json().items() >= scope.items()
    answer = assign(admin, connector, appScopeId=made.json()["id"], directoryScopeId=None)
    assert answer.status_code == 201
    emulator.move_clock(DELAY_S)

    connector.fresh()
    statuses = [connector.get(f"users/{name}@contoso.example/calendars").status_code for name in ("megan", "admin")]
    assert statuses == [200, 403]
    in_use = admin.fresh().delete(f"beta/roleManagement/exchange/customAppScopes/{made.json()['id']}")
    assert in_use.status_code == 400


def test_role_that_reads_events_shows_their_bodies(emulator: RunningEmulator, admin: Any, connector: Any) -> None:
    megan = admin.get("users/megan@contoso.example").json()["id"]
    assign(admin, connector, directoryScopeId=f"/Users/{megan}")
    emulator.move_clock(DELAY_S)

    events = connector.fresh().get(f"users/{megan}/events").json()["value"]
    assert all("body" in event for event in events)


def test_no_role_of_exchange_is_called_calendars_readbasic_all() -> None:
    assert "Calendars.ReadBasic.All" not in {name for names in ROLES.values() for name in names}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"roleDefinitionId": "00000000-0000-4000-8000-000000000000"}, 404),
        ({"principalId": "22222222-2222-2222-2222-222222222222"}, 400),
        ({"principalId": "/ServicePrincipals/00000000-0000-4000-8000-000000000000"}, 404),
        ({"directoryScopeId": "/groups/00000000-0000-4000-8000-000000000000"}, 404),
        ({"directoryScopeId": "/users/00000000-0000-4000-8000-000000000000"}, 404),
        ({"directoryScopeId": "everybody"}, 400),
        ({"directoryScopeId": None}, 400),
        ({"appScopeId": "00000000-0000-4000-8000-000000000000"}, 400),
        ({"condition": "x"}, 501),
    ],
)
def test_wrong_assignment_is_refused(admin: Any, connector: Any, change: dict[str, Any], status: int) -> None:
    assert assign(admin, connector, **{"directoryScopeId": "/", **change}).status_code == status
    assert admin.get("beta/roleManagement/exchange/roleAssignments").json()["value"] == []


def test_same_assignment_twice_is_refused(admin: Any, connector: Any) -> None:
    assert assign(admin, connector, directoryScopeId="/").status_code == 201
    assert assign(admin, connector, directoryScopeId="/").status_code == 400


def test_version_1_0_has_no_roles_of_exchange(admin: Any) -> None:
    assert admin.get("v1.0/roleManagement/exchange/roleAssignments").status_code == 501


def test_access_policy_leaves_the_members_of_its_group_to_a_grant_of_entra(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    client = log_in_to("contoso.example", "Directory.Read.All", "Calendars.Read")
    inside = with_mailbox(client, members_of(client, OFFICE))
    outside = with_mailbox(client, members_of(client, OTHER))
    emulator.set_access_policy("contoso.example", client.client_id, OFFICE, "RestrictAccess")
    assert 200 in readable(client, outside)
    emulator.move_clock(DELAY_S)

    client.fresh()
    refused = client.get(f"users/{outside[0]}/calendars").json()["error"]
    assert "[RAOP]" in refused["message"]
    assert readable(client, outside) == {403}
    assert 200 in readable(client, inside)
    emulator.set_access_policy("contoso.example", client.client_id, OFFICE, None)
    assert 200 in readable(client, outside)


def test_access_policy_does_not_cover_calendars_readbasic_all(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    client = log_in_to("contoso.example", "Directory.Read.All", "Calendars.ReadBasic.All")
    emulator.set_access_policy("contoso.example", client.client_id, "All Company", "DenyAccess")
    emulator.move_clock(DELAY_S)

    assert client.fresh().get("users/megan@contoso.example/calendars").status_code == 200


def test_access_policy_that_denies_keeps_its_group_off(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    client = log_in_to("contoso.example", "Directory.Read.All", "Calendars.Read")
    emulator.set_access_policy("contoso.example", client.client_id, "All Company", "DenyAccess")
    emulator.move_clock(DELAY_S)

    assert client.fresh().get("users/megan@contoso.example/calendars").status_code == 403


def test_delay_and_policies_are_set_by_control_routes(emulator: RunningEmulator, connector: Any) -> None:
    with open(emulator.ready["control"]["token_file"]) as file:
        headers = {"Authorization": f"Bearer {file.read().strip()}"}
    address = emulator.ready["control"]["url"]

    def post(path: str, body: Any) -> int:
        return int(connector.session.post(f"{address}/{path}", json=body, headers=headers).status_code)

    policy = {"tenant": "contoso.example", "client_id": connector.client_id, "group": OFFICE}
    assert post("exchange-delay", {"delay_s": 0}) == 200
    assert post("access-policies", {**policy, "right": "RestrictAccess"}) == 204
    assert post("clients", {"tenant": "contoso.example", "permissions": ["Calendars.Read"]}) == 201
    assert emulator.cloud.exchange.delay_s == 0
    for path, body in (
        ("exchange-delay", {"delay_s": -1}),
        ("exchange-delay", {}),
        ("access-policies", {**policy, "right": "Some"}),
        ("access-policies", {**policy, "right": None, "group": 3}),
        ("access-policies", {**policy, "right": "DenyAccess", "group": "Nobody"}),
        ("clients", {"tenant": "contoso.example"}),
        ("clients", {"tenant": "nobody.example", "permissions": []}),
        ("clients", {"tenant": "contoso.example", "permissions": ["Calendars.Everything"]}),
    ):
        assert post(path, body) == 400, body


def test_rights_outlive_an_export_and_end_with_a_reset(emulator: RunningEmulator, admin: Any, connector: Any) -> None:
    assign(admin, connector, directoryScopeId="/")
    exported = emulator.cloud.export()
    emulator.reset()
    assert emulator.cloud.exchange.assignments.newest() == []
    emulator.cloud.import_state(exported)
    assert [row.role for row in emulator.cloud.exchange.assignments.newest()] == [ROLE]


def test_members_of_a_group_in_a_group_are_outside_of_its_scope(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    rights = ("RoleManagement.ReadWrite.Exchange", "Directory.Read.All")
    admin, connector = (log_in_to("northwind.example", *names) for names in (rights, rights[1:]))
    group = groups_of(admin)["All pilots"]
    direct = admin.get(f"groups/{group}/members").json()["value"]
    transitive = admin.get(f"groups/{group}/transitiveMembers").json()["value"]
    assert [each["@odata.type"] for each in direct] == ["#microsoft.graph.user", "#microsoft.graph.group"]
    assert len([each for each in transitive if each["@odata.type"].endswith("user")]) == 3

    assert assign(admin, connector, directoryScopeId=f"/Groups/{group}").status_code == 201
    emulator.move_clock(DELAY_S)
    connector.fresh()
    statuses = {
        name: connector.get(f"users/{name}@northwind.example/calendars").status_code for name in ("nora", "nils")
    }
    assert statuses == {"nora": 200, "nils": 403}


def test_groups_of_the_seed_may_be_dynamic_or_empty(log_in_to: Callable[..., Any]) -> None:
    client = log_in_to("northwind.example", "Directory.Read.All")
    listed = {each["displayName"]: each for each in client.get("groups").json()["value"]}

    assert listed["Sales by rule"]["groupTypes"] == ["DynamicMembership"]
    assert client.get(f"groups/{listed['Nobody yet']['id']}/members").json()["value"] == []
