"""The emulator's platform API in memory, as its contract says, for tests that need faults or no emulator."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from orgcal.platforms.testing_server import Reply, Request, StrictServer, error_reply

API_KEY = "platform-api-key-for-tests"
PREFIX = "/platform/local"
_PATH = re.compile(rf"{PREFIX}/connectors(?:/([^/]+))?(/credentials|/connections(?:/([^/]+)(/token)?)?)?")
_FIELDS = {"name": str, "description": str, "scopes": list, "published": bool}
_CREDENTIAL = {
    "client_id": str,
    "client_secret": str,
    "certificate_pem": str,
    "private_key_pem": str,
    "generation": int,
}


class LocalPlatformApi:
    """`connectors`: key -> entry; `credentials`: key -> what was pushed; `tenants`: key -> tenant ids.

    `drops` names fields that are accepted and then not stored.
    """

    def __init__(self) -> None:
        self.connectors: dict[str, dict[str, Any]] = {}
        self.credentials: dict[str, dict[str, Any]] = {}
        self.tenants: dict[str, list[str]] = {}
        self.drops: set[str] = set()
        self.pushes = 0

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return error_reply(401, "unauthorized", "the API key is missing or wrong")
        match = re.fullmatch(
            rf"{PREFIX}/connectors(?:/([^/]+))?(/credentials|/connections(?:/([^/]+)(/token)?)?)?", request.path
        )
        if not match:
            return error_reply(404, "not_found", "no such path")
        key, part, tenant, token = match.groups()
        if key is None:
            return self._create(request) if request.method == "POST" else Reply(200, list(self.connectors.values()))
        if key not in self.connectors:
            return error_reply(404, "not_found", f"no connector {key}")
        if part == "/credentials":
            return self._credentials(key, request)
        if part:
            return self._connections(key, tenant, bool(token), request)
        return self._connector(key, request)

    def _create(self, request: Request) -> Reply:
        body = request.body
        wrong = _strict(body, {"key": str, **_FIELDS}, ("key", "name"))
        if wrong:
            return wrong
        if body["key"] in self.connectors:
            return error_reply(409, "conflict", f"the connector {body['key']} exists")
        entry = {"description": "", "scopes": [], "published": False, "credentials": None, **self._stored(body)}
        entry["callback_url"] = f"https://localhost/platform/local/callback/{body['key']}"
        entry["connections"] = 0
        self.connectors[body["key"]] = entry
        return Reply(201, entry)

    def _connector(self, key: str, request: Request) -> Reply:
        if request.method == "PATCH":
            wrong = _strict(request.body, _FIELDS, ())
            if wrong:
                return wrong
            self.connectors[key] |= self._stored(request.body)
        elif request.method == "DELETE":
            if self.tenants.get(key) and request.query.get("force") != "true":
                return error_reply(409, "connected", f"{len(self.tenants[key])} organisations are connected")
            self.credentials.pop(key, None)
            self.tenants.pop(key, None)
            del self.connectors[key]
            return Reply(204)
        return Reply(200, {**self.connectors[key], "connections": len(self.tenants.get(key, []))})

    def _credentials(self, key: str, request: Request) -> Reply:
        if request.method == "PUT":
            kinds = {
                "client_id": str,
                "client_secret": str,
                "certificate_pem": str,
                "private_key_pem": str,
                "generation": int,
            }
            wrong = _strict(request.body, kinds, ("client_id", "generation"))
            if wrong:
                return wrong
            if ("client_secret" in request.body) == ("certificate_pem" in request.body):
                return error_reply(400, "bad_request", "give a secret or a certificate")
            self.pushes += 1
            self.credentials[key] = {**self._stored(request.body), "updated_at": f"2026-01-01T00:00:{self.pushes:02}Z"}
        elif key not in self.credentials:
            return error_reply(404, "not_found", "no credentials")
        elif request.method == "DELETE":
            del self.credentials[key]
            return Reply(204)
        return Reply(200, self.credentials[key])

    def _connections(self, key: str, tenant: str | None, token: bool, request: Request) -> Reply:
        tenants = self.tenants.setdefault(key, [])
        if token:
            if tenant not in tenants:
                return error_reply(404, "not_found", "not connected")
            return Reply(200, {"access_token": f"token-for-{tenant}", "expires_in": 3599})
        if request.method == "POST":
            if request.body["tenant_id"] in tenants:
                return error_reply(409, "conflict", "connected already")
            tenants.append(request.body["tenant_id"])
            return Reply(201, {"tenant_id": request.body["tenant_id"]})
        return Reply(200, {"connections": [{"tenant_id": name} for name in tenants]})

    def _stored(self, body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name not in self.drops}


def _strict(body: Any, kinds: dict[str, type], required: tuple[str, ...]) -> Reply | None:
    if not isinstance(body, dict):
        return error_reply(400, "bad_request", "the body is no object")
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        return error_reply(400, "bad_request", f"unknown field {unknown[0]}")
    for name, kind in kinds.items():
        if name in body and not isinstance(body[name], kind):
            return error_reply(400, "bad_request", f"{name} must be {kind.__name__}")
        if name in required and name not in body:
            return error_reply(400, "bad_request", f"{name} is missing")
    return None


def write_emulator_file(folder: Path, server: StrictServer, ca: Any) -> Path:
    """A `ready.json` that names this server, as a running emulator keeps one."""
    key_file = folder / "platform.key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    said = {
        "pid": 1,
        "port": server.port,
        "base_url": server.base_url,
        "directory_id": "00000000-0000-0000-0000-000000000001",
        "ca_file": str(bundle_of(ca, folder)),
        "operator": {
            "tenant_id": "00000000-1111-2222-3333-444444444444",
            "client_id": "c",
            "client_secret_file": str(key_file),
            "client_certificate_file": str(key_file),
        },
        "platform": {"url": f"{server.base_url}{PREFIX}", "api_key_file": str(key_file)},
        "control": {"url": f"{server.base_url}/_emulator", "token_file": str(key_file)},
        "tenants": [],
    }
    path = folder / "ready.json"
    path.write_text(json.dumps(said))
    return path


def bundle_of(ca: Any, folder: Path) -> Path:
    """The authority's certificate as a file."""
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path
