"""Graph routes of calendars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from orgcal_emulator.calendars.delta_routes import DeltaRoutes
from orgcal_emulator.calendars.errors import not_permitted
from orgcal_emulator.calendars.event_routes import CAN_LIST_CALENDARS, CAN_READ_EVENTS, EventRoutes
from orgcal_emulator.calendars.group_routes import GroupRoutes
from orgcal_emulator.calendars.mailboxes import (
    Mailboxes,
    MailboxNeeds,
    MailboxRights,
    calendar_named,
    item_page,
    shown,
)
from orgcal_emulator.calendars.models import Users, calendar_id, calendar_names, calendar_shape
from orgcal_emulator.calendars.preferences import NO_PREFERENCES, outlook_preferences
from orgcal_emulator.calendars.user_routes import UserRoutes
from orgcal_emulator.calendars.users import User
from orgcal_emulator.clock import Clock
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.filters import compile_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Needs, Route

READ_ONE_CALENDAR = CAN_READ_EVENTS
"""https://learn.microsoft.com/en-us/graph/api/calendar-get names no `Calendars.ReadBasic`"""


CALENDAR_PROPERTIES = tuple(calendar_shape(User(0, "", "", "", "", None, "mailbox"), 0, ""))


def calendar_routes(users: Users, clock: Clock, rights: MailboxRights) -> list[Route]:
    """Routes of users, groups, calendars and events."""
    mailboxes = Mailboxes(users, rights)
    list_calendars, read_one = (
        MailboxNeeds(permissions, refusal=not_permitted, rights=rights)
        for permissions in (CAN_LIST_CALENDARS, READ_ONE_CALENDAR)
    )
    return [
        *UserRoutes(users).routes(),
        *DeltaRoutes(users, clock).routes(),
        *GroupRoutes(users).routes(),
        *CalendarRoutes(mailboxes).routes(list_calendars, read_one),
        *EventRoutes(mailboxes, clock).routes(list_calendars),
    ]


class CalendarRoutes:
    """Calendars of a user."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes

    def routes(self, list_calendars: Needs, read_one: Needs) -> list[Route]:
        """Every route.

        Args:
            list_calendars: permissions of the list.
            read_one: permissions of one calendar.
        """
        return [
            Route("GET", "users/{}/calendars", self.calendars, list_calendars, "outlook"),
            Route("GET", "users/{}/calendars/{}", self.calendar, read_one, "outlook"),
            Route("GET", "users/{}/calendar", self.default_calendar, read_one, "outlook"),
        ]

    def calendars(self, request: GraphRequest) -> GraphResponse:
        """A user's calendars by pages."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        names = odata.selected(request, "calendar", CALENDAR_PROPERTIES)
        preferred = outlook_preferences(request) if "prefer" in request.headers else NO_PREFERENCES
        user = self._mailboxes.find(request, CAN_LIST_CALENDARS)
        calendars = enumerate(calendar_names(user))
        shapes: Sequence[Mapping[str, Any]]
        if names is not None and list(names) == ["id"] and "filter" not in request.options:
            shapes = [{"id": calendar_id(user, number)} for number, _ in calendars]  # what is not wanted takes longer
        else:
            shapes = [calendar_shape(user, number, name) for number, name in calendars]
        if "filter" in request.options:
            test = compile_filter(request.options["filter"], "calendar", ("name", "isDefaultCalendar", "canEdit"))
            shapes = [each for each in shapes if test(each)]
        response = item_page(request, f"users('{quote(request.keys[0])}')/calendars", shapes, preferred, names)
        if preferred is not NO_PREFERENCES:
            response.headers = preferred.applied(of_list=True)
        return response

    def calendar(self, request: GraphRequest) -> GraphResponse:
        """One calendar."""
        odata.check_options(request, "select")
        user = self._mailboxes.find(request, READ_ONE_CALENDAR)
        return self._one(request, user, calendar_named(request, user))

    def default_calendar(self, request: GraphRequest) -> GraphResponse:
        """The default calendar."""
        odata.check_options(request, "select")
        return self._one(request, self._mailboxes.find(request, READ_ONE_CALENDAR), 0)

    @staticmethod
    def _one(request: GraphRequest, user: User, number: int) -> GraphResponse:
        names = odata.selected(request, "calendar", CALENDAR_PROPERTIES)
        preferred = outlook_preferences(request)
        shape = odata.pick(calendar_shape(user, number, calendar_names(user)[number]), shown(names))
        chosen = f"({','.join(names)})" if names else ""
        response = odata.entity(request, f"users('{quote(request.keys[0])}')/calendars{chosen}", shape)
        response.headers = preferred.applied()
        return response
