"""HTTP routes of the platform `local`."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from orgcal_emulator.clock import rfc3339
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.entra.errors import EntraFailure
from orgcal_emulator.entra.models import TokenService
from orgcal_emulator.entra.routes import base_url
from orgcal_emulator.integration.errors import PlatformFailure, in_the_way, invalid, unknown
from orgcal_emulator.integration.models import Connector, Platform
from orgcal_emulator.integration.tokens import connector_form
from orgcal_emulator.pages import PAGE_HEADERS, render

PREFIX = "/platform/local"
_GRAPH_SCOPE = "https://graph.microsoft.com/.default"

Handler = Callable[[Request], Awaitable[Response]]


class PlatformRoutes:
    """`/platform/local`."""

    def __init__(self, platform: Platform, tokens: TokenService, directory: Directory, api_key: str) -> None:
        self._platform = platform
        self._tokens = tokens
        self._directory = directory
        self._api_key = api_key

    def routes(self) -> list[Route]:
        """Every route."""
        one = PREFIX + "/connectors/{key}"
        return [
            self._route(PREFIX + "/connectors", GET=self.index, POST=self.create),
            self._route(one, GET=self.get, PATCH=self.change, DELETE=self.remove),
            self._route(
                one + "/credentials", GET=self.credentials, PUT=self.set_credentials, DELETE=self.remove_credentials
            ),
            self._route(one + "/connections", GET=self.connections, POST=self.connect),
            self._route(one + "/connections/{tenant_id}", DELETE=self.disconnect),
            self._route(one + "/connections/{tenant_id}/token", POST=self.token),
            Route(one + "/page", self.page),
            Route(PREFIX + "/callback/{key}", self.callback),
        ]

    def _route(self, path: str, **handlers: Handler) -> Route:
        """A route whose caller must show the API key."""

        async def handle(request: Request) -> Response:
            try:
                scheme, _, key = request.headers.get("authorization", "").partition(" ")
                if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), self._api_key.encode()):
                    raise PlatformFailure(401, "unauthorized", "the API key is missing or wrong")
                request.state.principal = "platform-key"
                handler = handlers.get(request.method)
                if handler is None:
                    raise PlatformFailure(405, "method_not_allowed", f"{request.method} is not possible here")
                return await handler(request)
            except PlatformFailure as failure:
                return _refusal(failure)

        return Route(path, handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def index(self, request: Request) -> Response:
        """Every connector."""
        rows = [_shape(each, request) for each in self._platform.connectors.newest()]
        return JSONResponse({"connectors": rows})

    async def create(self, request: Request) -> Response:
        """A new connector."""
        return JSONResponse(_shape(self._platform.create(await _body(request)), request), 201)

    async def get(self, request: Request) -> Response:
        """One connector."""
        return JSONResponse(_shape(self._platform.find(request.path_params["key"]), request))

    async def change(self, request: Request) -> Response:
        """Change a connector."""
        changed = self._platform.change(request.path_params["key"], await _body(request))
        return JSONResponse(_shape(changed, request))

    async def remove(self, request: Request) -> Response:
        """Remove a connector."""
        force = request.query_params.get("force", "") == "true"
        self._platform.remove(request.path_params["key"], force=force)
        return Response(status_code=204)

    async def credentials(self, request: Request) -> Response:
        """What the connector logs in with."""
        return JSONResponse(self._platform.credentials(request.path_params["key"]), headers=_NO_STORE)

    async def set_credentials(self, request: Request) -> Response:
        """Store what the connector logs in with."""
        changed = self._platform.set_credentials(request.path_params["key"], await _body(request))
        return JSONResponse(_shape(changed, request)["credentials"])

    async def remove_credentials(self, request: Request) -> Response:
        """Forget what the connector logs in with."""
        self._platform.remove_credentials(request.path_params["key"])
        return Response(status_code=204)

    async def connections(self, request: Request) -> Response:
        """Connected organisations."""
        connector = self._platform.find(request.path_params["key"])
        return JSONResponse({"connections": [_connection(*each) for each in connector.connections.items()]})

    async def connect(self, request: Request) -> Response:
        """Register an organisation."""
        key = request.path_params["key"]
        tenant_id = self._platform.connect(key, await _body(request))
        return JSONResponse(_connection(tenant_id, self._platform.find(key).connections[tenant_id]), 201)

    async def disconnect(self, request: Request) -> Response:
        """Remove an organisation."""
        self._platform.disconnect(request.path_params["key"], request.path_params["tenant_id"])
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        """A fresh access token for a connected organisation, fetched with the stored credentials."""
        connector = self._platform.find(request.path_params["key"])
        tenant_id = str(request.path_params["tenant_id"]).lower()
        if tenant_id not in connector.connections:
            raise unknown("connected organisation", tenant_id)
        if connector.credentials is None:
            raise in_the_way("no_credentials", "the connector has no credentials yet")
        address = base_url(request)
        form = connector_form(connector.credentials, tenant_id, address, _GRAPH_SCOPE, self._directory.clock.now())
        try:
            answer = self._tokens.issue(tenant_id, form, address)
        except EntraFailure as failure:
            message = f"Entra ID refused: {failure.code}: {failure.message}"
            raise PlatformFailure(502, failure.error, message) from failure
        return JSONResponse(
            {"access_token": answer["access_token"], "expires_in": answer["expires_in"]}, headers=_NO_STORE
        )

    async def page(self, request: Request) -> Response:
        """The connector as its owner sees it in a browser; without secrets."""
        connector = self._platform.connectors.get(request.path_params["key"])
        if connector is None:
            page = render("missing.html", what=f"connector “{request.path_params['key']}”")
            return HTMLResponse(page, 404, PAGE_HEADERS)
        organisations = []
        for tenant_id, at in connector.connections.items():
            tenant = self._directory.tenants.get(tenant_id)
            name = tenant.display_name if tenant is not None else "unknown organisation"
            organisations.append({"tenant_id": tenant_id, "name": name, "since": rfc3339(at)})
        page = render("connector.html", connector=_shape(connector, request), organisations=organisations)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    async def callback(self, request: Request) -> Response:
        """Where Entra sends an administrator back to after consent.

        What the address says proves nothing, so the page only thanks; the platform learns of an organisation by
        its registration.
        """
        error = request.query_params.get("error", "")
        page = render("callback.html", declined="error" in request.query_params, error=error)
        return HTMLResponse(page, headers=PAGE_HEADERS)


_NO_STORE = {"Cache-Control": "no-store"}


def _refusal(failure: PlatformFailure) -> Response:
    return JSONResponse({"error": {"code": failure.code, "message": failure.message}}, failure.status)


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise PlatformFailure(415, "unsupported_media_type", "the body must be application/json")
    try:
        value = json.loads(await request.body())
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid("the body is no JSON") from None
    if not isinstance(value, dict):
        raise invalid("the body must be an object")
    return value


def _shape(connector: Connector, request: Request) -> dict[str, Any]:
    credentials = connector.credentials
    return {
        "key": connector.key,
        "name": connector.name,
        "description": connector.description,
        "scopes": connector.scopes,
        "published": connector.published,
        "callback_url": f"{base_url(request)}{PREFIX}/callback/{connector.key}",
        "connections": len(connector.connections),
        "credentials": credentials
        and {name: credentials[name] for name in ("client_id", "kind", "generation", "updated_at")},
    }


def _connection(tenant_id: str, at: float) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "connected_at": rfc3339(at)}
