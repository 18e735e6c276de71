"""Graph routes of calendars and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from orgcal_emulator.calendars.errors import access_denied, invalid_user, kept_off, no_exchange, no_item, no_mailbox
from orgcal_emulator.calendars.models import (
    CALENDAR_PROPERTIES,
    EVENT_DETAILS,
    EVENT_PROPERTIES,
    Users,
    calendar_id,
    calendar_names,
    calendar_number,
    calendar_shape,
    events_of,
)
from orgcal_emulator.calendars.user_routes import UserRoutes
from orgcal_emulator.calendars.users import User
from orgcal_emulator.clock import Clock, parse_loosely
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_emulated, not_found
from orgcal_emulator.graph.filters import compile_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Needs, Route

_READ_ALL = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
READ_CALENDARS = Needs(_READ_ALL | {"Calendars.ReadBasic.All"}, refusal=access_denied)
"""https://learn.microsoft.com/en-us/graph/api/user-list-calendars"""

READ_ONE_CALENDAR = Needs(_READ_ALL, refusal=access_denied)
"""https://learn.microsoft.com/en-us/graph/api/calendar-get names no `Calendars.ReadBasic`"""

DEFAULT_PAGE = 10
LARGEST_PAGE = 1000
_FILTERABLE_EVENTS = ("subject", "importance", "isAllDay", "isCancelled", "sensitivity", "showAs", "type",
                      "start/dateTime", "end/dateTime", "createdDateTime", "lastModifiedDateTime")  # fmt: skip


def calendar_routes(users: Users, clock: Clock) -> list[Route]:
    """Routes of users, calendars and events."""
    return [*UserRoutes(users).routes(), *CalendarRoutes(users, clock).routes()]


class CalendarRoutes:
    """Calendars and events of a user."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self._users = users
        self._clock = clock

    def routes(self) -> list[Route]:
        """Every route."""
        handlers = {
            "users/{}/calendars": self.calendars,
            "users/{}/calendars/{}": self.calendar,
            "users/{}/calendar": self.default_calendar,
            "users/{}/events": self.events,
            "users/{}/calendar/events": self.events,
            "users/{}/calendars/{}/events": self.events,
            "users/{}/events/{}": self.event,
            "users/{}/calendar/events/{}": self.event,
            "users/{}/calendars/{}/events/{}": self.event,
            "users/{}/calendarView": self.view,
            "users/{}/calendar/calendarView": self.view,
            "users/{}/calendars/{}/calendarView": self.view,
        }
        one = ("users/{}/calendar", "users/{}/calendars/{}")
        return [
            Route("GET", path, handler, READ_ONE_CALENDAR if path in one else READ_CALENDARS, "outlook")
            for path, handler in handlers.items()
        ]

    def calendars(self, request: GraphRequest) -> GraphResponse:
        """A user's calendars by pages."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        names = odata.selected(request, "calendar", CALENDAR_PROPERTIES)
        user = self._mailbox(request)
        calendars = enumerate(calendar_names(user))
        shapes: Sequence[Mapping[str, Any]]
        if names is not None and list(names) == ["id"] and "filter" not in request.options:
            shapes = [{"id": calendar_id(user, number)} for number, _ in calendars]  # what is not wanted takes longer
        else:
            shapes = [calendar_shape(user, number, name) for number, name in calendars]
        if "filter" in request.options:
            test = compile_filter(request.options["filter"], "calendar", ("name", "isDefaultCalendar", "canEdit"))
            shapes = [each for each in shapes if test(each)]
        return _page(request, f"users('{quote(request.keys[0])}')/calendars", shapes, names)

    def calendar(self, request: GraphRequest) -> GraphResponse:
        """One calendar."""
        odata.check_options(request, "select")
        user = self._mailbox(request)
        return self._one(request, user, self._number(request, user))

    def default_calendar(self, request: GraphRequest) -> GraphResponse:
        """The default calendar."""
        odata.check_options(request, "select")
        return self._one(request, self._mailbox(request), 0)

    def events(self, request: GraphRequest) -> GraphResponse:
        """Events of one calendar, the default one if none is named."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        return self._events(request, None)

    def event(self, request: GraphRequest) -> GraphResponse:
        """One event, of any calendar unless one is named."""
        odata.check_options(request, "select")
        names = self._event_names(request)
        user = self._mailbox(request)
        numbers = [self._number(request, user)] if len(request.keys) > 2 else range(len(calendar_names(user)))
        for number in numbers:
            for shape in events_of(user, number, self._clock.now()):
                if shape["id"] == request.keys[-1]:
                    return odata.entity(request, f"users('{quote(request.keys[0])}')/events", shape, names)
        raise no_item()

    def view(self, request: GraphRequest) -> GraphResponse:
        """Events that touch a span of time."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        return self._events(request, _span(request))

    def _events(self, request: GraphRequest, span: tuple[float, float] | None) -> GraphResponse:
        names = self._event_names(request)
        user = self._mailbox(request)
        number = self._number(request, user) if len(request.keys) > 1 else 0
        shapes: Sequence[Mapping[str, Any]] = events_of(user, number, self._clock.now())
        if span is not None:
            shapes = [each for each in shapes if _instant(each["end"]) > span[0] and _instant(each["start"]) < span[1]]
        if "filter" in request.options:
            test = compile_filter(request.options["filter"], "event", _FILTERABLE_EVENTS)
            shapes = [each for each in shapes if test(each)]
        return _page(request, f"users('{quote(request.keys[0])}')/events", shapes, names)

    @staticmethod
    def _event_names(request: GraphRequest) -> Sequence[str] | None:
        """Properties of events that are asked for, of those that the caller may see; None for all."""
        prefer = request.headers.get("prefer", "").lower().replace('"', "")
        if "outlook.timezone=" in prefer and "outlook.timezone=utc" not in prefer:
            raise not_emulated("value", f"Prefer: {prefer}")
        basic = request.caller.roles.isdisjoint(_READ_ALL)
        known = [name for name in EVENT_PROPERTIES if not basic or name not in EVENT_DETAILS]
        return odata.selected(request, "event", known) or (known if basic else None)

    def _one(self, request: GraphRequest, user: User, number: int) -> GraphResponse:
        names = odata.selected(request, "calendar", CALENDAR_PROPERTIES)
        shape = calendar_shape(user, number, calendar_names(user)[number])
        return odata.entity(request, f"users('{quote(request.keys[0])}')/calendars", shape, names)

    @staticmethod
    def _number(request: GraphRequest, user: User) -> int:
        number = calendar_number(user, request.keys[1])
        if number is None:
            raise no_item()
        return number

    def _mailbox(self, request: GraphRequest) -> User:
        """The user, if it has a mailbox that this application may read.

        Raises:
            GraphFailure: 404, 403 or 401, each as Exchange or the directory words it.
        """
        named = request.keys[0]
        users = self._users.of(request.caller.tenant_id)
        if not users.exchange_online:
            raise no_exchange(request.caller.tenant_id)
        user = users.find(named)
        if user is None or user.mailbox == "vanished":
            raise not_found(named) if is_guid(named) else invalid_user(named)
        if user.mailbox in ("without", "on_premises"):
            raise no_mailbox()
        if user.mailbox == "guest":
            raise invalid_user(named)
        if user.mailbox == "restricted":
            raise access_denied()
        if user.mailbox == "access_policy":
            raise kept_off()
        return user


