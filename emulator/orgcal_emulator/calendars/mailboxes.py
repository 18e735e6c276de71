"""The mailbox and the calendar that a request names, and pages as Exchange gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from orgcal_emulator.calendars.errors import access_denied, invalid_user, kept_off, no_exchange, no_item, no_mailbox
from orgcal_emulator.calendars.models import Users, calendar_number
from orgcal_emulator.calendars.preferences import LARGEST_PAGE, OutlookPreferences
from orgcal_emulator.calendars.users import User
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_found
from orgcal_emulator.graph.messages import Caller, GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Needs

DEFAULT_PAGE = 10


class MailboxRights(Protocol):
    """What Exchange itself lets applications do, beside and against what is granted in Entra ID."""

    def has_any(self, principal_id: str, permissions: frozenset[str]) -> bool:
        """Whether Exchange gives the application one of `permissions` on some mailbox."""

    def may(self, principal_id: str, tenant_id: str, permissions: frozenset[str], user: User) -> bool:
        """Whether Exchange gives the application one of `permissions` on this mailbox."""

    def keeps_off(self, tenant_id: str, client_id: str, granted: Iterable[str], user: User) -> bool:
        """Whether Exchange keeps the application off this mailbox, although its token has `granted`."""


@dataclass(frozen=True, kw_only=True)
class MailboxNeeds(Needs):
    """Permissions of a mailbox's route: in the token, or given by Exchange on some mailbox; `Mailboxes.find` decides.

    Attributes:
        rights: what Exchange gives.
    """

    rights: MailboxRights

    def check(self, caller: Caller) -> bool:
        """As `Needs.check`."""
        if caller.roles.isdisjoint(self.any_of) and not self.rights.has_any(caller.principal_id, self.any_of):
            raise self.refusal(caller)
        return False


class Mailboxes:
    """Finds mailboxes, as far as Exchange lets the application.

    Args:
        rights: what Exchange itself gives and takes.
    """

    def __init__(self, users: Users, rights: MailboxRights) -> None:
        self._users = users
        self._rights = rights

    def find(self, request: GraphRequest, permissions: frozenset[str]) -> User:
        """The user, if it has a mailbox on which this application has one of `permissions`.

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
        self._check(request.caller, permissions, user)
        return user

    def may(self, request: GraphRequest, permissions: frozenset[str]) -> bool:
        """Whether the application has one of `permissions` on the mailbox that the path names."""
        caller = request.caller
        if not caller.roles.isdisjoint(permissions):
            return True
        user = self._users.of(caller.tenant_id).find(request.keys[0])
        return user is not None and self._rights.may(caller.principal_id, caller.tenant_id, permissions, user)

    def _check(self, caller: Caller, permissions: frozenset[str], user: User) -> None:
        """Refuse a mailbox that neither Exchange nor Entra ID opens to the application.

        What Exchange gives is added to what the token has; a policy limits only the latter.
        Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac
        """
        if self._rights.may(caller.principal_id, caller.tenant_id, permissions, user):
            return
        granted = caller.roles & permissions
        if not granted or user.mailbox == "restricted":
            raise access_denied()
        if user.mailbox == "access_policy" or self._rights.keeps_off(caller.tenant_id, caller.client_id, granted, user):
            raise kept_off()


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
