"""Tenants without Exchange Online, application access policies, tokens without `oid`, page tokens that expire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from orgcal_emulator.directory.service_principals import new_principal
from orgcal_emulator.server import RunningEmulator

CONTOSO = "22222222-2222-2222-2222-222222222222"
SEED = f"""
tenants:
  - tenant_id: 11111111-1111-1111-1111-111111111111
    display_name: Home
    domain: home.example
    home: true
    users: {{count: 1, named: [{{user: admin, name: Ada Admin, administrator: true}}]}}
  - tenant_id: {CONTOSO}
    display_name: Contoso
    domain: contoso.example
    users:
      count: 30
      exchange_online: false
      mailboxes: {{access_policy: 3}}
      named: [{{user: admin, name: Adele Admin, administrator: true}}]
operator:
  tenant: home.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: []
"""


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    return start_emulator(seed=SEED)


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "User.Read.All", "Calendars.Read")


@pytest.fixture
def control(emulator: RunningEmulator, reader: Any) -> Callable[..., Any]:
    """Posts to a control route."""
    with open(emulator.ready["control"]["token_file"]) as file:
        headers = {"Authorization": f"Bearer {file.read().strip()}"}
    address = emulator.ready["control"]["url"]
    return lambda path, **body: reader.session.post(f"{address}/{path}", json=body, headers=headers)


def test_tenant_without_exchange_lists_users_and_answers_calendars_with_401(reader: Any) -> None:
    users = reader.get("users").json()["value"]
    answer = reader.get(f"users/{users[0]['id']}/calendars")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (401, "OrganizationFromTenantGuidNotFound")
    assert error["message"] == f"The tenant for tenant guid '{CONTOSO}' does not exist."
    assert {"oAuthEventOperationId", "oAuthEventcV", "errorUrl", "requestId", "date"} == set(error["innerError"])


def test_exchange_can_be_given_and_taken_away(reader: Any, control: Callable[..., Any]) -> None:
    assert control("exchange", tenant="contoso.example", online=True).status_code == 204
    assert reader.get("users/admin@contoso.example/calendars").status_code == 200
    assert control("exchange", tenant=CONTOSO, online=False).status_code == 204
    assert reader.get("users/admin@contoso.example/calendars").status_code == 401
    assert control("exchange", tenant="nobody.example", online=False).status_code == 400
    assert control("exchange", tenant=CONTOSO).status_code == 400


def test_access_policy_keeps_the_application_off_with_its_own_text(reader: Any, control: Callable[..., Any]) -> None:
    control("exchange", tenant=CONTOSO, online=True)
    ids = [user["id"] for user in reader.get("users").json()["value"]]
    answers = [reader.get(f"users/{each}/calendars") for each in ids]

    refused = [answer.json()["error"] for answer in answers if answer.status_code != 200]
    assert len(refused) == 3
    assert {error["code"] for error in refused} == {"ErrorAccessDenied"}
    assert all("[RAOP]" in error["message"] for error in refused)


def test_token_without_oid_is_refused_by_graph_and_the_next_one_taken(
    emulator: RunningEmulator, log_in_to: Callable[..., Any], control: Callable[..., Any]
) -> None:
    home = log_in_to("home.example", "User.Read.All", audience="AzureADMultipleOrgs")
    emulator.cloud.directory.put_principal(new_principal(CONTOSO, home.client_id))
    home.tenant_id = CONTOSO

    assert control("tokens", without_oid=1).status_code == 204
    answer = home.get("users")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Authorization_IdentityNotFound")
    assert not {"oid", "roles"} & set(claims(home.token()))
    assert "oid" in claims(home.fresh().token())
    assert home.get("users").status_code == 403
    assert control("tokens", without_oid=-1).status_code == 400
    assert control("tokens").status_code == 400


def test_token_in_the_applications_own_tenant_always_has_an_oid(
    emulator: RunningEmulator, log_in_to: Callable[..., Any]
) -> None:
    emulator.leave_out_oid(5)

    assert "oid" in claims(log_in_to("home.example", "User.Read.All").token())


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_page_tokens_that_expired_are_never_taken_again(reader: Any, control: Callable[..., Any]) -> None:
    first = reader.get("users?$top=10").json()["@odata.nextLink"]
    second = reader.get(first).json()["@odata.nextLink"]

    assert control("page-tokens", expire_after=0).status_code == 204

    for link in (first, second):
        answer = reader.get(link)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Directory_ExpiredPageToken")
    assert reader.get(reader.get("users?$top=10").json()["@odata.nextLink"]).status_code == 200


def test_page_tokens_expire_after_so_many_pages(reader: Any, control: Callable[..., Any]) -> None:
    control("page-tokens", expire_after=1)
    first = reader.get("users?$top=10").json()["@odata.nextLink"]
    second = reader.get(first).json()["@odata.nextLink"]

    assert reader.get(second).status_code == 400
    assert reader.get(first).status_code == 400
    assert control("page-tokens", expire_after="soon").status_code == 400
