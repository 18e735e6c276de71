"""Control routes, for tests and for whoever runs the emulator. They need the control token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.clock import rfc3339
from emulator.world import EmulatedCloud

PREFIX = "/_emulator"

Handler = Callable[[Request], Awaitable[Response]]


class ControlFailure(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class ControlRoutes:
    """`/_emulator`."""

    def __init__(self, cloud: EmulatedCloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            self._route("/health", GET=self.health),
            self._route("/journal", GET=self.journal, DELETE=self.clear_journal),
            self._route("/reset", POST=self.reset),
            self._route("/clock", GET=self.clock, POST=self.move_clock),
        ]

    def _route(self, path: str, **handlers: Handler) -> Route:
        """A route whose caller must show the control token and must not be a web page of somebody else."""

        async def handle(request: Request) -> Response:
            try:
                self._check(request)
                handler = handlers.get(request.method)
                if handler is None:
                    raise ControlFailure(405, "method_not_allowed", f"{request.method} is not possible here")
                request.state.principal = "control"
                return await handler(request)
            except ControlFailure as failure:
                body = {"error": {"code": failure.code, "message": failure.message}}
                return JSONResponse(body, failure.status)

        return Route(PREFIX + path, handle, methods=["GET", "POST", "PUT", "DELETE"])

    def _check(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"https://{request.headers['host']}":
            raise ControlFailure(403, "foreign_origin", "control routes are not for web pages")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        wanted = self._cloud.own.control_token
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), wanted.encode()):
            raise ControlFailure(401, "unauthorized", "the control token is missing or wrong")

    async def health(self, _request: Request) -> Response:
        """Whether it runs, and how much it holds."""
        directory = self._cloud.directory
        return JSONResponse(
            {
                "status": "ok",
                "now": rfc3339(self._cloud.clock.now()),
                "directory_id": self._cloud.directory_id,
                "tenants": len(directory.tenants),
                "applications": len(directory.applications),
                "service_principals": len(directory.service_principals),
            }
        )

    async def journal(self, request: Request) -> Response:
        """Lines after `?after=N`."""
        text = request.query_params.get("after", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise ControlFailure(400, "invalid_query", "`after` must be a whole number")
        journal = self._cloud.journal
        return JSONResponse({"entries": journal.entries(int(text)), "dropped": journal.dropped})

    async def clear_journal(self, _request: Request) -> Response:
        """Forget the lines."""
        self._cloud.journal.clear()
        return Response(status_code=204)

    async def reset(self, _request: Request) -> Response:
        """Back to the seed."""
        self._cloud.reset()
        return JSONResponse({"status": "ok"})

    async def clock(self, _request: Request) -> Response:
        """The emulated time."""
        return self._time()

    async def move_clock(self, request: Request) -> Response:
        """Move the emulated time: `{"advance_s": N}`."""
        body = await read_object(request)
        seconds = body.get("advance_s")
        if set(body) != {"advance_s"} or isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ControlFailure(400, "invalid_body", 'expected {"advance_s": seconds}')
        try:
            self._cloud.move_clock(seconds)
        except ValueError as error:
            raise ControlFailure(400, "invalid_body", str(error)) from error
        return self._time()

    def _time(self) -> Response:
        clock = self._cloud.clock
        return JSONResponse({"now": rfc3339(clock.now()), "offset_s": clock.offset_s})


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; nothing at all counts as an empty one.

    Raises:
        ControlFailure: 400.
    """
    raw = await request.body()
    try:
        value = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        raise ControlFailure(400, "invalid_body", "the body is no JSON") from None
    if not isinstance(value, dict):
        raise ControlFailure(400, "invalid_body", "the body must be an object")
    return value
