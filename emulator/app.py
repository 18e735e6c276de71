"""The front door: checks host and size of every request, sends Graph's to Graph and the rest to its routes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.connections import cut_in_half, reset_connection
from emulator.control import PREFIX as CONTROL_PREFIX
from emulator.control import ControlRoutes
from emulator.entra.consent import ConsentRoutes
from emulator.entra.routes import EntraRoutes
from emulator.graph.errors import GraphFailure
from emulator.integration.nango_routes import NangoRoutes
from emulator.integration.routes import PlatformRoutes
from emulator.journal import loggable
from emulator.traffic.faults import Fault
from emulator.world import EmulatedCloud

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 4 * 1024 * 1024
"""Graph takes write requests of up to 4 MB."""

_OWN_PATHS = (CONTROL_PREFIX, "/platform/")
"""Routes that are not Entra's."""

_log = logging.getLogger("emulator")


class _TooLarge(Exception):
    """The body is larger than `LARGEST_BODY`."""


class EmulatorApp:
    """The ASGI application.

    Args:
        cloud: what it serves.
    """

    def __init__(self, cloud: EmulatedCloud) -> None:
        self.cloud = cloud
        self._hosts: frozenset[str] = frozenset()
        entra = EntraRoutes(cloud.tokens, cloud.key, cloud.clock)
        self._rest = Starlette(
            routes=[
                *ControlRoutes(cloud).routes(),
                *PlatformRoutes(cloud.platform, cloud.tokens, cloud.directory, cloud.own.platform_api_key).routes(),
                *NangoRoutes(cloud.nango, cloud.own.platform_api_key).routes(),
                *ConsentRoutes(cloud.directory, cloud.users, cloud.clock, cloud.addresses).routes(),
                *entra.routes(),
            ],
            exception_handlers={HTTPException: _unknown_route},
        )
        self._rest.router.redirect_slashes = False

    def serve_as(self, hosts: frozenset[str]) -> None:
        """Answer to these hosts only (`localhost:1234`); a web page elsewhere cannot reach us under its own name."""
        self._hosts = hosts
        self.cloud.addresses.urls = frozenset(f"https://{host}" for host in hosts)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw_path: str = scope["raw_path"].decode("latin-1")
        query: str = scope["query_string"].decode("latin-1")
        host = headers.get("host", "").lower()
        is_graph = raw_path.startswith(("/v1.0/", "/beta/"))
        if host not in self._hosts:
            await self._refuse(scope, send, 421, "MisdirectedRequest", "This emulator does not answer to that host.")
            return
        try:
            body = await _read_body(receive, headers)
        except _TooLarge:
            await self._refuse(scope, send, 413, "RequestEntityTooLarge", "The request body is larger than 4 MB.")
            return
        try:
            if self.cloud.traffic.faults:
                fault = self.cloud.traffic.faults.take(scope["method"], _target(raw_path, query))
                if fault is not None:
                    await asyncio.sleep(fault.delay_s)
                    if fault.action in ("answer", "reset"):
                        await self._fail(fault, scope, receive, send, is_graph=is_graph)
                        return
                    if fault.action == "cut":
                        send = cut_in_half(send, receive)
            if is_graph:
                await self.cloud.graph.answer(scope["method"], raw_path, query, headers, body, f"https://{host}", send)
            else:
                await self._answer_rest(scope, body, send)
        except Exception:  # noqa: BLE001 - the last net: a fault of ours is logged here and answered without its trace
            _log.exception("a request could not be answered")
            self.cloud.database.commit()
            await self._refuse(scope, send, 503, "serviceNotAvailable", "The emulator failed on this request.")

    async def _fail(
        self, fault: Fault, scope: MutableMapping[str, Any], receive: Receive, send: Send, *, is_graph: bool
    ) -> None:
        """Answer as a scripted fault says, or reset the connection."""
        if fault.action == "reset":
            self._note(scope, 0)
            await reset_connection(receive)
            return
        body: dict[str, Any]
        if not is_graph and "/oauth2/" in scope["path"]:
            body = {"error": fault.code, "error_description": fault.message, "error_codes": []}
        else:
            body = fault.failure().body(self.cloud.clock.now(), "", "")
        await self._send_json(scope, send, fault.status, body, fault.headers)

    async def _answer_rest(self, scope: MutableMapping[str, Any], body: bytes, send: Send) -> None:
        status = 0

        async def receive_again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def commit_and_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.cloud.database.commit()
                self._note(scope, status)
            await send(message)

        scope.setdefault("state", {})
        if self.cloud.traffic.latency.entra_s > 0 and not scope["path"].startswith(_OWN_PATHS):
            await asyncio.sleep(self.cloud.traffic.latency.entra_s)
        await self._rest(scope, receive_again, commit_and_send)

    async def _refuse(self, scope: MutableMapping[str, Any], send: Send, status: int, code: str, message: str) -> None:
        body = GraphFailure(status, code, message).body(self.cloud.clock.now(), "", "")
        await self._send_json(scope, send, status, body, {"connection": "close"})

    async def _send_json(
        self, scope: MutableMapping[str, Any], send: Send, status: int, body: Any, more: dict[str, str]
    ) -> None:
        self._note(scope, status)
        raw = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
        headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def _note(self, scope: MutableMapping[str, Any], status: int) -> None:
        """Write the journal's line; queries outside of Graph may hold secrets and are left out."""
        path = unquote(scope["raw_path"].decode("latin-1"))
        principal = scope.get("state", {}).get("principal", "")
        code = scope.get("state", {}).get("not_emulated", "NotEmulated.route") if status == 501 else ""
        self.cloud.journal.write(
            scope["method"], loggable(path, ""), status, at=self.cloud.clock.now(), principal=principal, code=code
        )


def _target(raw_path: str, query: str) -> str:
    """Path and query as fault patterns see them."""
    return unquote(f"{raw_path}?{query}" if query else raw_path)


async def _read_body(receive: Receive, headers: dict[str, str]) -> bytes:
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > LARGEST_BODY:
        raise _TooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _TooLarge
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


async def _unknown_route(request: Request, _error: Exception) -> Response:
    """A path or method that is not modelled: 501, never a quiet 404."""
    named = f"{request.method} {request.url.path}"[:200]
    body = {
        "error": {
            "code": f"NotEmulated.route.{named}",
            "message": f"The emulator does not model the route '{named}'. It refuses what it does not know.",
        }
    }
    return JSONResponse(body, 501)
