"""Events and calendars as documented: what tells them apart, what `$select` leaves, what `Prefer` changes.

Sources: the example of https://learn.microsoft.com/en-us/graph/api/user-list-events (commit 0f0835c of
microsoftgraph/microsoft-graph-docs-contrib) and its request headers.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from orgcal_emulator.server import RunningEmulator

ADMIN = "users/admin@contoso.example"


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "User.Read.All", "Calendars.Read")


def events_of_everybody(reader: Any) -> list[dict[str, Any]]:
    users = [each["id"] for each in reader.get("users?$top=999&$select=id").json()["value"]]
    answers = [reader.get(f"users/{user}/events?$top=50") for user in users]
    return [event for answer in answers if answer.status_code == 200 for event in answer.json()["value"]]


def test_uid_key_and_tag_of_every_event_are_its_own(reader: Any) -> None:
    events = events_of_everybody(reader)
    megan = "users/megan@contoso.example/calendars"
    second = reader.get(megan).json()["value"][1]["id"]
    events += reader.get(f"{megan}/{second}/events").json()["value"]
    assert len(events) > 90
    for name in ("id", "iCalUId", "changeKey", "@odata.etag"):
        assert len({each[name] for each in events}) == len(events), name
    assert all(each["@odata.etag"] == f'W/"{each["changeKey"]}"' for each in events)
    assert all(each["iCalUId"].startswith("040000008200E00074C5B7101A82E008") for each in events)


def test_uid_stays_and_key_changes_when_an_event_moves(reader: Any, emulator: RunningEmulator) -> None:
    before = reader.get(f"{ADMIN}/events").json()["value"][0]
    assert reader.get(f"{ADMIN}/events").json()["value"][0] == before
    emulator.move_clock(7 * 24 * 3600)
    after = reader.fresh().get(f"{ADMIN}/events").json()["value"][0]
    assert (after["id"], after["iCalUId"]) == (before["id"], before["iCalUId"])
    assert after["start"] != before["start"]
    assert after["changeKey"] != before["changeKey"]


@pytest.mark.parametrize("path", ["events", "calendar/events", "calendarView"])
def test_select_leaves_the_id_and_the_tag_of_events(reader: Any, path: str) -> None:
    span = "startDateTime=2020-01-01&endDateTime=2040-01-01&" if path == "calendarView" else ""
    answer = reader.get(f"{ADMIN}/{path}?{span}$select=subject").json()
    assert set(answer["value"][0]) == {"@odata.etag", "id", "subject"}
    assert answer["@odata.context"].endswith("/events(subject)")


def test_select_leaves_the_id_and_the_tag_of_one_event_and_the_id_of_calendars(reader: Any) -> None:
    event = reader.get(f"{ADMIN}/events?$select=id").json()["value"][0]
    assert set(event) == {"@odata.etag", "id"}
    one = reader.get(f"{ADMIN}/events/{event['id']}?$select=subject").json()
    assert set(one) == {"@odata.context", "@odata.etag", "id", "subject"}
    assert one["@odata.context"].endswith("/events(subject)/$entity")
    calendars = reader.get(f"{ADMIN}/calendars?$select=name").json()
    assert set(calendars["value"][0]) == {"id", "name"}
    assert calendars["@odata.context"].endswith("/calendars(name)")
    assert set(reader.get(f"{ADMIN}/calendar?$select=name").json()) == {"@odata.context", "id", "name"}
    assert reader.get(f"{ADMIN}/calendars?$select=id").json()["value"] == [
        {"id": each["id"]} for each in calendars["value"]
    ]


@pytest.mark.parametrize("kind", ["text", "html"])
def test_bodies_are_in_the_preferred_type(reader: Any, kind: str) -> None:
    preference = f'outlook.body-content-type="{kind}"'
    listed = reader.get(f"{ADMIN}/events", Prefer=preference)
    event = listed.json()["value"][0]
    one = reader.get(f"{ADMIN}/events/{event['id']}", Prefer=preference)
    assert listed.headers["Preference-Applied"] == one.headers["Preference-Applied"] == preference
    assert event["body"]["contentType"] == one.json()["body"]["contentType"] == kind
    assert event["body"]["content"].startswith("<html>") is (kind == "html")


@pytest.mark.parametrize("zone", ["W. Europe Standard Time", "Pacific Standard Time", "Asia/Tokyo"])
def test_times_are_in_the_preferred_zone(reader: Any, zone: str) -> None:
    plain = reader.get(f"{ADMIN}/events").json()["value"][0]
    answer = reader.get(f"{ADMIN}/events", Prefer=f'outlook.timezone="{zone}"')
    event = answer.json()["value"][0]
    assert answer.headers["Preference-Applied"] == f'outlook.timezone="{zone}"'
    assert event["start"]["timeZone"] == event["end"]["timeZone"] == zone
    assert event["start"]["dateTime"] != plain["start"]["dateTime"]
    assert (event["originalStartTimeZone"], event["lastModifiedDateTime"]) == ("UTC", plain["lastModifiedDateTime"])


def test_zone_moves_the_clock_by_its_offset(reader: Any) -> None:
    answer = reader.get(f"{ADMIN}/events", Prefer='outlook.timezone="Tokyo Standard Time"').json()["value"][0]
    plain = reader.get(f"{ADMIN}/events").json()["value"][0]
    hours = [int(each["start"]["dateTime"][11:13]) for each in (plain, answer)]
    assert (hours[0] + 9) % 24 == hours[1]


def test_zone_that_nobody_knows_answers_400(reader: Any) -> None:
    answer = reader.get(f"{ADMIN}/events", Prefer='outlook.timezone="Middle-earth Standard Time"')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "TimeZoneNotSupportedException")


def test_pages_are_as_large_as_preferred(reader: Any) -> None:
    sizes = []
    user = next(
        each["userPrincipalName"]
        for each in reader.get("users?$top=999").json()["value"]
        if len(reader.get(f"users/{each['id']}/calendars?$top=50").json().get("value", ())) == 24
    )
    address = f"users/{user}/calendars"
    while address:
        answer = reader.get(address, Prefer="odata.maxpagesize=9")
        assert answer.headers["Preference-Applied"] == "odata.maxpagesize=9"
        sizes.append(len(answer.json()["value"]))
        address = answer.json().get("@odata.nextLink", "")
    assert sizes == [9, 9, 6]
    assert len(reader.get(f"users/{user}/calendars?$top=3", Prefer="odata.maxpagesize=9").json()["value"]) == 3


def test_preferences_in_one_or_several_headers_are_all_applied(reader: Any) -> None:
    wanted = ['outlook.timezone="UTC"', 'outlook.body-content-type="text"', "odata.maxpagesize=1"]
    applied = 'outlook.body-content-type="text", outlook.timezone="UTC", odata.maxpagesize=1'
    answer = reader.get(f"{ADMIN}/events", Prefer=", ".join(wanted))
    assert (answer.headers["Preference-Applied"], len(answer.json()["value"])) == (applied, 1)
    semicolons = reader.get(f"{ADMIN}/events", Prefer="; ".join(wanted))
    assert semicolons.headers["Preference-Applied"] == applied


def test_preferences_in_two_headers_are_both_applied(reader: Any) -> None:
    address = urlsplit(reader.base_url)
    trust = ssl.create_default_context(cafile=reader.session.verify)
    connection = http.client.HTTPSConnection(address.netloc, context=trust)
    connection.putrequest("GET", f"/v1.0/{ADMIN}/events")
    for name, value in (
        ("Authorization", f"Bearer {reader.token()}"), ("Prefer", "odata.maxpagesize=2"),
        ("Prefer", 'outlook.timezone="UTC"'),
    ):  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.getheader("Preference-Applied") == 'outlook.timezone="UTC", odata.maxpagesize=2'
    connection.close()


def test_preference_inside_a_batch_is_applied_and_named(reader: Any) -> None:
    headers = {"Prefer": 'outlook.body-content-type="text"'}
    entry = {"id": "1", "method": "GET", "url": f"/{ADMIN}/events", "headers": headers}
    answer = reader.post("$batch", {"requests": [entry]}).json()["responses"][0]
    assert answer["headers"]["Preference-Applied"] == 'outlook.body-content-type="text"'
    assert answer["body"]["value"][0]["body"]["contentType"] == "text"


@pytest.mark.parametrize(
    "preference",
    [
        'outlook.body-content-type="markdown"', "odata.maxpagesize=0", "odata.maxpagesize=many", 'IdType="Guess"',
        "outlook.allow-unsafe-html", 'outlook.timezone="', "exchange.behavior=x",
    ],
)  # fmt: skip
def test_preference_that_is_not_modelled_is_refused_by_name(reader: Any, preference: str) -> None:
    answer = reader.get(f"{ADMIN}/events", Prefer=preference)
    assert answer.status_code == 501
    assert answer.json()["error"]["code"].startswith("NotEmulated.value.Prefer")


def test_ids_are_immutable_as_preferred(reader: Any) -> None:
    answer = reader.get(f"{ADMIN}/calendars", Prefer='IdType="ImmutableId"')
    assert answer.headers["Preference-Applied"] == 'IdType="ImmutableId"'
    assert answer.json() == reader.get(f"{ADMIN}/calendars").json()


def test_preferences_of_other_services_are_ignored_as_odata_allows(reader: Any) -> None:
    answer = reader.get(f"{ADMIN}/events", Prefer="return=minimal, respond-async")
    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def test_basic_permission_shows_no_bodies_in_any_form(log_in_to: Callable[..., Any]) -> None:
    basic = log_in_to("contoso.example", "Calendars.ReadBasic.All")
    answer = basic.get(f"{ADMIN}/events", Prefer='outlook.body-content-type="text"').json()
    assert {"body", "bodyPreview"}.isdisjoint(answer["value"][0])
    assert answer["@odata.context"].endswith("/events")
    assert basic.get(f"{ADMIN}/events?$select=body").status_code == 501
