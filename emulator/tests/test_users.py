"""Users, calendars, events and the classes of mailboxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.calendars.users import TenantUsers
from orgcal_emulator.server import RunningEmulator

SEED = """
tenants:
  - tenant_id: 22222222-2222-2222-2222-222222222222
    display_name: Contoso
    domain: contoso.example
    home: true
    users:
      count: 30
      named:
        - { user: admin, name: Adele Admin, administrator: true }
        - { user: without, name: No Mailbox, mailbox: without }
        - { user: premises, name: On Premises, mailbox: on_premises }
        - { user: guest, name: A Guest, mailbox: guest }
        - { user: disabled, name: Dis Abled, mailbox: disabled }
        - { user: restricted, name: Out Of Scope, mailbox: restricted }
        - { user: vanished, name: Was Here, mailbox: vanished }
        - { user: many, name: Many Calendars, mailbox: many_calendars }
operator:
  tenant: contoso.example
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


def test_users_come_in_pages_whose_absolute_links_keep_the_options(reader: Any) -> None:
    seen: list[str] = []
    address = "users?$top=7&$select=id,userPrincipalName"
    pages = 0
    while address:
        body = reader.get(address).json()
        assert all(set(each) == {"id", "userPrincipalName"} for each in body["value"])
        seen += [each["id"] for each in body["value"]]
        address = body.get("@odata.nextLink", "")
        assert not address or address.startswith(f"{reader.base_url}/v1.0/users?")
        pages += 1
    assert (len(seen), len(set(seen)), pages) == (30, 30, 5)


@pytest.mark.parametrize("top", ["0", "1000", "-1", "x", ""])
def test_page_size_out_of_bounds_answers_400(reader: Any, top: str) -> None:
    assert reader.get(f"users?$top={top}").status_code == 400


@pytest.mark.parametrize("token", ["x", "cGFnZTotMQ", "%00"])
def test_foreign_page_token_answers_400(reader: Any, token: str) -> None:
    assert reader.get(f"users?$skiptoken={token}").status_code == 400


def test_default_properties_are_those_graph_documents(reader: Any) -> None:
    user = reader.get("users/admin@contoso.example").json()
    assert set(user) == {
        "@odata.context", "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
        "officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id",
    }  # fmt: skip
    assert reader.get(f"users/{user['id']}").json() == user


def test_count_needs_eventual_consistency(reader: Any) -> None:
    assert reader.get("users/$count").status_code == 400
    answer = reader.get("users/$count", ConsistencyLevel="eventual")
    assert (answer.text, answer.headers["Content-Type"]) == ("30", "text/plain")
    assert "@odata.count" not in reader.get("users?$count=true&$top=5").json()
    assert reader.get("users?$count=true&$top=5", ConsistencyLevel="eventual").json()["@odata.count"] == 30


def test_filters_find_users(reader: Any) -> None:
    def names(text: str) -> list[str]:
        return [each["displayName"] for each in reader.get(f"users?$filter={text}").json()["value"]]

    assert names("userPrincipalName eq 'admin@contoso.example'") == ["Adele Admin"]
    assert names("startswith(displayName,'Many') and accountEnabled eq true") == ["Many Calendars"]
    assert names("accountEnabled eq false") == ["Dis Abled"]
    assert names("userType eq 'Guest'") == ["A Guest"]
    assert reader.get("users?$filter=manager eq 'x'").status_code == 501
    filtered = reader.get("users?$filter=accountEnabled eq true&$top=4").json()
    assert len(filtered["value"]) == 4
    assert "@odata.nextLink" in filtered


def test_mailbox_settings_of_the_collection_answer_501(reader: Any) -> None:
    assert reader.get("users?$select=mailboxSettings").status_code == 501


