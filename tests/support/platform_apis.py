"""Documented APIs of platforms, strict about what they take, in memory; served by `StrictServer`.

Sources: https://developer.nylas.com/docs/reference/api/,
https://docs.github.com/en/rest/actions/variables, https://docs.github.com/en/rest/actions/secrets
"""

from __future__ import annotations

import base64
import re
from collections.abc import Set
from typing import Any

from nacl import public

from orgcal.platforms.testing_server import Reply, Request

API_KEY = "api-key-for-tests"


def unexpected(body: Any, known: Set[str], required: Set[str] = frozenset()) -> str:
    """Why a strict validator refuses the body, or an empty text."""
    if not isinstance(body, dict):
        return "the body is no object"
    if body.keys() - known:
        return f"unrecognized key {sorted(body.keys() - known)[0]}"
    return f"{sorted(required - body.keys())[0]} is required" if required - body.keys() else ""


class NylasApi:
    """`/v3/connectors/{provider}`: made with its settings; PATCH replaces the nested object."""

    def __init__(self) -> None:
        self.connectors: dict[str, dict[str, Any]] = {}
        self.drops: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return _nylas_error(401, "unauthorized")
        if request.path == "/v3/connectors" and request.method == "POST":
            wrong = unexpected(request.body, {"name", "provider", "settings", "scope"}, {"provider", "settings"})
            if wrong or request.body["provider"] in self.connectors:
                return _nylas_error(400, wrong or "connector already exists")
            self.connectors[request.body["provider"]] = self._stored(request.body)
            return Reply(200, {"request_id": "r", "data": request.body})
        provider = request.path.removeprefix("/v3/connectors/")
        if provider not in self.connectors:
            return _nylas_error(404, "connector not found")
        if request.method == "PATCH":
            wrong = unexpected(request.body, {"name", "settings", "scope"})
            if wrong:
                return _nylas_error(400, wrong)
            self.connectors[provider] |= self._stored(request.body)
        if request.method == "DELETE":
            del self.connectors[provider]
            return Reply(200, {"request_id": "r"})
        return Reply(200, {"request_id": "r", "data": self.connectors[provider]})

    def _stored(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body without what is silently dropped, also from its settings."""
        settings = {name: value for name, value in body.get("settings", {}).items() if name not in self.drops}
        kept = {name: value for name, value in body.items() if name not in self.drops}
        return {**kept, "settings": settings} if "settings" in kept else kept


class XkitApi:
    """What the docs' example of Xkit's steps describes: an entry first, its credential later, never shown."""

    def __init__(self) -> None:
        self.connectors: dict[str, dict[str, Any]] = {}
        self.drops: set[str] = set()
        self.puts = 0

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return Reply(401, {"message": "unknown key"})
        texts = {"name", "short_description", "scopes", "published"}
        match = re.fullmatch(r"/connectors(?:/([^/]+)(/credentials)?)?", request.path)
        key = match[1] if match else None
        if match and key is None and request.method == "POST":
            wrong = unexpected(request.body, {"slug", *texts}, {"slug", "name"})
            if wrong or request.body["slug"] in self.connectors:
                return Reply(400, {"message": wrong or "slug is taken"})
            key = request.body["slug"]
            self.connectors[key] = {
                "redirect_url": f"https://xkit.example/{key}/callback",
                **self._stored(request.body),
            }
            return Reply(201, {"connector": self.connectors[key]})
        if key not in self.connectors or match is None:
            return Reply(404, {"message": "no such connector"})
        return self._credentials(key, request) if match[2] else self._one(key, request, texts)

    def _one(self, key: str, request: Request, texts: set[str]) -> Reply:
        if request.method == "DELETE":
            del self.connectors[key]
            return Reply(204)
        if request.method == "PATCH":
            wrong = unexpected(request.body, texts)
            if wrong:
                return Reply(400, {"message": wrong})
            self.connectors[key] |= self._stored(request.body)
        return Reply(200, {"connector": self.connectors[key]})

    def _credentials(self, key: str, request: Request) -> Reply:
        wrong = unexpected(request.body, {"client_id", "client_secret"}, {"client_id", "client_secret"})
        if wrong or request.method != "PUT":
            return Reply(400, {"message": wrong or "PUT them"})
        self.puts += 1
        stamp = f"2026-01-01T00:00:{self.puts:02}Z"
        self.connectors[key] |= {"client_id": request.body["client_id"], "credentials_updated_at": stamp}
        return Reply(204)

    def _stored(self, body: dict[str, Any]) -> dict[str, Any]:
        wire = {"display_name": "name", "description": "short_description"}
        dropped = {wire.get(name, name) for name in self.drops}
        return {name: value for name, value in body.items() if name not in dropped}


class GithubApi:
    """Variables and secrets of one environment; secrets are kept as they come, sealed, and `opened` with the key."""

    base = "/repos/acme/app/environments/production"

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.drops: set[str] = set()
        self.secrets: dict[str, dict[str, str]] = {}
        self.key = public.PrivateKey.generate()
        self.puts = 0

    def opened(self, name: str) -> str:
        """The text in a sealed secret."""
        box = base64.b64decode(self.secrets[name]["value"])
        return str(public.SealedBox(self.key).decrypt(box).decode())

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return Reply(401, {"message": "Bad credentials"})
        match = re.fullmatch(rf"{self.base}/(variables|secrets)(?:/([^/]+))?", request.path)
        if not match:
            return Reply(404, {"message": "Not Found"})
        return self._variable(match[2], request) if match[1] == "variables" else self._secret(match[2], request)

    def _variable(self, name: str | None, request: Request) -> Reply:
        if request.method in ("POST", "PATCH"):
            wrong = unexpected(request.body, {"name", "value"}, {"name", "value"})
            if wrong or not request.body["value"]:
                return Reply(422, {"message": wrong or "value must not be empty"})
        if request.method == "POST":
            if request.body["name"] in self.variables:
                return Reply(409, {"message": "Already exists"})
            if request.body["name"].removeprefix("ORGCAL_").lower() not in self.drops:
                self.variables[request.body["name"]] = request.body["value"]
            return Reply(201, {})
        if name not in self.variables:
            return Reply(404, {"message": "Not Found"})
        if request.method == "PATCH":
            self.variables[name] = request.body["value"]
            return Reply(204)
        if request.method == "DELETE":
            del self.variables[name]
            return Reply(204)
        return Reply(200, {"name": name, "value": self.variables[name]})

    def _secret(self, name: str | None, request: Request) -> Reply:
        if name == "public-key":
            return Reply(200, {"key_id": "k1", "key": base64.b64encode(bytes(self.key.public_key)).decode()})
        if request.method == "PUT" and name:
            wrong = unexpected(request.body, {"encrypted_value", "key_id"}, {"encrypted_value", "key_id"})
            if wrong or request.body["key_id"] != "k1":
                return Reply(422, {"message": wrong or "unknown key"})
            created = name not in self.secrets
            self.puts += 1
            stamp = f"2026-01-01T00:00:{self.puts:02}Z"
            self.secrets[name] = {"value": request.body["encrypted_value"], "updated_at": stamp}
            return Reply(201 if created else 204, {} if created else None)
        if name not in self.secrets:
            return Reply(404, {"message": "Not Found"})
        if request.method == "DELETE":
            del self.secrets[name]
            return Reply(204)
        return Reply(
            200, {"name": name, "created_at": "2026-01-01T00:00:00Z", "updated_at": self.secrets[name]["updated_at"]}
        )


def _nylas_error(status: int, message: str) -> Reply:
    return Reply(status, {"request_id": "r", "error": {"type": "invalid_request_error", "message": message}})
