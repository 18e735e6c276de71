"""The tenant's app management policy is enforced; the organization and other small routes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

PATH = "policies/defaultAppManagementPolicy"


@pytest.fixture
def policy_writer(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("isv.example", "Policy.ReadWrite.ApplicationConfiguration")


def restrict(writer: Any, **restrictions: Any) -> None:
    body = {"isEnabled": True, "applicationRestrictions": restrictions}
    assert writer.patch(PATH, body).status_code == 204


def add(operator: Any, days: int) -> Any:
    made = operator.post("applications", {"displayName": "x"}).json()
    end = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return operator.post(f"applications/{made['id']}/addPassword", {"passwordCredential": {"endDateTime": end}})


def test_password_longer_than_the_policy_allows_is_refused(operator: Any, policy_writer: Any) -> None:
    restrict(policy_writer, passwordCredentials=[{"restrictionType": "passwordLifetime", "maxLifetime": "P90D"}])
    assert add(operator, 89).status_code == 200
    refused = add(operator, 91)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "CredentialInvalidLifetimeAsPerAppPolicy"
    shown = policy_writer.get(PATH).json()
    assert shown["isEnabled"] is True
    assert shown["applicationRestrictions"]["passwordCredentials"][0]["maxLifetime"] == "P90D"


def test_passwords_forbidden_by_the_policy_are_refused_until_it_is_disabled(operator: Any, policy_writer: Any) -> None:
    restrict(policy_writer, passwordCredentials=[{"restrictionType": "passwordAddition"}])
    refused = add(operator, 10)
    assert refused.json()["error"]["code"] == "CredentialTypeNotAllowedAsPerAppPolicy"
    assert policy_writer.patch(PATH, {"isEnabled": False}).status_code == 204
    assert add(operator, 10).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"isEnabled": "yes"}, 400),
        ({"unheardOf": 1}, 501),
        ({"applicationRestrictions": {"passwordCredentials": [{"restrictionType": "passwordLifetime"}]}}, 400),
        ({"applicationRestrictions": {"passwordCredentials": [{"restrictionType": "other"}]}}, 400),
        ({"applicationRestrictions": {"audiences": {}}}, 501),
    ],
)
def test_wrong_policy_is_refused(policy_writer: Any, body: dict[str, Any], status: int) -> None:
    assert policy_writer.patch(PATH, body).status_code == status


@pytest.mark.parametrize(("after_days", "status"), [(-1, 400), (1, 200)])
def test_policy_holds_for_applications_created_after_its_date(
    operator: Any, policy_writer: Any, after_days: int, status: int
) -> None:
    after = (datetime.now(UTC) + timedelta(days=after_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    one = {"restrictionType": "passwordAddition", "restrictForAppsCreatedAfterDateTime": after}
    restrict(policy_writer, passwordCredentials=[one])
    assert add(operator, 10).status_code == status


def test_restrictions_of_applications_do_not_hold_for_service_principals(operator: Any, policy_writer: Any) -> None:
    restrict(policy_writer, passwordCredentials=[{"restrictionType": "passwordAddition"}])
    made = operator.post("applications", {"displayName": "x"}).json()
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    assert operator.post(f"servicePrincipals/{principal['id']}/addPassword").status_code == 200


def test_policy_needs_its_permission(operator: Any) -> None:
    assert operator.get(PATH).status_code == 403


def test_organization_is_the_callers_own(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "Organization.Read.All")
    found = reader.get("organization").json()["value"]
    assert [(each["id"], each["displayName"]) for each in found] == [(reader.tenant_id, "Contoso")]
    assert found[0]["verifiedDomains"][0]["name"] == "contoso.example"
    assert reader.get(f"organization/{reader.tenant_id}").status_code == 200
    assert reader.get("organization/11111111-1111-1111-1111-111111111111").status_code == 404


def test_service_principal_can_have_a_password_of_its_own(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    secret = operator.post(f"servicePrincipals/{principal['id']}/addPassword").json()["secretText"]
    assert operator.log_in(client_id=made["appId"], client_secret=secret).status_code == 200


def test_objects_are_found_by_id_whatever_their_type(operator: Any, log_in_to: Callable[..., Any]) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    reader = log_in_to("isv.example", "Directory.Read.All")
    found = reader.get(f"directoryObjects/{made['id']}").json()
    assert found["@odata.type"] == "#microsoft.graph.application"
    unknown = "00000000-0000-4000-8000-000000000000"
    many = reader.post("directoryObjects/getByIds", {"ids": [made["id"], unknown]}).json()["value"]
    assert [each["id"] for each in many] == [made["id"]]


def test_owned_objects_are_listed(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    own = operator.get(f"servicePrincipals(appId='{operator.client_id}')").json()["id"]
    owned = operator.get(f"servicePrincipals/{own}/ownedObjects").json()["value"]
    assert [each["id"] for each in owned] == [made["id"]]


def test_beta_has_the_single_properties_that_azuread_reads_and_v1_has_not(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    path = f"applications/{made['id']}?$select=oauth2RequirePostResponse"
    assert operator.get(f"beta/{path}").json()["oauth2RequirePostResponse"] is False
    assert operator.get(path).status_code == 501


def test_keys_in_parentheses_name_the_same_object(operator: Any, log_in_to: Callable[..., Any]) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    assert operator.get(f"applications('{made['id']}')").json()["appId"] == made["appId"]
    reader = log_in_to("contoso.example", "Calendars.Read")
    assert reader.get("users('admin@contoso.example')/calendars").status_code == 200
