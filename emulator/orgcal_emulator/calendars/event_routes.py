"""Graph routes of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from orgcal_emulator.calendars.errors import no_item
from orgcal_emulator.calendars.events import EVENT_DETAILS, EVENT_PROPERTIES, events_of, in_text, in_zone
from orgcal_emulator.calendars.mailboxes import Mailboxes, calendar_named, item_page, shown
from orgcal_emulator.calendars.models import calendar_names
from orgcal_emulator.calendars.preferences import OutlookPreferences, outlook_preferences
from orgcal_emulator.clock import Clock, parse_loosely
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request
from orgcal_emulator.graph.filters import compile_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Needs, Route

CAN_READ_EVENTS = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
"""Application permissions that show whole events."""

CAN_LIST_CALENDARS = CAN_READ_EVENTS | {"Calendars.ReadBasic.All"}
"""https://learn.microsoft.com/en-us/graph/api/user-list-calendars and user-list-events"""

_FILTERABLE = ("subject", "importance", "isAllDay", "isCancelled", "sensitivity", "showAs", "type", "iCalUId",
               "start/dateTime", "end/dateTime", "createdDateTime", "lastModifiedDateTime")  # fmt: skip
_ETAG = "@odata.etag"


class EventRoutes:
    """Events of a user, listed and one by one."""

    def __init__(self, mailboxes: Mailboxes, clock: Clock) -> None:
        self._mailboxes = mailboxes
        self._clock = clock

    def routes(self, needs: Needs) -> list[Route]:
        """Every route.

        Args:
            needs: permissions of each.
        """
        table = []
        for place in ("users/{}", "users/{}/calendar", "users/{}/calendars/{}"):
            table += [
                Route("GET", f"{place}/events", self.events, needs, "outlook"),
                Route("GET", f"{place}/events/{{}}", self.event, needs, "outlook"),
                Route("GET", f"{place}/calendarView", self.view, needs, "outlook"),
            ]
        return table

    def events(self, request: GraphRequest) -> GraphResponse:
        """Events of one calendar, the default one if none is named."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        return self._events(request, None)

    def event(self, request: GraphRequest) -> GraphResponse:
        """One event, of any calendar unless one is named."""
        odata.check_options(request, "select")
        names = odata.selected(request, "event", self._readable(request))
        preferred = outlook_preferences(request)
        user = self._mailboxes.find(request, CAN_LIST_CALENDARS)
        numbers = [calendar_named(request, user)] if len(request.keys) > 2 else range(len(calendar_names(user)))
        for number in numbers:
            for shape in events_of(user, number, self._clock.now()):
                if shape["id"] == request.keys[-1]:
                    return self._one(request, shape, preferred, names)
        raise no_item()

    def view(self, request: GraphRequest) -> GraphResponse:
        """Events that touch a span of time."""
        odata.check_options(request, "select", "filter", "top", "skip", "count")
        return self._events(request, _span(request))

    def _events(self, request: GraphRequest, span: tuple[float, float] | None) -> GraphResponse:
        names = odata.selected(request, "event", self._readable(request))
        preferred = outlook_preferences(request)
        user = self._mailboxes.find(request, CAN_LIST_CALENDARS)
        number = calendar_named(request, user) if len(request.keys) > 1 else 0
        shapes: Sequence[Mapping[str, Any]] = events_of(user, number, self._clock.now())
        if span is not None:
            shapes = [each for each in shapes if _instant(each["end"]) > span[0] and _instant(each["start"]) < span[1]]
        if "filter" in request.options:
            test = compile_filter(request.options["filter"], "event", _FILTERABLE)
            shapes = [each for each in shapes if test(each)]
        context = f"users('{quote(request.keys[0])}')/events"
        response = item_page(request, context, self._preferred(request, shapes, preferred), preferred, names, _ETAG)
        response.headers = preferred.applied(of_events=True, of_list=True)
        return response

    def _one(
        self,
        request: GraphRequest,
        shape: Mapping[str, Any],
        preferred: OutlookPreferences,
        names: Sequence[str] | None,
    ) -> GraphResponse:
        chosen = f"({','.join(names)})" if names else ""
        (wanted,) = self._preferred(request, [shape], preferred)
        event = odata.pick(wanted, shown(names, _ETAG))
        response = odata.entity(request, f"users('{quote(request.keys[0])}')/events{chosen}", event)
        response.headers = preferred.applied(of_events=True)
        return response

    def _preferred(
        self, request: GraphRequest, shapes: Iterable[Mapping[str, Any]], preferred: OutlookPreferences
    ) -> list[Mapping[str, Any]]:
        """What the caller may see of events, with the body and in the time zone that it prefers."""
        wanted = list(shapes)
        if preferred.body_type == "text":
            wanted = [in_text(each) for each in wanted]
        if preferred.zone is not None:
            wanted = [in_zone(each, preferred.zone, preferred.zone_name) for each in wanted]
        if self._sees_basics_only(request):
            wanted = [{name: value for name, value in each.items() if name not in EVENT_DETAILS} for each in wanted]
        return wanted

    def _sees_basics_only(self, request: GraphRequest) -> bool:
        return not self._mailboxes.may(request, CAN_READ_EVENTS)

    def _readable(self, request: GraphRequest) -> Sequence[str]:
        """Properties of events that the caller may see."""
        if not self._sees_basics_only(request):
            return EVENT_PROPERTIES
        return [name for name in EVENT_PROPERTIES if name not in EVENT_DETAILS]


def _span(request: GraphRequest) -> tuple[float, float]:
    """Start and end of a calendar view."""
    moments = []
    for name, spelled in (("startdatetime", "startDateTime"), ("enddatetime", "endDateTime")):
        text = request.options.get(name)
        if not text:
            raise bad_request("This request requires a time window specified by the query string parameters "
                              "StartDateTime and EndDateTime.", "ErrorInvalidParameter")  # fmt: skip
        try:
            moments.append(parse_loosely(text))
        except (ValueError, OverflowError):
            raise bad_request(f"The value '{text[:40]}' of parameter '{spelled}' is invalid.",
                              "ErrorInvalidParameter") from None  # fmt: skip
    return moments[0], moments[1]


def _instant(moment: Mapping[str, str]) -> float:
    return parse_loosely(moment["dateTime"])
