"""App management policies of single applications, and audiences that a tenant blocks: read, assigned, enforced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

TENANT_POLICY = "policies/defaultAppManagementPolicy"
POLICIES = "policies/appManagementPolicies"
LIMIT = {"restrictionType": "passwordLifetime", "maxLifetime": "P30D", "state": "enabled"}
BAN = {"restrictionType": "passwordAddition", "state": "enabled"}


@pytest.fixture
def writer(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("isv.example", "Policy.ReadWrite.ApplicationConfiguration", "Application.Read.All",
                     "Application.ReadWrite.All")  # fmt: skip


def new_policy(writer: Any, *passwords: dict[str, Any], enabled: bool = True) -> str:
    body = {"displayName": "One", "isEnabled": enabled, "restrictions": {"passwordCredentials": list(passwords)}}
    made = writer.post(POLICIES, body)
    assert made.status_code == 201
    return str(made.json()["id"])


def assign(writer: Any, application: dict[str, Any], policy_id: str) -> Any:
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/{POLICIES}/{policy_id}"}
    return writer.post(f"applications/{application['id']}/appManagementPolicies/$ref", reference)


def add_password(client: Any, application: dict[str, Any], days: int) -> Any:
    end = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"passwordCredential": {"endDateTime": end}}
    return client.post(f"applications/{application['id']}/addPassword", body)


def test_policy_of_one_application_takes_the_place_of_the_tenants(operator: Any, writer: Any) -> None:
    ours = operator.post("applications", {"displayName": "ours"}).json()
    other = operator.post("applications", {"displayName": "other"}).json()
    restrictions = {"passwordCredentials": [BAN]}
    assert writer.patch(TENANT_POLICY, {"isEnabled": True, "applicationRestrictions": restrictions}).status_code == 204
    policy_id = new_policy(writer, LIMIT)
    assert assign(writer, ours, policy_id).status_code == 204

    assert add_password(operator, ours, 29).status_code == 200
    refused = add_password(operator, ours, 31).json()["error"]["code"]
    assert refused == "CredentialInvalidLifetimeAsPerAppPolicy"
    assert add_password(operator, other, 1).json()["error"]["code"] == "CredentialTypeNotAllowedAsPerAppPolicy"

    assert writer.patch(f"{POLICIES}/{policy_id}", {"isEnabled": False}).status_code == 204
    assert add_password(operator, ours, 31).status_code == 200, (
        "one that is off restricts nothing, the tenant's neither"
    )
    assert writer.delete(f"applications/{ours['id']}/appManagementPolicies/{policy_id}/$ref").status_code == 204
    assert add_password(operator, ours, 1).json()["error"]["code"] == "CredentialTypeNotAllowedAsPerAppPolicy"


def test_policies_are_listed_read_assigned_once_and_removed(operator: Any, writer: Any) -> None:
    application = operator.post("applications", {"displayName": "x"}).json()
    first, second = new_policy(writer, LIMIT), new_policy(writer)
    assert {each["id"] for each in writer.get(POLICIES).json()["value"]} == {first, second}
    assert writer.get(f"{POLICIES}/{first}").json()["restrictions"]["passwordCredentials"][0]["maxLifetime"] == "P30D"
    path = f"applications/{application['id']}/appManagementPolicies"
    assert writer.get(path).json()["value"] == []

    assert assign(writer, application, first).status_code == 204
    assert [each["id"] for each in writer.get(path).json()["value"]] == [first]
    assert assign(writer, application, second).status_code == 400
    assert assign(writer, application, application["id"]).status_code == 404
    assert writer.delete(f"{path}/{second}/$ref").status_code == 404
    assert writer.delete(f"{POLICIES}/{first}").status_code == 204
    assert writer.get(path).json()["value"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"isEnabled": True}, 400),
        ({"displayName": "x", "appliesTo": []}, 501),
        ({"displayName": "x", "restrictions": {"passwordCredentials": [{**LIMIT, "maxLifetime": None}]}}, 400),
        ({"displayName": "x", "restrictions": {"applicationRestrictions": {"audiences": {}}}}, 501),
    ],
)
def test_policy_that_is_wrong_is_refused(writer: Any, body: dict[str, Any], status: int) -> None:
    assert writer.post(POLICIES, body).status_code == status


def test_policies_need_their_permission(operator: Any) -> None:
    application = operator.post("applications", {"displayName": "x"}).json()
    assert operator.get(POLICIES).status_code == 403
    assert operator.get(f"applications/{application['id']}/appManagementPolicies").status_code == 403


def test_restriction_for_younger_applications_leaves_older_ones_alone(operator: Any, writer: Any) -> None:
    older = operator.post("applications", {"displayName": "older"}).json()
    later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    restrictions = {"passwordCredentials": [{**BAN, "restrictForAppsCreatedAfterDateTime": later}]}
    assert writer.patch(TENANT_POLICY, {"isEnabled": True, "applicationRestrictions": restrictions}).status_code == 204
    assert add_password(operator, older, 10).status_code == 200


def test_audience_that_the_tenant_blocks_is_refused_at_creation_and_promotion(operator: Any, writer: Any) -> None:
    audiences = {"azureAdMultipleOrgs": {"state": "enabled"}}
    single = operator.post("applications", {"displayName": "x"}).json()
    before = operator.post("applications", {"displayName": "y", "signInAudience": "AzureADMultipleOrgs"}).json()
    body = {"isEnabled": True, "applicationRestrictions": {"audiences": audiences}}
    assert writer.patch(f"beta/{TENANT_POLICY}", body).status_code == 204

    created = operator.post("applications", {"displayName": "z", "signInAudience": "AzureADMultipleOrgs"})
    promoted = operator.patch(f"applications/{single['id']}", {"signInAudience": "AzureADMultipleOrgs"})
    assert operator.patch(f"applications/{before['id']}", {"displayName": "still"}).status_code == 204

    for refused in (created, promoted):
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "SignInAudienceNotAllowedAsPerAppPolicy"
    assert "audiences" not in writer.get(TENANT_POLICY).json()["applicationRestrictions"]
    shown = writer.get(f"beta/{TENANT_POLICY}").json()["applicationRestrictions"]["audiences"]
    assert shown["azureAdMultipleOrgs"]["state"] == "enabled"

    assert writer.patch(TENANT_POLICY, {"applicationRestrictions": {"passwordCredentials": [LIMIT]}}).status_code == 204
    assert (
        operator.post("applications", {"displayName": "z", "signInAudience": "AzureADMultipleOrgs"}).status_code == 400
    )

    own = {"displayName": "Exempt", "isEnabled": True, "restrictions": {"applicationRestrictions": {}}}
    policy_id = writer.post(f"beta/{POLICIES}", own).json()["id"]
    assert assign(writer, single, policy_id).status_code == 204
    assert operator.patch(f"applications/{single['id']}", {"signInAudience": "AzureADMultipleOrgs"}).status_code == 204
