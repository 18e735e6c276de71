"""What a client may prefer of an answer about calendars: body type, time zone, page size, ids that stay.

Each is honoured and named in `Preference-Applied`, or refused by name. Sources:
https://learn.microsoft.com/en-us/graph/api/user-list-events (request headers) and
https://learn.microsoft.com/en-us/graph/outlook-immutable-id
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from orgcal_emulator.calendars.time_zones import time_zone
from orgcal_emulator.graph.errors import GraphFailure, not_emulated
from orgcal_emulator.graph.messages import GraphRequest
from orgcal_emulator.graph.prefer import page_size_preferred, preferences

LARGEST_PAGE = 1000

_BODY, _ZONE, _IDS = "outlook.body-content-type", "outlook.timezone", "idtype"


@dataclass(frozen=True)
class OutlookPreferences:
    """What a client prefers.

    Attributes:
        body_type: `text` or `html`; empty where it does not matter to the client.
        zone: time zone of `start` and `end`; None for UTC.
        zone_name: its name as the client wrote it; empty where the client named none.
        page_size: entries of a page at most.
        immutable_ids: ids that stay when an item moves; ids here always do.
    """

    body_type: str = ""
    zone: ZoneInfo | None = None
    zone_name: str = ""
    page_size: int | None = None
    immutable_ids: bool = False

    def applied(self, *, of_events: bool = False, of_list: bool = False) -> dict[str, str]:
        """The header that says what was honoured.

        Args:
            of_events: the answer has events, so it has bodies and times.
            of_list: it has pages.
        """
        said = []
        if of_events and self.body_type:
            said.append(f'{_BODY}="{self.body_type}"')
        if of_events and self.zone_name:
            said.append(f'{_ZONE}="{self.zone_name}"')
        if of_list and self.page_size is not None:
            said.append(f"odata.maxpagesize={self.page_size}")
        if self.immutable_ids:
            said.append('IdType="ImmutableId"')
        return {"Preference-Applied": ", ".join(said)} if said else {}


NO_PREFERENCES = OutlookPreferences()


def outlook_preferences(request: GraphRequest) -> OutlookPreferences:
    """What the request's header `Prefer` asks for; preferences that are not Outlook's are ignored, as OData allows.

    Raises:
        GraphFailure: 400 for a time zone that nobody knows, 501 naming a preference of Outlook that is not modelled.
    """
    header = request.headers.get("prefer")
    if not header:
        return NO_PREFERENCES
    found = preferences(header)
    for name, value in found.items():
        if name.startswith(("outlook.", "exchange.")) and name not in (_BODY, _ZONE):
            raise not_emulated("value", f"Prefer: {name}={value}")
    body_type = found.get(_BODY, "").lower()
    if _BODY in found and body_type not in ("text", "html"):
        raise not_emulated("value", f"Prefer: {_BODY}={found[_BODY]}")
    if _IDS in found and found[_IDS].lower() != "immutableid":
        raise not_emulated("value", f"Prefer: IdType={found[_IDS]}")
    zone_name = found.get(_ZONE, "")
    return OutlookPreferences(
        body_type, _zone(zone_name) if _ZONE in found else None, zone_name, page_size_preferred(found, LARGEST_PAGE),
        _IDS in found,
    )  # fmt: skip


def _zone(name: str) -> ZoneInfo:
    zone = time_zone(name) if name.isprintable() and name.isascii() else None
    if zone is None:
        raise GraphFailure(
            400,
            "TimeZoneNotSupportedException",
            f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name[:80]}'.",
        )
    return zone
