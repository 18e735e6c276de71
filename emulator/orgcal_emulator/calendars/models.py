"""Users by tenant, and their calendars and events, which are computed from the user."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orgcal_emulator.calendars.users import TenantUsers, User, user_shape
from orgcal_emulator.directory.models import Directory

_MANY_CALENDARS = 24
"""Calendars of the class `many_calendars`: more than two default pages."""

SUBJECTS = ("Planning", "One to one", "Review", "Customer call", "Lunch", "Focus time", "Release")


class Users:
    """Users of every tenant in the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._by_tenant: dict[str, TenantUsers] = {}

    def of(self, tenant_id: str) -> TenantUsers:
        """The users of a tenant that exists."""
        users = self._by_tenant.get(tenant_id)
        if users is None:
            tenant = self._directory.tenants.get(tenant_id)
            assert tenant is not None
            users = TenantUsers(tenant_id, tenant.default_domain, tenant.users)
            self._by_tenant[tenant_id] = users
        return users

    def set_exchange(self, tenant_named: str, *, online: bool) -> None:
        """Give a tenant Exchange Online, or take it away.

        Args:
            tenant_named: by id or domain.

        Raises:
            ValueError: there is no such tenant.
        """
        tenant = self._directory.tenant(tenant_named)
        if tenant is None:
            raise ValueError(f"there is no tenant {tenant_named!r}")
        users = {**tenant.users, "exchange_online": online}
        self._directory.tenants.put(tenant.tenant_id, replace(tenant, users=users))
        self._by_tenant.pop(tenant.tenant_id, None)

    def is_user(self, tenant_id: str, object_id: str) -> bool:
        """Whether the tenant has this user."""
        return self.of(tenant_id).find(object_id) is not None

    def shape(self, tenant_id: str, object_id: str) -> dict[str, Any] | None:
        """The user as on the wire, or None."""
        user = self.of(tenant_id).find(object_id)
        return user_shape(user) if user is not None else None

    def clear(self) -> None:
        """Forget what was computed (after a reset)."""
        self._by_tenant.clear()


def calendar_names(user: User) -> list[str]:
    """Names of a user's calendars, the default one first."""
    if user.mailbox == "many_calendars":
        return ["Calendar", *(f"Project {number}" for number in range(1, _MANY_CALENDARS))]
    return ["Calendar", "Birthdays", "Holidays in Switzerland"][: 1 + user.number % 3]


def calendar_id(user: User, number: int) -> str:
    """The id of a user's calendar: opaque to clients, but it holds user and number."""
    return f"AAMkAG{user.object_id.replace('-', '')}BGAAAAAA{number:04d}="


def calendar_number(user: User, identifier: str) -> int | None:
    """The number of the calendar with this id, if the user has it."""
    digits = identifier[-5:-1]
    number = int(digits) if digits.isascii() and digits.isdigit() else -1
    if 0 <= number < len(calendar_names(user)) and identifier == calendar_id(user, number):
        return number
    return None


def calendar_shape(user: User, number: int, name: str) -> dict[str, Any]:
    """A calendar with every property, as on the wire."""
    own = number != 1 or user.mailbox == "many_calendars"
    return {
        "id": calendar_id(user, number),
        "name": name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": number == 0,
        "changeKey": f"{user.number:016x}{number:04x}==",
        "canShare": own,
        "canViewPrivateItems": True,
        "canEdit": own,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"] if number == 0 else [],
        "defaultOnlineMeetingProvider": "teamsForBusiness" if number == 0 else "unknown",
        "isTallyingResponses": number == 0,
        "isRemovable": number != 0,
        "owner": {"name": user.display_name, "address": user.principal_name},
    }


CALENDAR_PROPERTIES = tuple(calendar_shape(User(0, "", "", "", "", None, "mailbox"), 0, ""))


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
    subject = SUBJECTS[(user.number + number) % len(SUBJECTS)]
    identifier = f"AAMkAG{user.object_id.replace('-', '')}BG{calendar:04d}{number:04d}="
    return {
        "id": identifier, "createdDateTime": made, "lastModifiedDateTime": made, "changeKey": f"{number:020x}==",
        "categories": [], "transactionId": None, "originalStartTimeZone": "UTC", "originalEndTimeZone": "UTC",
        "iCalUId": f"040000008200E00074C5B7101A82E008{calendar:04d}{number:04d}", "reminderMinutesBeforeStart": 15,
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


def _zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


EVENT_PROPERTIES = tuple(_event_shape(User(0, "", "", "", "", None, "mailbox"), 0, 0, datetime(2026, 1, 5, tzinfo=UTC)))
EVENT_DETAILS = frozenset({"body", "bodyPreview"})
"""What `Calendars.ReadBasic.All` does not show: https://learn.microsoft.com/en-us/graph/permissions-reference"""
