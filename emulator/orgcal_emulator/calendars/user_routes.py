"""Graph routes of users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orgcal_emulator.calendars.errors import only_with_a_user
from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.users import (
    DEFAULT_PROPERTIES,
    FURTHER,
    PROPERTIES,
    TenantUsers,
    User,
    further_shape,
    user_shape,
    user_with,
)
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.ordering import order_of
from orgcal_emulator.graph.routing import Needs, Route, needs

READ_USERS = needs("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
"""https://learn.microsoft.com/en-us/graph/api/user-list; `User.ReadBasic.All` is refused here, as callers report."""

FILTERABLE = ("accountEnabled", "companyName", "department", "displayName", "employeeId", "givenName", "id",
              "jobTitle", "mail", "mailNickname", "surname", "userPrincipalName", "userType")  # fmt: skip
ORDERABLE = ("displayName", "userPrincipalName")
MOST_SORTED = 100_000
"""Users of a tenant whose list is sorted; sorting more would keep other clients waiting."""

DEFAULT_PAGE = 100
LARGEST_PAGE = 999
_ANYBODY = Needs(frozenset(), refusal=lambda _: only_with_a_user())
_BY_NAME = re.compile(r"\s*(?:id|userPrincipalName)\s+eq\s+'([^']+)'\s*", re.IGNORECASE)


class UserRoutes:
    """`/users`."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", "users", self.index, READ_USERS),
            Route("GET", "users/$count", self.count, READ_USERS),
            Route("GET", "users/{}", self.get, READ_USERS),
            Route("GET", "users/{}/manager", self.manager, READ_USERS),
            Route("GET", "me", self.get, _ANYBODY),
            Route("GET", "me/calendars", self.get, _ANYBODY),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """The tenant's users by pages."""
        odata.check_options(request, "select", "filter", "top", "skiptoken", "count", "orderby")
        order = order_of(request, "user", ORDERABLE)
        names = odata.selected(request, "user", PROPERTIES) or list(DEFAULT_PROPERTIES)
        size = odata.page_size(request, DEFAULT_PAGE, LARGEST_PAGE)
        start = odata.page_start(request)
        users = self._users.of(request.caller.tenant_id)
        shapes: list[dict[str, Any]] = []
        next_start = 0
        if order:
            found = self._sorted(users, request, start, order)
        elif list(names) == ["id"] and "filter" not in request.options:
            found = _ids(users, start)
        else:
            found = self._found(users, request, start)
        further = not FURTHER.isdisjoint(names)
        for number, shape in found:
            if len(shapes) == size:
                next_start = number
                break
            full = {**shape, **further_shape(guest=shape["userType"] == "Guest")} if further else shape
            shapes.append({name: full[name] for name in names})
        total = self._count(users, request) if odata.wants_count(request) else None
        return odata.collection(
            request,
            "users" + (f"({','.join(names)})" if "select" in request.options else ""),
            shapes,
            next_link=odata.next_link(request, next_start) if next_start else "",
            count=total,
        )

    def count(self, request: GraphRequest) -> GraphResponse:
        """The number of users, as text."""
        odata.check_options(request, "filter")
        if not odata.is_eventual(request):
            raise bad_request("$count is not currently supported.")
        number = self._count(self._users.of(request.caller.tenant_id), request)
        return GraphResponse(200, str(number).encode(), {"Content-Type": "text/plain"})

    def get(self, request: GraphRequest) -> GraphResponse:
        """One user by id or principal name."""
        odata.check_options(request, "select")
        names = odata.selected(request, "user", PROPERTIES)
        user = self._users.of(request.caller.tenant_id).find(request.keys[0])
        if user is None or user.mailbox == "vanished":
            raise not_found(request.keys[0])
        return odata.entity(request, "users", user_with(user, names or DEFAULT_PROPERTIES), names)

    def manager(self, request: GraphRequest) -> GraphResponse:
        """Nobody has a manager here."""
        user = self._users.of(request.caller.tenant_id).find(request.keys[0])
        raise not_found(request.keys[0] if user is None or user.mailbox == "vanished" else "manager")

    @staticmethod
    def _sorted(
        users: TenantUsers, request: GraphRequest, start: int, order: list[tuple[str, bool]]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Users that pass the request's filter in its order, each with its place there, from place `start` on."""
        if users.count > MOST_SORTED or len(order) > 1:
            raise not_emulated("orderby", f"user: {request.options['orderby']} of {users.count} users")
        test = directory_filter(request, "user", FILTERABLE) if "filter" in request.options else None
        ((name, descending),) = order
        numbers = users.sorted_by(name, descending=descending)
        for place in range(start, len(numbers)):
            shape = user_shape(users.at(numbers[place]))
            if test is None or test(shape):
                yield place, shape

    @staticmethod
    def _found(users: TenantUsers, request: GraphRequest, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Users from number `start` on that pass the request's filter."""
        text = request.options.get("filter")
        if text is None:
            for number in range(start, users.count):
                yield number, user_shape(users.at(number))
            return
        test = directory_filter(request, "user", FILTERABLE)
        for number in _candidates(users, text, start):
            shape = user_shape(users.at(number))
            if test(shape):
                yield number, shape

    @staticmethod
    def _count(users: TenantUsers, request: GraphRequest) -> int:
        text = request.options.get("filter")
        if text is None:
            return users.count
        test = directory_filter(request, "user", FILTERABLE)
        return sum(test(user_shape(users.at(number))) for number in _candidates(users, text, 0))


def _ids(users: TenantUsers, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Users of whom only the id is wanted: nearly all that list a large tenant, and the rest of a user takes longer."""
    for number in range(start, users.count):
        yield number, {"id": users.object_id(number)}


def _candidates(users: TenantUsers, text: str, start: int) -> range:
    """Numbers of users that a filter may let through: one where it names an id, else all of them."""
    match = _BY_NAME.fullmatch(text)
    if match is None:
        return range(start, users.count)
    user: User | None = users.find(match.group(1))
    return range(user.number, user.number + 1) if user is not None and user.number >= start else range(0)
