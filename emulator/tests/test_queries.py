"""Query options, keys and preferences as OData clients write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

EVENTUAL = {"ConsistencyLevel": "eventual"}


def names(answer: Any, name: str = "displayName") -> set[str]:
    assert answer.status_code == 200, answer.text
    return {each[name] for each in answer.json()["value"]}


@pytest.fixture
def three(operator: Any) -> Any:
    """The operator of a tenant with three more applications."""
    for name in ("Red", "Green", "Blue"):
        assert operator.post("applications", {"displayName": name, "tags": [name]}).status_code == 201
    return operator


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("displayName ne 'Red'", {"Green", "Blue", "orgcal operator"}),
        ("not(displayName eq 'Red')", {"Green", "Blue", "orgcal operator"}),
        ("not startswith(displayName,'Gr') and not (displayName eq 'Blue')", {"Red", "orgcal operator"}),
        ("endswith(displayName,'e')", {"Blue"}),
        ("uniqueName ne null", set()),
    ],
)
def test_advanced_filter_needs_the_header_and_the_count(three: Any, text: str, found: set[str]) -> None:
    assert names(three.get(f"applications?$filter={text}&$count=true", **EVENTUAL)) == found
    for path, headers in ((f"applications?$filter={text}&$count=true", {}), (f"applications?$filter={text}", EVENTUAL)):
        refused = three.get(path, **headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_advanced_filter_of_a_counted_segment_needs_the_header_only(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "User.Read.All")
    counted = reader.get("users/$count?$filter=userType ne 'Guest'", **EVENTUAL)
    assert (counted.status_code, counted.text) == (200, "53")
    assert reader.get("users?$filter=accountEnabled eq false").json()["value"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("createdDateTime ge 2020-01-01T00:00:00Z", 4),
        ("createdDateTime le 2020-01-01", 0),
        ("createdDateTime ge 2020-01-01T00:00:00Z and displayName eq 'Red'", 1),
    ],
)
def test_times_are_compared(three: Any, text: str, number: int) -> None:
    assert len(names(three.get(f"applications?$filter={text}"))) == number


@pytest.mark.parametrize(
    "text",
    ["createdDateTime ge 2020-99-01T00:00:00Z", "createdDateTime ge 'yesterday'", "not", "not " * 30 + "id eq 'x'"],
)
def test_filter_that_means_nothing_answers_400(operator: Any, text: str) -> None:
    answer = operator.get(f"applications?$filter={text}&$count=true", **EVENTUAL)
    assert answer.status_code == 400


def test_events_are_filtered_by_their_start(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "User.Read.All", "Calendars.Read")
    path = "users/admin@contoso.example/events"
    every = reader.get(f"{path}?$top=50").json()["value"]
    middle = sorted(each["start"]["dateTime"] for each in every)[len(every) // 2]
    later = reader.get(f"{path}?$top=50&$filter=start/dateTime ge '{middle}'").json()["value"]
    earlier = reader.get(f"{path}?$top=50&$filter=start/dateTime lt '{middle}'").json()["value"]
    assert later
    assert len(later) + len(earlier) == len(every)
    assert all(each["start"]["dateTime"] >= middle for each in later)


@pytest.mark.parametrize("path", ["events", "calendar/events", "calendars/{}/events"])
def test_one_event_is_found_by_its_id(log_in_to: Callable[..., Any], path: str) -> None:
    reader = log_in_to("contoso.example", "User.Read.All", "Calendars.ReadBasic.All")
    user = "users/admin@contoso.example"
    path = path.format(reader.get(f"{user}/calendars").json()["value"][0]["id"])
    first = reader.get(f"{user}/{path}").json()["value"][0]
    one = reader.get(f"{user}/{path}/{first['id']}").json()
    assert {**one, "@odata.context": ""} == {**first, "@odata.context": ""}
    assert "body" not in one
    missing = reader.get(f"{user}/{path}/AAMkAGnone=")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ErrorItemNotFound")


@pytest.mark.parametrize(
    "path",
    [
        "groups/delta", "applications/delta", "applications/delta()", "servicePrincipals/microsoft.graph.delta()",
        "users/$metadata", "users(userPrincipalName='admin@contoso.example')",
        "directory/deletedItems/microsoft.graph.user", "users/admin@contoso.example/calendars/$count",
    ],
)  # fmt: skip
def test_function_in_the_place_of_a_key_is_refused_by_name(operator: Any, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 501
    assert answer.json()["error"]["code"].startswith("NotEmulated.route.GET /")


def test_key_names_and_options_are_known_whatever_their_case(operator: Any) -> None:
    for path in (
        f"Applications(APPID='{operator.client_id}')?$SELECT=AppId",
        f"applications(appid='{operator.client_id.upper()}')?select=appId",
        f"applications%28appId%3D%27{operator.client_id}%27%29?$select=appId",
    ):
        answer = operator.get(path)
        assert (answer.status_code, answer.json().get("appId")) == (200, operator.client_id), path


def test_key_in_parentheses_is_taken_whole_and_may_be_named_id(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "User.Read.All", "Calendars.Read")
    default = reader.get("users/admin@contoso.example/calendar").json()["id"]
    assert default.endswith("=")
    for path in (
        f"users('admin@contoso.example')/calendars('{default}')",
        f"users(id='admin@contoso.example')/calendars(id='{default}')",
        f"users('admin@contoso.example')/calendars({default})",
    ):
        assert reader.get(path).json()["id"] == default, path


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020-01-01", "2040-01-01"),
        ("2020-01-01T00:00:00", "2040-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00.0000000", "2040-01-01T00:00:00%2B02:00"),
        ("2020-01-01T00:00:00-08:00", "2040-01-01T00:00:00z"),
    ],
)
def test_times_of_a_view_need_no_zone_and_no_hour(log_in_to: Callable[..., Any], start: str, end: str) -> None:
    reader = log_in_to("contoso.example", "Calendars.Read")
    answer = reader.get(f"users/admin@contoso.example/calendarView?startDateTime={start}&endDateTime={end}")
    assert names(answer, "id")


# Accept and Prefer ---------------------------------------------------------------------------------------------------


def test_metadata_none_leaves_annotations_out_but_the_count_and_the_link(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "User.Read.All")
    accept = {"Accept": "application/json;odata.metadata=none"}
    answer = reader.get("users?$top=2&$count=true", **accept, **EVENTUAL)
    assert set(answer.json()) == {"@odata.count", "@odata.nextLink", "value"}
    assert "odata.metadata=none" in answer.headers["Content-Type"]
    assert set(reader.get("users/admin@contoso.example?$select=id", **accept).json()) == {"id"}
    minimal = reader.get("users?$top=2", Accept="application/json;odata.metadata=minimal;odata.streaming=true")
    assert "@odata.context" in minimal.json()


def test_metadata_full_is_refused_by_name_before_anything_is_written(operator: Any) -> None:
    accept = {"Accept": "application/json;odata.metadata=full"}
    answer = operator.post("applications", {"displayName": "x"}, **accept)
    assert answer.status_code == 501
    assert "odata.metadata=full" in answer.json()["error"]["code"]
    assert "x" not in names(operator.get("applications"))


def test_principal_is_created_by_patch_where_the_client_asks_for_that(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    path = f"servicePrincipals(appId='{made['appId']}')"
    assert operator.patch(path, {"notes": "n"}).status_code == 404
    created = operator.call("PATCH", path, {"notes": "n"}, Prefer="create-if-missing")
    assert (created.status_code, created.json()["notes"]) == (201, "n")
    assert operator.call("PATCH", path, {"notes": "m"}, Prefer="create-if-missing").status_code == 204
    assert operator.get(path).json()["id"] == created.json()["id"]
    by_id = operator.call("PATCH", f"servicePrincipals/{made['id']}", {"notes": "n"}, Prefer="create-if-missing")
    assert by_id.status_code == 404


def test_federated_credential_is_created_by_patch_where_the_client_asks_for_that(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    path = f"applications/{made['id']}/federatedIdentityCredentials(name='ci-main')"
    body = {"issuer": "https://i.example", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
    assert operator.patch(path, body).status_code == 404
    created = operator.call("PATCH", path, body, Prefer="create-if-missing")
    assert (created.status_code, created.json()["name"]) == (201, "ci-main")
    changed = operator.call("PATCH", path, {**body, "subject": "t"}, Prefer="create-if-missing")
    assert changed.status_code == 204
    assert operator.get(path).json()["subject"] == "t"


def test_objects_by_ids_are_held_to_the_types_asked_for(operator: Any, log_in_to: Callable[..., Any]) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    reader = log_in_to("isv.example", "Directory.Read.All")
    own = operator.get(f"servicePrincipals(appId='{operator.client_id}')").json()["id"]
    ids = [made["id"], own]

    def found(**more: Any) -> Any:
        return reader.post("directoryObjects/getByIds", {"ids": ids, **more})

    assert names(found(), "id") == set(ids)
    assert names(found(types=["directoryObject"]), "id") == set(ids)
    assert names(found(types=["Application", "user"]), "id") == {made["id"]}
    assert names(found(types=["group"]), "id") == set()
    assert found(types=["elephant"]).status_code == 400
    assert found(types="user").status_code == 400
    assert found(unheardOf=1).status_code == 501