@pytest.mark.parametrize(
    ("user", "status", "code"),
    [
        ("admin", 200, ""),
        ("disabled", 200, ""),
        ("without", 404, "MailboxNotEnabledForRESTAPI"),
        ("premises", 404, "MailboxNotEnabledForRESTAPI"),
        ("guest", 404, "ErrorInvalidUser"),
        ("restricted", 403, "ErrorAccessDenied"),
        ("vanished", 404, "Request_ResourceNotFound"),
    ],
)
def test_calendars_of_each_mailbox_class_answer_as_exchange_does(
    reader: Any, user: str, status: int, code: str
) -> None:
    listed = reader.get("users?$select=id,mailNickname&$top=999").json()["value"]
    user_id = next(each["id"] for each in listed if each["mailNickname"] == user)
    answer = reader.get(f"users/{user_id}/calendars")
    assert answer.status_code == status
    assert answer.json().get("error", {}).get("code", "") == code


def test_calendars_page_by_ten_and_carry_every_property(reader: Any) -> None:
    address = "users/many@contoso.example/calendars"
    sizes, seen = [], []
    while address:
        body = reader.get(address).json()
        sizes.append(len(body["value"]))
        seen += body["value"]
        address = body.get("@odata.nextLink", "")
    assert sizes == [10, 10, 4]
    assert set(seen[0]) == {
        "allowedOnlineMeetingProviders", "canEdit", "canShare", "canViewPrivateItems", "changeKey", "color",
        "defaultOnlineMeetingProvider", "hexColor", "id", "isDefaultCalendar", "isRemovable", "isTallyingResponses",
        "name", "owner",
    }  # fmt: skip
    assert [each["isDefaultCalendar"] for each in seen] == [True] + [False] * 23
    one = reader.get(f"users/many@contoso.example/calendars/{seen[5]['id']}?$select=name").json()
    assert one["name"] == "Project 5"
    assert reader.get("users/many@contoso.example/calendars/AAMkother").status_code == 404


def test_events_of_this_week_are_in_the_view_of_this_week(reader: Any, emulator: RunningEmulator) -> None:
    events = reader.get("users/admin@contoso.example/events").json()["value"]
    assert len(events) == 3
    first = events[0]["start"]["dateTime"][:10]
    day = f"startDateTime={first}T00:00:00Z&endDateTime={first}T23:59:59Z"
    view = reader.get(f"users/admin@contoso.example/calendarView?{day}").json()["value"]
    assert [each["id"] for each in view] == [events[0]["id"]]
    assert reader.get("users/admin@contoso.example/calendarView").status_code == 400


def test_calendar_reads_need_a_calendar_permission(log_in_to: Callable[..., Any]) -> None:
    without = log_in_to("contoso.example", "User.Read.All", "Directory.Read.All")
    answer = without.get("users/admin@contoso.example/calendars")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ErrorAccessDenied")
    basic = log_in_to("contoso.example", "Calendars.ReadBasic.All")
    assert basic.get("users/admin@contoso.example/calendars").status_code == 200
    assert "body" not in basic.get("users/admin@contoso.example/events").json()["value"][0]


def test_user_reads_need_a_user_permission(log_in_to: Callable[..., Any]) -> None:
    basic = log_in_to("contoso.example", "User.ReadBasic.All", "Calendars.Read")
    answer = basic.get("users")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert basic.get("me").status_code == 400


def test_users_of_a_rule_are_as_many_of_each_class_as_it_says_and_found_by_id_and_name() -> None:
    rule = {"count": 5000, "mailboxes": {"without": 50, "guest": 7}, "named": [{"user": "admin", "name": "A B"}]}
    users = TenantUsers("22222222-2222-2222-2222-222222222222", "contoso.example", rule)
    everyone = [users.at(number) for number in range(5000)]
    assert sum(each.mailbox == "without" for each in everyone) == 50
    assert sum(each.mailbox == "guest" for each in everyone) == 7
    assert len({each.object_id for each in everyone}) == 5000
    assert len({each.principal_name for each in everyone}) == 5000
    assert all(users.find(each.object_id) == each == users.find(each.principal_name) for each in everyone)
    assert users.find("nobody@contoso.example") is None
    assert users.find("00000000-0000-4000-8000-000000000000") is None
