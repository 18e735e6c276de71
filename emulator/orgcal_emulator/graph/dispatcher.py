"""The one way to answer a Graph request, single or inside a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orgcal_emulator.clock import Clock
from orgcal_emulator.graph.errors import GraphFailure
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.preferences import wants_no_metadata, without_metadata
from orgcal_emulator.graph.routing import Route, RouteTable
from orgcal_emulator.throttling.limits import Limits, Use
from orgcal_emulator.throttling.models import Stay

CountUsers = Callable[[str], int]
"""Number of users of a tenant: the limits of the identity service depend on it."""

_LONGEST_NAME = 320


class Dispatcher:
    """Finds the route, counts the request against the limits, checks permissions, runs the handler, shapes errors."""

    def __init__(self, routes: Iterable[Route], clock: Clock, limits: Limits, count_users: CountUsers) -> None:
        self.table = RouteTable(routes)
        self.limits = limits
        self._clock = clock
        self._count_users = count_users

    def methods(self, segments: list[str]) -> str:
        """The methods of a path, as the header `Allow` lists them.

        Raises:
            GraphFailure: 501 for a path that is not modelled.
        """
        return "POST, OPTIONS" if segments == ["$batch"] else ", ".join(self.table.methods(segments))

    def answer(self, request: GraphRequest, request_id: str, client_request_id: str, stay: Stay) -> GraphResponse:
        """The answer to `request`; errors are answers too.

        Args:
            stay: gathers how long the answer takes.
        """
        headers: dict[str, str] = {}
        try:
            route, request.keys = self.table.find(request)
            use = self._use(request, route)
            headers = self.limits.take(use)
            if stay.latency or stay.extra_s:
                self._enter(use, stay)
            request.owned_only = route.needs.check(request.caller)
            bare = wants_no_metadata(request)
            response = route.handler(request)
            if bare:
                response = without_metadata(response)
        except GraphFailure as failure:
            response = self.refusal(failure, request_id, client_request_id)
        if headers:
            response.headers = {**headers, **response.headers}
        return response

    def _enter(self, use: Use, stay: Stay) -> None:
        """The answer takes time: its mailbox is busy meanwhile. One batch never loads a mailbox beyond its limit."""
        stay.add(use.group)
        if use.mailbox and use.mailbox not in stay.mailboxes:
            self.limits.enter(use.client_id, use.mailbox)
            stay.mailboxes.append(use.mailbox)

    def refusal(self, failure: GraphFailure, request_id: str, client_request_id: str) -> GraphResponse:
        """An error as an answer."""
        return GraphResponse(
            failure.status,
            failure.body(self._clock.now(), request_id, client_request_id),
            failure.headers,
            failure.code if failure.status == 501 else "",
        )

    def _use(self, request: GraphRequest, route: Route) -> Use:
        caller = request.caller
        if route.group == "outlook":
            return Use(caller.client_id, caller.tenant_id, 0, "outlook", mailbox_of(request), 0)
        return Use(
            caller.client_id, caller.tenant_id, self._count_users(caller.tenant_id), "identity", "",
            _units(request, route),
        )  # fmt: skip


def mailbox_of(request: GraphRequest) -> str:
    """The mailbox that a calendar request names; no name is longer than this, and the limits remember every one."""
    return f"{request.caller.tenant_id}/{request.segments[1][:_LONGEST_NAME].lower()}"


_BASE_UNITS = {
    ("GET", "applications"): 2,
    ("GET", "servicePrincipals/{}/appRoleAssignments"): 2,
    ("GET", "groups/{}/members"): 3,
    ("GET", "groups/{}/transitiveMembers"): 5,
    ("GET", "users"): 2,
    ("POST", "directoryObjects/getByIds"): 3,
}
"""Base costs; every other request costs one unit."""


def _units(request: GraphRequest, route: Route) -> int:
    """Cost in resource units: https://learn.microsoft.com/en-us/graph/throttling-limits (identity and access)."""
    top = request.options.get("top", "")
    small = top.isascii() and top.isdigit() and int(top[:9]) < 20
    options = request.options
    base = _BASE_UNITS.get((route.method, route.path), 1) + ("expand" in options)
    return max(1, base - ("select" in options) - small)
