"""Events, computed from the user and the week."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from orgcal_emulator.calendars.users import User

_SUBJECTS = ("Planning", "One to one", "Review", "Customer call", "Lunch", "Focus time", "Release")

_GLOBAL_OBJECT_ID = "040000008200E00074C5B7101A82E008"
"""How the UID of every event begins that Outlook makes: 2.2.1.27 of MS-OXOCAL, PidLidGlobalObjectId."""


def events_of(user: User, calendar: int, now: float) -> list[dict[str, Any]]:
    """A calendar's events: some in the week of `now`, fewer in the calendars that are not the default one."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    number_of_events = 3 + user.number % 5 if calendar == 0 else 1
    return [_event_shape(user, calendar, number, monday) for number in range(number_of_events)]


def _event_shape(user: User, calendar: int, number: int, monday: datetime) -> dict[str, Any]:
    start = monday + timedelta(days=(number + calendar) % 5, hours=9 + number % 7)
    end = start + timedelta(minutes=30)
    made = (monday - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    subject = _SUBJECTS[(user.number + number) % len(_SUBJECTS)]
    mailbox = user.object_id.replace("-", "")
    identifier = f"AAMkAG{mailbox}BG{calendar:04d}{number:04d}="
    change_key = _change_key(mailbox, calendar, number, monday)
    return {
        "@odata.etag": f'W/"{change_key}"',
        "id": identifier, "createdDateTime": made, "lastModifiedDateTime": made, "changeKey": change_key,
        "categories": [], "transactionId": None, "originalStartTimeZone": "UTC", "originalEndTimeZone": "UTC",
        "iCalUId": _unique_id(mailbox, calendar, number), "reminderMinutesBeforeStart": 15,
        "isReminderOn": True, "hasAttachments": False, "subject": subject, "bodyPreview": f"{subject}.",
        "importance": "normal", "sensitivity": "normal", "isAllDay": False, "isCancelled": False,
        "isOrganizer": True, "responseRequested": True, "seriesMasterId": None, "showAs": "busy",
        "type": "singleInstance", "webLink": f"https://outlook.office365.com/owa/?itemid={identifier}",
        "onlineMeetingUrl": None, "isOnlineMeeting": False, "onlineMeetingProvider": "unknown",
        "allowNewTimeProposals": True, "isDraft": False, "hideAttendees": False, "recurrence": None,
        "onlineMeeting": None, "attendees": [],
        "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
        "body": {"contentType": "html", "content": f"<html><body>{subject}.</body></html>"},
        "start": _zoned(start), "end": _zoned(end),
        "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {},
                     "coordinates": {}},
        "locations": [],
        "organizer": {"emailAddress": {"name": user.display_name, "address": user.principal_name}},
    }  # fmt: skip


def _change_key(mailbox: str, calendar: int, number: int, monday: datetime) -> str:
    """The version of one event: another one for each event, and after it has moved to another week."""
    week = monday.toordinal() // 7
    raw = bytes.fromhex(mailbox.zfill(32)) + bytes((calendar % 256, number % 256)) + week.to_bytes(4, "big")
    return base64.b64encode(raw).decode()


def _unique_id(mailbox: str, calendar: int, number: int) -> str:
    """The UID of an event across calendars and mailboxes; where Outlook has a time of creation its place is."""
    return f"{_GLOBAL_OBJECT_ID}00000000{calendar:08X}{number:08X}{0:016X}10000000{mailbox.upper()}"


def _zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


def in_zone(shape: Mapping[str, Any], zone: ZoneInfo, name: str) -> dict[str, Any]:
    """The event with `start` and `end` in another time zone.

    Args:
        shape: as it is kept, in UTC.
        name: what the client calls the zone.
    """
    moved = {side: _moved(shape[side]["dateTime"], zone, name) for side in ("start", "end")}
    return {**shape, **moved}


def _moved(text: str, zone: ZoneInfo, name: str) -> dict[str, str]:
    moment = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).astimezone(zone)
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": name}


def in_text(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The event with its body as text instead of HTML."""
    return {**shape, "body": {"contentType": "text", "content": shape["bodyPreview"]}}


EVENT_PROPERTIES = tuple(
    name
    for name in _event_shape(User(0, "", "", "", "", None, "mailbox"), 0, 0, datetime(2026, 1, 5, tzinfo=UTC))
    if name != "@odata.etag"
)
EVENT_DETAILS = frozenset({"body", "bodyPreview"})
"""What `Calendars.ReadBasic.All` does not show: https://learn.microsoft.com/en-us/graph/permissions-reference"""
