"""Connections of Apache Airflow 2, strict about what they take; served by `StrictServer`.

Sources: apache/airflow, `airflow/api_connexion/endpoints/connection_endpoint.py` at commit
020dc3da272642f79803c6694fec4f0718eb6c93 (partial PATCH, 409 for a taken id), `schemas/connection_schema.py` at
09b93180592d60ccbbb22ee513077450a7162fd6 (`password` is never shown), `openapi/v1.yaml` at
00f2b0ab48f627a0ae98da4d3f38a5acae3244ac (errors as RFC 7807 has them).
"""

from __future__ import annotations

import base64
import re
from typing import Any

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, unexpected

USER = "orgcal"
_SETTABLE = {"conn_type", "description", "host", "login", "schema", "port", "password", "extra"}


class AirflowApi:
    """`/connections` and what is below it."""

    def __init__(self) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self.drops: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        pair = base64.b64encode(f"{USER}:{API_KEY}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return _problem(401, "Unauthorized", "")
        if request.path == "/connections" and request.method == "POST":
            return self._create(request.body)
        key = request.path.removeprefix("/connections/")
        if key not in self.connections:
            return _problem(404, "Connection not found", f"The Connection with connection_id: `{key}` was not found")
        if request.method == "DELETE":
            del self.connections[key]
            return Reply(204)
        if request.method == "PATCH":
            if wrong := unexpected(request.body, {"connection_id", *_SETTABLE}):
                return _problem(400, "Bad Request", wrong)
            if request.body.get("connection_id", key) != key:
                return _problem(400, "Bad Request", "The connection_id cannot be updated.")
            self.connections[key] |= request.body
        return self._shown(key)

    def _create(self, body: Any) -> Reply:
        if wrong := unexpected(body, {"connection_id", *_SETTABLE}, {"connection_id", "conn_type"}):
            return _problem(400, "Bad Request", wrong)
        key = body["connection_id"]
        if not re.fullmatch(r"[\w.-]{1,200}", key):
            return _problem(400, "Bad Request", f"The key {key!r} has to be made of alphanumeric characters")
        if key in self.connections:
            return _problem(409, "Conflict", f"Connection already exist. ID: {key}")
        self.connections[key] = dict(body)
        return self._shown(key)

    def _shown(self, key: str) -> Reply:
        return Reply(200, {name: value for name, value in self.connections[key].items() if name != "password"})


def _problem(status: int, title: str, detail: str) -> Reply:
    return Reply(status, {"status": status, "title": title, "detail": detail, "type": "about:blank"})