def _page(
    request: GraphRequest, context: str, shapes: Sequence[Mapping[str, Any]], names: Sequence[str] | None
) -> GraphResponse:
    """One page as Exchange gives it: its links count with `$skip`."""
    size = odata.page_size(request, DEFAULT_PAGE, LARGEST_PAGE)
    text = request.options.get("skip", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad_request(f"Invalid value '{text[:20]}' for $skip query option found.", "BadRequest")
    start = int(text)
    link = ""
    if start + size < len(shapes):
        options = {**request.options, "skip": str(start + size)}
        query = "&".join(f"{_option(name)}={quote(value, safe=',:')}" for name, value in options.items())
        path = "/".join(quote(segment, safe="") for segment in request.segments)
        link = f"{request.root}/{path}?{query}"
    wants_count = request.options.get("count", "false").lower() == "true"
    return odata.collection(
        request, context, shapes[start : start + size], names,
        next_link=link, count=len(shapes) if wants_count else None,
    )  # fmt: skip


def _option(name: str) -> str:
    return {"startdatetime": "startDateTime", "enddatetime": "endDateTime"}.get(name, f"${name}")


def _span(request: GraphRequest) -> tuple[float, float]:
    """Start and end of a calendar view."""
    moments = []
    for name, shown in (("startdatetime", "startDateTime"), ("enddatetime", "endDateTime")):
        text = request.options.get(name)
        if not text:
            raise bad_request("This request requires a time window specified by the query string parameters "
                              "StartDateTime and EndDateTime.", "ErrorInvalidParameter")  # fmt: skip
        try:
            moments.append(parse_loosely(text))
        except (ValueError, OverflowError):
            raise bad_request(f"The value '{text[:40]}' of parameter '{shown}' is invalid.",
                              "ErrorInvalidParameter") from None  # fmt: skip
    return moments[0], moments[1]


def _instant(moment: Mapping[str, str]) -> float:
    return parse_loosely(moment["dateTime"])
