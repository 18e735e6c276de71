"""HTTP routes of Nango's integrations API, under `/platform/nango`."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orgcal_emulator.entra.routes import base_url
from orgcal_emulator.integration.nango_errors import NangoFailure, invalid_query
from orgcal_emulator.integration.nango_models import Integration, Nango

PREFIX = "/platform/nango"
_INCLUDES = ("webhook", "credentials")

Handler = Callable[[Request], Awaitable[Response]]


class NangoRoutes:
    """`/integrations` of Nango, and `/connections`, of which there are none: Nango's own flow is not emulated."""

    def __init__(self, nango: Nango, api_key: str) -> None:
        self._nango = nango
        self._api_key = api_key

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            self._route("/integrations", GET=self.index, POST=self.create),
            self._route("/integrations/{key}", GET=self.get, PATCH=self.change, DELETE=self.remove),
            self._route("/connections", GET=self.connections),
        ]

    def _route(self, path: str, **handlers: Handler) -> Route:
        async def handle(request: Request) -> Response:
            try:
                self._check_key(request)
                request.state.principal = "nango-key"
                handler = handlers.get(request.method)
                if handler is None:
                    raise NangoFailure(404, "not_found", "Endpoint does not exist")
                return await handler(request)
            except NangoFailure as failure:
                return JSONResponse(failure.body(), failure.status)

        return Route(PREFIX + path, handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    def _check_key(self, request: Request) -> None:
        header = request.headers.get("authorization")
        if not header:
            raise NangoFailure(401, "missing_auth_header", "Authentication failed. The request is missing the "
                               "Authorization header.")  # fmt: skip
        scheme, _, key = header.partition(" ")
        if scheme != "Bearer" or not key:
            raise NangoFailure(401, "malformed_auth_header", "Authentication failed. The Authorization header is "
                               "malformed.")  # fmt: skip
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise NangoFailure(401, "unknown_user_account", "Authentication failed. The provided secret/public key "
                               "does not match any account.")  # fmt: skip

    async def index(self, request: Request) -> Response:
        """Every integration."""
        return JSONResponse({"data": [_shape(each, request) for each in self._nango.integrations.newest()]})

    async def connections(self, request: Request) -> Response:
        """Every connection: none, as nobody can make one here."""
        for name in request.query_params:
            raise NangoFailure(501, "not_emulated", f"The emulator does not model the query parameter {name!r}")
        return JSONResponse({"connections": []})

    async def create(self, request: Request) -> Response:
        """A new integration."""
        return JSONResponse({"data": _shape(self._nango.create(await _body(request)), request)})

    async def get(self, request: Request) -> Response:
        """One integration; `include=credentials` shows them."""
        includes = request.query_params.getlist("include")
        for each in includes:
            if each not in _INCLUDES:
                raise NangoFailure(400, "invalid_query_params", "", [("invalid_value", "Invalid option", ["include"])])
        for name in request.query_params:
            if name != "include":
                raise invalid_query(name, f'Unrecognized key: "{name}"')
        integration = self._nango.find(request.path_params["key"])
        shape = _shape(integration, request)
        if "webhook" in includes:
            shape["webhook_url"] = None
        if "credentials" in includes:
            shape["credentials"] = integration.credentials
        return JSONResponse({"data": shape}, headers={"Cache-Control": "no-store"})

    async def change(self, request: Request) -> Response:
        """Change an integration."""
        changed = self._nango.change(request.path_params["key"], await _body(request))
        return JSONResponse({"data": _shape(changed, request)})

    async def remove(self, request: Request) -> Response:
        """Remove an integration."""
        self._nango.remove(request.path_params["key"])
        return JSONResponse({"success": True})


async def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.body())
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NangoFailure(400, "invalid_json", "The body is no JSON") from None
    if not isinstance(value, dict):
        raise NangoFailure(400, "invalid_body", "", [("invalid_type", "Invalid input: expected object", [])])
    return value


def _shape(integration: Integration, request: Request) -> dict[str, Any]:
    return {
        "unique_key": integration.unique_key,
        "display_name": integration.display_name,
        "provider": integration.provider,
        "logo": f"{base_url(request)}/images/template-logos/{integration.provider}.svg",
        "created_at": _moment(integration.created_at),
        "updated_at": _moment(integration.updated_at),
        "forward_webhooks": integration.forward_webhooks,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
