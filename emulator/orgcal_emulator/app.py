"""The ASGI application: checks host and size of every request, and routes it to Graph, Entra ID or a platform."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router

from orgcal_emulator.connections import cut_in_half, reset_connection
from orgcal_emulator.control import PREFIX as CONTROL_PREFIX
from orgcal_emulator.control import ControlRoutes
from orgcal_emulator.entra.audiences import RESOURCE_MANAGER
from orgcal_emulator.entra.consent import ConsentRoutes
from orgcal_emulator.entra.routes import EntraRoutes
from orgcal_emulator.graph.errors import GraphFailure
from orgcal_emulator.integration.nango_routes import NangoRoutes
from orgcal_emulator.integration.routes import PlatformRoutes
from orgcal_emulator.journal import loggable
from orgcal_emulator.request_body import BodyRefusedError, ClientGoneError, read_body
from orgcal_emulator.state import EmulatedCloud
from orgcal_emulator.throttling.faults import Fault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_OWN_PATHS = (CONTROL_PREFIX, "/platform/")
"""Routes that are not Entra's."""

_log = logging.getLogger("emulator")


class EmulatorApp:
    """The ASGI application.

    Args:
        cloud: what it serves.
    """

    def __init__(self, cloud: EmulatedCloud) -> None:
        self.cloud = cloud
        self._hosts: frozenset[str] = frozenset()
        entra = EntraRoutes(cloud.tokens, cloud.callers, cloud.key, cloud.clock)
        routes = [
            *ControlRoutes(cloud).routes(),
            *PlatformRoutes(cloud.platform, cloud.tokens, cloud.directory, cloud.own.platform_api_key).routes(),
            *NangoRoutes(cloud.nango, cloud.tokens, cloud.own.platform_api_key).routes(),
            *ConsentRoutes(cloud.directory, cloud.users, cloud.clock, cloud.addresses).routes(),
            *entra.routes(),
        ]
        # No Starlette around it: that would answer a fault of ours itself, with a bare 500, before the net below.
        self._rest = ExceptionMiddleware(Router(routes, redirect_slashes=False), {HTTPException: _unknown_route})

    def serve_as(self, hosts: frozenset[str]) -> None:
        """Answer to these hosts only (`localhost:1234`); a web page elsewhere cannot reach us under its own name."""
        self._hosts = hosts
        self.cloud.addresses.urls = frozenset(
            f"https://{host}" for host in hosts if not f"https://{host}".startswith(RESOURCE_MANAGER)
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = _headers(scope["headers"])
        host = headers.get("host", "").lower()
        if scope["raw_path"][:1] != b"/":
            _take_absolute_address(scope, host)
        raw_path: str = scope["raw_path"].decode("latin-1")
        query: str = scope["query_string"].decode("latin-1")
        is_graph = raw_path.startswith(("/v1.0/", "/beta/"))
        if host not in self._hosts:
            await self._refuse(scope, send, 421, "MisdirectedRequest", "This emulator does not answer to that host.")
            return
        try:
            body = await read_body(receive, headers, unpacks=is_graph)
        except BodyRefusedError as refused:
            await self._refuse(scope, send, refused.status, refused.code, refused.message)
            return
        except ClientGoneError:
            self._note(scope, 0)
            return
        try:
            if self.cloud.traffic.faults:
                fault = self.cloud.traffic.faults.take(scope["method"], _target(raw_path, query))
                if fault is not None:
                    await asyncio.sleep(fault.delay_s)
                    if fault.action in ("answer", "reset"):
                        await self._fail(fault, scope, receive, send)
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

    async def _fail(self, fault: Fault, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer as a scripted fault says, or reset the connection."""
        if fault.action == "reset":
            self._note(scope, 0)
            await reset_connection(receive)
            return
        request_id = str(uuid.uuid4())
        body = self._error(scope, fault.failure(), request_id)
        await self._send_json(scope, send, fault.status, body, {**_ids(scope, request_id), **fault.headers})

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
        scope["app"] = self  # without it the router would answer an unknown path with a 404 of its own
        if self.cloud.traffic.latency.entra_s > 0 and not scope["path"].startswith(_OWN_PATHS):
            await asyncio.sleep(self.cloud.traffic.latency.entra_s)
        await self._rest(scope, receive_again, commit_and_send)

    async def _refuse(self, scope: MutableMapping[str, Any], send: Send, status: int, code: str, message: str) -> None:
        request_id = str(uuid.uuid4())
        body = self._error(scope, GraphFailure(status, code, message), request_id)
        await self._send_json(scope, send, status, body, {**_ids(scope, request_id), "connection": "close"})

    def _error(self, scope: MutableMapping[str, Any], failure: GraphFailure, request_id: str) -> dict[str, Any] | None:
        """An error's body in the shape that clients of the path read; None for none."""
        if failure.code and _is_oauth(scope["path"]):
            return _oauth_error(failure.code, failure.message)
        return failure.body(self.cloud.clock.now(), request_id, request_id)

    async def _send_json(
        self, scope: MutableMapping[str, Any], send: Send, status: int, body: Any, more: dict[str, str]
    ) -> None:
        self._note(scope, status)
        raw = b"" if body is None else json.dumps(body).encode()
        headers = [(b"content-length", str(len(raw)).encode())]
        headers += [(b"content-type", b"application/json")] if raw else []
        headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def _note(self, scope: MutableMapping[str, Any], status: int) -> None:
        """Write the journal's line; queries outside of Graph may hold secrets and are left out."""
        path = unquote(scope["raw_path"].decode("latin-1"))
        principal = scope.get("state", {}).get("principal", "")
        code = scope.get("state", {}).get("not_emulated", "NotEmulated.route" if status == 501 else "")
        self.cloud.journal.write(
            scope["method"], loggable(path, ""), status, at=self.cloud.clock.now(), principal=principal, code=code
        )


def _headers(received: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; preferences may come in several headers, and are joined (RFC 9110, 5.3)."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in received}
    if len(headers) != len(received) and "prefer" in headers:
        headers["prefer"] = ", ".join(value.decode("latin-1") for name, value in received if name == b"prefer")
    return headers


def _ids(scope: MutableMapping[str, Any], request_id: str) -> dict[str, str]:
    """Headers that name the request, as every answer of Graph has them."""
    if not scope["path"].startswith(("/v1.0/", "/beta/")):
        return {}
    return {"request-id": request_id, "client-request-id": request_id}


def _target(raw_path: str, query: str) -> str:
    """Path and query as fault patterns see them."""
    return unquote(f"{raw_path}?{query}" if query else raw_path)


def _take_absolute_address(scope: MutableMapping[str, Any], host: str) -> None:
    """Make `GET https://localhost:1/v1.0/users` a `GET /v1.0/users`, if it names the host of the header.

    Source: RFC 9112, 3.2.2: a server takes the absolute form, too.
    """
    raw: bytes = scope["raw_path"]
    authority, slash, path = raw[len(b"https://") :].partition(b"/")
    if raw[: len(b"https://")].lower() == b"https://" and authority.decode("latin-1").lower() == host:
        scope["raw_path"] = b"/" + path if slash else b"/"
        scope["path"] = unquote(scope["raw_path"].decode("latin-1"))


def _is_oauth(path: str) -> bool:
    """Whether clients of this path read errors as OAuth has them, not as Graph."""
    return "/oauth2/" in path and not path.startswith(("/v1.0/", "/beta/", *_OWN_PATHS))


def _oauth_error(code: str, message: str) -> dict[str, Any]:
    return {"error": code, "error_description": message, "error_codes": []}


async def _unknown_route(request: Request, error: Exception) -> Response:
    """A path or method that is not modelled: 501, never a quiet 404; and `OPTIONS` of one that is."""
    if request.method == "OPTIONS" and isinstance(error, HTTPException) and error.status_code == 405:
        return Response(status_code=200, headers={"Allow": (error.headers or {}).get("Allow", "") + ", OPTIONS"})
    named = f"{request.method} {request.url.path}"[:200]
    code = f"NotEmulated.route.{named}"
    message = f"The emulator does not model the route '{named}'. It refuses what it does not know."
    if _is_oauth(request.scope["path"]):
        return JSONResponse(_oauth_error(code, message), 501)
    return JSONResponse({"error": {"code": code, "message": message}}, 501)
