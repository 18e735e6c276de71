"""The one way to answer a Graph request, single or inside a batch."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.clock import Clock
from emulator.graph.errors import GraphFailure
from emulator.graph.messages import GraphRequest, GraphResponse
from emulator.graph.routing import Route, RouteTable


class Dispatcher:
    """Finds the route, checks the caller's permissions, runs the handler, shapes errors."""

    def __init__(self, routes: Iterable[Route], clock: Clock) -> None:
        self.table = RouteTable(routes)
        self._clock = clock

    def answer(self, request: GraphRequest, request_id: str, client_request_id: str) -> GraphResponse:
        """The answer to `request`; errors are answers too."""
        try:
            route, request.keys = self.table.find(request)
            request.owned_only = route.needs.check(request.caller)
            return route.handler(request)
        except GraphFailure as failure:
            return self.refusal(failure, request_id, client_request_id)

    def refusal(self, failure: GraphFailure, request_id: str, client_request_id: str) -> GraphResponse:
        """An error as an answer."""
        return GraphResponse(
            failure.status,
            failure.body(self._clock.now(), request_id, client_request_id),
            failure.headers,
            failure.code if failure.status == 501 else "",
        )
