"""HTTP routes of Nango's public API, under `/platform/nango`: integrations, connect sessions, connections.

Places are of Nango's public sources, commit 2f4c0af, below packages/server/lib unless they say otherwise.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from orgcal_emulator.entra.models import TokenService
from orgcal_emulator.entra.routes import base_url
from orgcal_emulator.integration.nango_checks import (
    CONNECTION_ID,
    KEY,
    MAX_LIMIT,
    check_tags,
    checked_query,
    truth,
    whole_number,
)
from orgcal_emulator.integration.nango_connections import Connecting
from orgcal_emulator.integration.nango_errors import NangoFailure, invalid_param, invalid_query
from orgcal_emulator.integration.nango_models import Nango
from orgcal_emulator.integration.nango_records import Connection, Integration
from orgcal_emulator.pages import PAGE_HEADERS, render

PREFIX = "/platform/nango"
_INCLUDES = ("webhook", "credentials")
_UNLIMITED = 10_000
"""Connections in one answer where no `limit` is given (controllers/connection/getConnections.ts:46)."""
_NO_STORE = {"Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


class NangoRoutes:
    """Nango's routes for programs, and the two that an administrator's browser visits."""

    def __init__(self, nango: Nango, tokens: TokenService, api_key: str) -> None:
        self._nango = nango
        self._connecting = Connecting(nango, tokens)
        self._api_key = api_key

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            self._route("/integrations", GET=self.index, POST=self.create),
            self._route("/integrations/{key}", GET=self.get, PATCH=self.change, DELETE=self.remove),
            self._route("/connections", GET=self.connections),
            self._route("/connections/{connection_id}", GET=self.connection),
            self._route("/connect/sessions", POST=self.session),
            Route(PREFIX + "/connect", _answering(self.connect)),
            Route(PREFIX + "/oauth/callback", _answering(self.callback)),
        ]

    def _route(self, path: str, **handlers: Handler) -> Route:
        async def handle(request: Request) -> Response:
            self._check_key(request)
            request.state.principal = "nango-key"
            handler = handlers.get(request.method)
            if handler is None:
                raise NangoFailure(404, "not_found", "Endpoint does not exist")
            return await handler(request)

        return Route(PREFIX + path, _answering(handle), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    def _check_key(self, request: Request) -> None:
        """middleware/access.middleware.ts:98-140; texts of packages/shared/lib/utils/error.ts:51-74."""
        header = request.headers.get("authorization")
        failed = "Authentication failed. "
        if not header:
            message = f"{failed}The request is missing the Authorization header."
            raise NangoFailure(401, "missing_auth_header", message)
        key = header.split("Bearer ")[-1]
        if not key:
            raise NangoFailure(401, "malformed_auth_header", f"{failed}The Authorization header is malformed.")
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            message = f"{failed}The provided authorization header does not match any account."
            raise NangoFailure(401, "unknown_account", message)

    async def index(self, request: Request) -> Response:
        """Every integration."""
        checked_query(request.query_params)
        return JSONResponse({"data": [_shape(each, request) for each in self._nango.integrations.newest()]})

    async def create(self, request: Request) -> Response:
        """A new integration."""
        checked_query(request.query_params)
        return JSONResponse({"data": _shape(self._nango.create(await _body(request)), request)})

    async def get(self, request: Request) -> Response:
        """One integration; `include=credentials` shows them."""
        checked_query(request.query_params, ("include",), repeated=("include",))
        includes = request.query_params.getlist("include")
        for each in includes:
            if each not in _INCLUDES:
                raise invalid_query("include", "Invalid option")
        integration = self._nango.find(request.path_params["key"])
        shape = _shape(integration, request)
        if "webhook" in includes:
            shape["webhook_url"] = None
        if "credentials" in includes:
            kept = integration.credentials
            shape["credentials"] = kept and {"webhook_secret": None, **kept}
        return JSONResponse({"data": shape}, headers=_NO_STORE)

    async def change(self, request: Request) -> Response:
        """Change an integration."""
        checked_query(request.query_params)
        changed = self._nango.change(request.path_params["key"], await _body(request))
        return JSONResponse({"data": _shape(changed, request)})

    async def remove(self, request: Request) -> Response:
        """Remove an integration."""
        checked_query(request.query_params)
        self._nango.remove(request.path_params["key"])
        return JSONResponse({"success": True})

    async def session(self, request: Request) -> Response:
        """A new connect session with its link."""
        checked_query(request.query_params)
        session = self._connecting.open_session(await _body(request))
        link = f"{base_url(request)}{PREFIX}/connect?{urlencode({'session_token': session.token})}"
        data = {"token": session.token, "connect_link": link, "expires_at": _moment(session.expires_at)}
        return JSONResponse({"data": data}, 201, headers=_NO_STORE)

    async def connections(self, request: Request) -> Response:
        """Connections, the newest first, filtered and in pages (controllers/connection/getConnections.ts:12-47)."""
        tags = {name: f"tags[{name}]" for name in map(_tag, request.query_params) if name}
        query = checked_query(request.query_params, {"connectionId", "integrationId", "limit", "page", *tags.values()})
        check_tags({name: query[key] for name, key in tags.items()})
        for name in ("connectionId", "integrationId"):
            if query.get(name) == "":
                raise invalid_query(name, "Too small: expected string to have >=1 characters")
        limit = whole_number(query, "limit", 1, MAX_LIMIT) or _UNLIMITED
        first = (whole_number(query, "page", 0) or 0) * limit
        keys = [part.strip() for part in query["integrationId"].split(",")] if "integrationId" in query else None
        found = [
            each
            for each in reversed(self._nango.connections.newest())
            if (keys is None or each.provider_config_key in keys)
            and query.get("connectionId", each.connection_id) == each.connection_id
            and all(each.tags.get(name.lower()) == query[key] for name, key in tags.items())
        ]
        return JSONResponse({"connections": [self._simple(each) for each in found[first : first + limit]]})

    async def connection(self, request: Request) -> Response:
        """One connection with a valid token (controllers/connection/connectionId/getConnection.ts:15-115)."""
        known = ("provider_config_key", "refresh_token", "force_refresh", "refresh_github_app_jwt_token")
        query = checked_query(request.query_params, known)
        key, force = query.get("provider_config_key"), truth(query, "force_refresh")
        for name in ("refresh_token", "refresh_github_app_jwt_token"):
            truth(query, name)
        if key is None or KEY.fullmatch(key) is None:
            raise invalid_query("provider_config_key", "Invalid input: expected string")
        connection_id = request.path_params["connection_id"]
        if CONNECTION_ID.fullmatch(connection_id) is None:
            raise invalid_param("connectionId", "must match the pattern of connection ids")
        if self._nango.integrations.get(key) is None:
            raise NangoFailure(400, "unknown_provider_config", "Provider does not exists")
        found = self._nango.connections.get(connection_id)
        if found is None or found.provider_config_key != key:
            raise NangoFailure(404, "not_found", "Failed to find connection")
        fresh = self._connecting.fresh(found, base_url(request), force=force)
        return JSONResponse(self._full(fresh), headers=_NO_STORE)

    async def connect(self, request: Request) -> Response:
        """A connect link in a browser: on to the consent of the session's tenant, whatever tenant the browser sends."""
        query = checked_query(request.query_params, ("session_token", "integration", "tenantId"))
        typed = {"tenantId": query["tenantId"]} if "tenantId" in query else {}
        token, key = query.get("session_token", ""), query.get("integration", "")
        integration, tenant_id, state = self._connecting.begin(token, key, typed)
        address = base_url(request)
        told = {
            "response_type": "code",
            "client_id": (integration.credentials or {}).get("client_id", ""),
            "redirect_uri": f"{address}{PREFIX}/oauth/callback",
            "state": state,
        }
        consent = f"{address}/{quote(tenant_id, safe='')}/adminconsent?{urlencode(told)}"
        return RedirectResponse(consent, 302, _NO_STORE)

    async def callback(self, request: Request) -> Response:
        """Where consent sends the browser back to: the connection is made with a token of the organisation."""
        error = request.query_params.get("error", "")
        if not error:
            self._connecting.finish(request.query_params.get("state", ""), base_url(request))
        page = render("callback.html", declined=bool(error), error=error)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    def _simple(self, connection: Connection) -> dict[str, Any]:
        """formatters/connection.ts:78-88."""
        integration = self._nango.integrations.get(connection.provider_config_key)
        return {
            "id": 1 + [each.connection_id for each in self._nango.connections.newest()].index(connection.connection_id),
            "connection_id": connection.connection_id,
            "provider_config_key": connection.provider_config_key,
            "provider": integration.provider if integration is not None else None,
            "errors": [],
            "end_user": None,
            "tags": connection.tags,
            "metadata": None,
            "created": _moment(connection.created_at),
        }

    def _full(self, connection: Connection) -> dict[str, Any]:
        """formatters/connection.ts:116-131."""
        shape = self._simple(connection)
        del shape["created"]
        return {
            **shape,
            "connection_config": connection.connection_config,
            "webhook_url_override": None,
            "created_at": _moment(connection.created_at).replace("Z", "+00:00"),
            "updated_at": _moment(connection.updated_at).replace("Z", "+00:00"),
            "last_fetched_at": None,
            "credentials": {**connection.credentials, "expires_at": _moment(connection.expires_at), "raw": {}},
        }


def _answering(handler: Handler) -> Handler:
    """`handler`, whose failures become answers."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except NangoFailure as failure:
            return JSONResponse(failure.body(), failure.status)

    return handle


def _tag(parameter: str) -> str:
    """The tag that a query parameter such as `tags[tenant_id]` filters by, or an empty text."""
    return parameter[5:-1] if parameter.startswith("tags[") and parameter.endswith("]") else ""


async def _body(request: Request) -> dict[str, Any]:
    """The body, an object in JSON (middleware/json.middleware.ts:4)."""
    if not request.headers.get("content-type", "application/json").startswith("application/json"):
        raise NangoFailure(415, "invalid_content_type", "Content-Type header must be application/json")
    try:
        value = json.loads(await request.body())
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NangoFailure(400, "invalid_json", "The body is no JSON") from None
    if not isinstance(value, dict):
        raise NangoFailure(400, "invalid_body", "", [("invalid_type", "Invalid input: expected object", [])])
    return value


def _shape(integration: Integration, request: Request) -> dict[str, Any]:
    """formatters/integration.ts:63-76."""
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
