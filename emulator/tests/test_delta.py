"""Changes of users are told in rounds whose tokens expire, and users are sorted.

Sources: https://learn.microsoft.com/en-us/graph/delta-query-overview (rounds, tokens of seven days, 410 with an address
to begin anew) and https://learn.microsoft.com/en-us/graph/api/user-delta
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.server import RunningEmulator

SEED = """
tenants:
  - tenant_id: 22222222-2222-2222-2222-222222222222
    display_name: Contoso
    domain: contoso.example
    home: true
    users:
      count: 230
      mailboxes: { vanished: 3, guest: 2 }
      named: [{ user: admin, name: Adele Admin, administrator: true }]
operator:
  tenant: contoso.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: [User.Read.All]
"""


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    return start_emulator(seed=SEED)


def read_round(client: Any, address: str) -> tuple[list[dict[str, Any]], str]:
    """Every object of a round, and the address of the next one."""
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(address).json()
        found += page["value"]
        if "@odata.deltaLink" in page:
            assert "@odata.nextLink" not in page
            return found, page["@odata.deltaLink"]
        address = page["@odata.nextLink"]
        assert "$skiptoken=" in address


@pytest.mark.parametrize("path", ["users/delta", "users/delta()", "users/microsoft.graph.delta()"])
def test_first_round_lists_every_user_and_later_ones_what_changed(operator: Any, path: str) -> None:
    listed, link = read_round(operator, path)
    assert len({each["id"] for each in listed}) == 230
    assert None not in [value for each in listed for value in each.values()]
    assert "$deltatoken=" in link
    removed, link = read_round(operator, link)
    assert len(removed) == 3
    assert {each["id"] for each in removed} < {each["id"] for each in listed}
    assert all(each["@removed"] == {"reason": "changed"} for each in removed)
    assert all(operator.get(f"users/{each['id']}").status_code == 404 for each in removed)
    nothing, link = read_round(operator, link)
    assert nothing == []
    assert read_round(operator, link)[0] == []


def test_selected_properties_and_the_id_stay_over_the_pages(operator: Any) -> None:
    listed, _ = read_round(operator, "users/delta?$select=displayName,accountEnabled")
    assert {tuple(sorted(each)) for each in listed} == {("accountEnabled", "displayName", "id")}


def test_changes_of_single_users_are_followed(operator: Any) -> None:
    ids = [each["id"] for each in operator.get("users?$top=2&$select=id").json()["value"]]
    wanted = " or ".join(f"id eq '{each}'" for each in ids)
    listed, _ = read_round(operator, f"users/delta?$filter={wanted}")
    assert [each["id"] for each in listed] == ids
    assert operator.get("users/delta?$filter=displayName eq 'x'").status_code == 400


def test_latest_gives_a_link_and_no_users(operator: Any) -> None:
    page = operator.get("users/delta?$deltatoken=latest").json()
    assert page["value"] == []
    assert len(read_round(operator, page["@odata.deltaLink"])[0]) == 3


def gone(client: Any, link: str) -> None:
    answer = client.fresh().get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "syncStateNotFound")
    assert len(read_round(client, answer.headers["Location"])[0]) == 230


def test_token_expires_after_seven_days(operator: Any, emulator: RunningEmulator) -> None:
    _, link = read_round(operator, "users/delta")
    emulator.move_clock(6 * 24 * 3600)
    _, second = read_round(operator.fresh(), link)
    emulator.move_clock(2 * 24 * 3600)
    gone(operator, link)
    assert read_round(operator, second)[0] == []


def test_tokens_expire_when_told_to(operator: Any, emulator: RunningEmulator) -> None:
    page = operator.get("users/delta").json()
    _, link = read_round(operator, page["@odata.nextLink"])
    emulator.expire_page_tokens()
    gone(operator, link)
    refused = operator.get(page["@odata.nextLink"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Directory_ExpiredPageToken")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$deltatoken=x", 410), ("$skiptoken=x", 400), ("$top=5", 501), ("$orderby=displayName", 501),
        ("$select=skills", 501), ("$filter=id eq 'a' and id eq 'b'", 400), ("$filter=id eq 'a|b'", 400),
    ],
)  # fmt: skip
def test_wrong_question_about_changes_is_refused(operator: Any, query: str, status: int) -> None:
    assert operator.get(f"users/delta?{query}").status_code == status


def test_token_of_pages_stands_alone(operator: Any) -> None:
    link = operator.get("users/delta").json()["@odata.nextLink"]
    assert operator.get(f"{link}&$select=id").status_code == 400
    _, link = read_round(operator, "users/delta")
    assert operator.get(f"{link}&$select=id,displayName").status_code == 200


def test_token_of_a_list_is_none_of_its_changes(operator: Any) -> None:
    token = operator.get("users?$top=5").json()["@odata.nextLink"].rpartition("$skiptoken=")[2]
    assert operator.get(f"users/delta?$skiptoken={token}").status_code == 400


def test_changes_need_the_rights_of_the_list(log_in_to: Callable[..., Any]) -> None:
    assert log_in_to("contoso.example", "Group.Read.All").get("users/delta").status_code == 403


@pytest.mark.parametrize("name", ["displayName", "userPrincipalName"])
def test_users_are_sorted_over_pages_in_either_direction(operator: Any, name: str) -> None:
    address, found = f"users?$orderby={name}&$select={name}&$top=100", []
    while address:
        page = operator.get(address).json()
        found += [each[name] for each in page["value"]]
        address = page.get("@odata.nextLink", "")
    assert len(found) == 230
    assert found == sorted(found, key=str.casefold)
    backwards = operator.get(f"users?$orderby={name} desc&$top=3&$select={name}").json()["value"]
    assert [each[name] for each in backwards] == found[:-4:-1]


def test_sorting_users_beside_a_filter_is_an_advanced_query(operator: Any) -> None:
    query = "users?$filter=accountEnabled eq true&$orderby=displayName&$count=true&$top=10"
    refused = operator.get(query)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
    names = [each["displayName"] for each in operator.get(query, ConsistencyLevel="eventual").json()["value"]]
    assert names == sorted(names, key=str.casefold)
    assert len(names) == 10
    assert operator.get("users?$orderby=jobTitle").status_code == 501


def test_user_has_every_property_that_the_azuread_provider_selects(operator: Any) -> None:
    """internal/services/users/user_data_source.go of hashicorp/terraform-provider-azuread, commit f0169e0."""
    names = (
        "accountEnabled,ageGroup,businessPhones,city,companyName,consentProvidedForMinor,country,creationType,department,"
        "displayName,employeeHireDate,employeeId,employeeOrgData,employeeType,externalUserState,faxNumber,givenName,id,"
        "imAddresses,jobTitle,mail,mailNickname,mobilePhone,officeLocation,onPremisesDistinguishedName,"
        "onPremisesDomainName,onPremisesImmutableId,onPremisesSamAccountName,onPremisesSecurityIdentifier,"
        "onPremisesSyncEnabled,onPremisesUserPrincipalName,otherMails,postalCode,preferredLanguage,proxyAddresses,"
        "showInAddressList,state,streetAddress,surname,usageLocation,userPrincipalName,userType"
    )
    one = operator.get(f"users/admin@contoso.example?$select={names}").json()
    assert set(one) == {"@odata.context", *names.split(",")}
    listed = operator.get(f"users?$select={names}&$filter=userType eq 'Guest'").json()["value"]
    assert {each["externalUserState"] for each in listed} == {"Accepted"}
    assert [set(each) for each in listed] == [set(names.split(","))] * 2
    assert operator.get("users?$filter=employeeId eq '7'").json()["value"] == []


def test_nobody_has_a_manager(operator: Any) -> None:
    answer = operator.get("users/admin@contoso.example/manager")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert "'manager'" in answer.json()["error"]["message"]
