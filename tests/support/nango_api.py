"""Nango's public API as far as the kind `nango` uses it, strict, in memory; served by `StrictServer`.

The rules are those of Nango's sources (https://github.com/NangoHQ/nango, commit 2f4c0af), places below
packages/server/lib; the emulator has them at greater length.
"""

from __future__ import annotations

import re
from typing import Any

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, unexpected

_INTEGRATION = {"unique_key", "display_name", "forward_webhooks", "credentials", "integration_config", "custom"}
_SCOPES = re.compile(r"(?:[0-9a-zA-Z:/_.*-]+(?:,[0-9a-zA-Z:/_.*-]+)*)?")  # helpers/validation.ts:122
_MAX_LIMIT = 2000  # controllers/connection/getConnections.ts:20


class NangoApi:
    """Integrations, connections and connect sessions.

    Attributes:
        drops: fields that are taken and not stored.
        rival: an integration that another writer makes just before our next creation.
    """

    def __init__(self) -> None:
        self.integrations: dict[str, dict[str, Any]] = {}
        self.connections: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.drops: set[str] = set()
        self.rival: dict[str, Any] | None = None
        self.edits = 0

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return _error(401, "unknown_account", "The provided authorization header does not match any account.")
        if request.method != "GET" and request.query:
            return _problem("invalid_query_params", "unrecognized_keys", "Unrecognized key", [])
        if request.path == "/integrations" and request.method == "POST":
            return self._create(request.body)
        if request.path == "/connect/sessions" and request.method == "POST":
            return self._session(request.body)
        if request.path == "/connections" and request.method == "GET":
            return self._listed(request.query)
        if request.path.startswith("/connections/") and request.method == "GET":
            wanted = (request.path.rsplit("/", 1)[1], request.query.get("provider_config_key"))
            for each in self.connections:
                if (each["connection_id"], each["provider_config_key"]) == wanted:
                    return Reply(200, each)
            return _error(404, "not_found", "Failed to find connection")
        match = re.fullmatch(r"/integrations/([^/]+)", request.path)
        if not match or match[1] not in self.integrations:
            return _error(404, "not_found", "Integration does not exist")
        return self._one(match[1], request)

    def _create(self, body: Any) -> Reply:
        wrong = unexpected(body, {"provider", *_INTEGRATION}, {"unique_key", "provider"})
        wrong = wrong or _wrong_credentials(body.get("credentials"))
        if wrong:
            return _problem("invalid_body", "custom", wrong, [])
        if "credentials" not in body:  # services/integration.service.ts:258
            return _error(400, "invalid_body", "Missing credentials")
        if self.rival is not None:
            self.integrations[body["unique_key"]], self.rival = self.rival, None
        if body["unique_key"] in self.integrations:  # controllers/integrations/postIntegration.ts:114-118
            return _problem("invalid_body", "invalid_string", "Unique key already exists", ["uniqueKey"])
        named = {"display_name": "Microsoft (Admin)", "logo": "", "forward_webhooks": True}
        self.integrations[body["unique_key"]] = {**named, **self._stamped(body)}
        return self._shown(body["unique_key"])

    def _session(self, body: Any) -> Reply:
        known = {"organization", "allowed_integrations", "integrations_config_defaults", "overrides", "tags"}
        wrong = unexpected(body, known, {"tags"})
        named = [*body.get("allowed_integrations", ()), *body.get("integrations_config_defaults", ())]
        for key in () if wrong else named:
            if key not in self.integrations:  # controllers/connect/postSessions.ts:186-196
                path = ["allowed_integrations", "0"]
                return _problem("invalid_body", "custom", "Integration does not exist", path)
        if wrong or not all(0 < len(text) <= 255 for text in body["tags"].values()):
            return _problem("invalid_body", "custom", wrong or "Tag values must be at most 255 characters", ["tags"])
        self.sessions.append(body)
        link = "https://connect.nango.dev/?session_token=nango_connect_session_abc"
        data = {"token": "nango_connect_session_abc", "expires_at": "2026-11-25T17:30:00.000Z", "connect_link": link}
        return Reply(201, {"data": data})

    def _listed(self, query: dict[str, str]) -> Reply:
        if query.keys() - {"integrationId", "limit", "page"}:
            return _problem("invalid_query_params", "unrecognized_keys", "Unrecognized key", [])
        limit = int(query.get("limit", "10000"))
        if "limit" in query and not 1 <= limit <= _MAX_LIMIT:
            return _problem("invalid_query_params", "too_big", "Too big", ["limit"])
        first = int(query.get("page", "0")) * limit
        key = query.get("integrationId")
        found = [each for each in self.connections if key in (None, each["provider_config_key"])]
        shown = ("connection_id", "provider_config_key")
        page = [{name: each[name] for name in shown} for each in found[first : first + limit]]
        return Reply(200, {"connections": page})

    def _one(self, key: str, request: Request) -> Reply:
        if request.method == "DELETE":
            del self.integrations[key]
            self.connections = [each for each in self.connections if each["provider_config_key"] != key]
            return Reply(200, {"success": True})
        if request.method == "PATCH":
            wrong = unexpected(request.body, _INTEGRATION) or _wrong_credentials(request.body.get("credentials"))
            if wrong:
                return _problem("invalid_body", "custom", wrong, [])
            self.integrations[key] |= self._stamped(request.body)
        return self._shown(key, "credentials" in request.query.get("include", ""))

    def _stamped(self, body: dict[str, Any]) -> dict[str, Any]:
        self.edits += 1
        stored = {name: value for name, value in body.items() if name not in self.drops}
        if "credentials" in stored:
            given = stored["credentials"]
            stored["credentials"] = {name: value for name, value in given.items() if name not in self.drops}
        return {**stored, "updated_at": f"2026-01-01T00:00:{self.edits:02}.000Z"}

    def _shown(self, key: str, credentials: bool = False) -> Reply:
        held = self.integrations[key]
        names = ("unique_key", "provider", "display_name", "logo", "forward_webhooks", "updated_at")
        data = {name: held[name] for name in names if name in held}
        if credentials:
            data["credentials"] = held.get("credentials")
        return Reply(200, {"data": data})


def _wrong_credentials(given: Any) -> str:
    if given is None:
        return ""
    wrong = unexpected(given, {"type", "client_id", "client_secret", "scopes", "webhook_secret"}, {"type"})
    if wrong or given["type"] != "OAUTH2":
        return wrong or "incompatible credentials auth type and provider auth"
    if not 1 <= len(given.get("client_id", "")) <= 255 or not given.get("client_secret"):
        return "client_id or client_secret is missing"
    scopes = given.get("scopes", "")
    return "" if isinstance(scopes, str) and _SCOPES.fullmatch(scopes) else "scopes do not match the pattern"


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})


def _problem(code: str, kind: str, message: str, path: list[str]) -> Reply:
    return Reply(400, {"error": {"code": code, "errors": [{"code": kind, "message": message, "path": path}]}})
