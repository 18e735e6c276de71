"""Azure CLI, unmodified: users, groups and calendars with `az rest` and `az ad`, throttled and again."""

from __future__ import annotations

import pytest

from tests.support.client_commands import ClientCommand, NamedEmulator
from tests.witnesses.conftest import Login

pytestmark = [pytest.mark.judged("Azure CLI"), pytest.mark.timeout(900)]

V1 = "https://graph.microsoft.com/v1.0"


@pytest.fixture(scope="module")
def reader(az: ClientCommand, login: Login) -> ClientCommand:
    """Azure CLI, logged in to AzureCloud by the emulator's names."""
    given = ("-u", login.client_id, "-p", f"@{login.secret_file}", "--tenant", login.tenant_id)
    az("login", "--service-principal", "--allow-no-subscriptions", *given)
    return az


def test_azure_cli_lists_users_by_pages(reader: ClientCommand) -> None:
    page = reader("rest", "--url", f"{V1}/users?$top=20&$select=id")
    found = page["value"]
    while "@odata.nextLink" in page:
        page = reader("rest", "--url", page["@odata.nextLink"])
        found += page["value"]
    assert len({each["id"] for each in found}) == 57


def test_azure_cli_shows_and_lists_users_by_its_own_commands(reader: ClientCommand) -> None:
    user = reader("ad", "user", "show", "--id", "megan@contoso.example")
    assert user["displayName"] == "Megan Ordinary"
    listed = reader("ad", "user", "list", "--upn", "megan@contoso.example")
    assert [each["id"] for each in listed] == [user["id"]]


def test_azure_cli_lists_groups_and_their_members(reader: ClientCommand) -> None:
    groups = {each["displayName"]: each["id"] for each in reader("ad", "group", "list")}
    assert reader("ad", "group", "show", "--group", groups["All Company"])["displayName"] == "All Company"
    members = reader("ad", "group", "member", "list", "--group", groups["All Company"])
    assert len({each["id"] for each in members}) == 57


def test_azure_cli_is_told_that_an_application_has_no_me(reader: ClientCommand) -> None:
    assert "/me request is only valid with delegated authentication flow" in reader.refusal("rest", "--url", f"{V1}/me")


def test_azure_cli_reads_calendars_and_events_of_a_mailbox(reader: ClientCommand) -> None:
    calendars = reader("rest", "--url", f"{V1}/users/megan@contoso.example/calendars")["value"]
    assert [each["isDefaultCalendar"] for each in calendars].count(True) == 1
    view = f"{V1}/users/megan@contoso.example/calendarView"
    times = ("startDateTime=2026-01-01T00:00:00Z", "endDateTime=2027-12-31T00:00:00Z", "$top=5")
    events = reader("rest", "--url", view, "--url-parameters", *times)["value"]
    assert len({each["iCalUId"] for each in events}) == len(events) > 0


def test_azure_cli_that_is_throttled_says_so_and_goes_on(reader: ClientCommand, hosts: NamedEmulator) -> None:
    """It does not wait by itself: send_raw_request in azure/cli/core/util.py, release 2.91.0."""
    hosts.emulator.add_fault("/v1.0/users", status=429, code="TooManyRequests", headers={"Retry-After": "1"})
    asked = ("rest", "--url", f"{V1}/users?$top=1")
    assert "Too Many Requests" in reader.refusal(*asked)
    assert len(reader(*asked)["value"]) == 1
