"""The mailbox and the calendar that a request names, and pages as Exchange gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from orgcal_emulator.calendars.errors import access_denied, invalid_user, kept_off, no_exchange, no_item, no_mailbox
from orgcal_emulator.calendars.models import Users, calendar_number
from orgcal_emulator.calendars.preferences import LARGEST_PAGE, OutlookPreferences
from orgcal_emulator.calendars.users import User
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_found
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse

DEFAULT_PAGE = 10


class Mailboxes:
    """Finds mailboxes, as far as Exchange lets the application."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def find(self, request: GraphRequest) -> User:
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


def calendar_named(request: GraphRequest, user: User) -> int:
    """The number of the calendar that the path names.

    Raises:
        GraphFailure: 404, the user has none with this id.
    """
    number = calendar_number(user, request.keys[1])
    if number is None:
        raise no_item()
    return number


def shown(names: Sequence[str] | None, *annotations: str) -> Sequence[str] | None:
    """The properties of an answer: Exchange adds the id, and the annotations of an item, to what is selected."""
    if names is None or ("id" in names and not annotations):
        return names
    return (*annotations, "id", *(name for name in names if name != "id"))


def item_page(
    request: GraphRequest,
    context: str,
    shapes: Sequence[Mapping[str, Any]],
    preferred: OutlookPreferences,
    names: Sequence[str] | None,
    *annotations: str,
) -> GraphResponse:
    """One page as Exchange gives it: its links count with `$skip`.

    Args:
        context: what the items are, for `@odata.context`.
        names: properties that were selected.
        annotations: names of annotations that each item has besides.
    """
    size = odata.page_size(request, preferred.page_size or DEFAULT_PAGE, LARGEST_PAGE)
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
    chosen = f"({','.join(names)})" if names else ""
    return odata.collection(
        request, context, shapes[start : start + size], shown(names, *annotations),
        next_link=link, count=len(shapes) if wants_count else None, chosen=chosen,
    )  # fmt: skip


def _option(name: str) -> str:
    return {"startdatetime": "startDateTime", "enddatetime": "endDateTime"}.get(name, f"${name}")
