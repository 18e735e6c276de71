"""Groups and their members can be read, with the rights of Microsoft's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "Group.Read.All", "User.Read.All", "Directory.Read.All")


def test_everybody_is_in_one_group_and_in_the_group_of_an_office(reader: Any) -> None:
    groups = {each["displayName"]: each for each in reader.get("groups").json()["value"]}
    everybody = groups.pop("All Company")
    assert (everybody["groupTypes"], everybody["mailEnabled"]) == (["Unified"], True)
    members = reader.get(f"groups/{everybody['id']}/members?$top=999").json()["value"]
    users = {each["id"] for each in reader.get("users?$top=999").json()["value"]}
    assert {each["id"] for each in members} == users
    assert {each["@odata.type"] for each in members} == {"#microsoft.graph.user"}
    found: list[str] = []
    for name, group in groups.items():
        of_office = reader.get(f"groups/{group['id']}/transitiveMembers?$top=999").json()["value"]
        assert {f"Office {each['officeLocation']}" for each in of_office} == {name}
        found += [each["id"] for each in of_office]
    assert sorted(found) == sorted(users)


def test_members_come_by_pages_with_selected_properties(reader: Any) -> None:
    group = reader.get("groups?$filter=displayName eq 'All Company'").json()["value"][0]["id"]
    address, found = f"groups/{group}/members?$top=20&$select=id,displayName", []
    while address:
        page = reader.get(address).json()
        found += page["value"]
        address = page.get("@odata.nextLink", "")
    assert len(found) == 57
    assert set(found[0]) == {"@odata.type", "id", "displayName"}
    counted = reader.get(f"groups/{group}/members?$count=true&$top=1", ConsistencyLevel="eventual").json()
    assert counted["@odata.count"] == 57


def test_groups_are_found_sorted_and_counted(reader: Any) -> None:
    names = [each["displayName"] for each in reader.get("groups?$orderby=displayName desc").json()["value"]]
    assert names == sorted(names, reverse=True)
    assert [each["displayName"] for each in reader.get("groups?$filter=securityEnabled eq false").json()["value"]] == [
        "All Company"
    ]
    unified = reader.get("groups?$filter=groupTypes/any(c:c eq 'Unified')&$select=id").json()["value"]
    assert len(unified) == 1
    assert reader.get("groups/$count", ConsistencyLevel="eventual").text == str(len(names))


def test_group_is_a_directory_object(reader: Any) -> None:
    group = reader.get("groups").json()["value"][0]
    assert reader.get(f"groups/{group['id']}").json()["displayName"] == group["displayName"]
    assert reader.get(f"directoryObjects/{group['id']}").json()["@odata.type"] == "#microsoft.graph.group"
    several = reader.post("directoryObjects/getByIds", {"ids": [group["id"]], "types": ["group"]}).json()["value"]
    assert [each["id"] for each in several] == [group["id"]]
    assert reader.get("groups/00000000-0000-4000-8000-000000000000").status_code == 404


def test_reading_members_without_a_right_to_users_shows_their_ids_only(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "GroupMember.Read.All")
    group = reader.get("groups").json()["value"][0]["id"]
    member = reader.get(f"groups/{group}/members?$top=1").json()["value"][0]
    assert member.pop("@odata.type") == "#microsoft.graph.user"
    assert member.pop("id")
    assert not any(member.values())


def test_groups_need_a_right_of_groups(log_in_to: Callable[..., Any]) -> None:
    assert log_in_to("contoso.example", "User.Read.All").get("groups").status_code == 403


def test_groups_of_one_tenant_are_not_anothers(reader: Any, log_in_to: Callable[..., Any]) -> None:
    group = reader.get("groups").json()["value"][0]["id"]
    other = log_in_to("fabrikam.example", "Group.Read.All")
    assert group not in {each["id"] for each in other.get("groups").json()["value"]}
    assert other.get(f"groups/{group}").status_code == 404


@pytest.mark.parametrize("path", ["groups/{}/owners", "groups/{}/memberOf", "groups/{}/members/$ref", "groups/delta"])
def test_the_rest_of_groups_is_refused_by_name(reader: Any, path: str) -> None:
    group = reader.get("groups").json()["value"][0]["id"]
    assert reader.get(path.format(group)).status_code == 501
    assert reader.post("groups", {"displayName": "x"}).status_code == 501
