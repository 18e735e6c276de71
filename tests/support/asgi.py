"""Calls an ASGI application without a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answered:
    """What the application sent."""

    status: int
    headers: dict[str, str]
    text: str


async def call(
    app: Any,
    path: str,
    query: bytes = b"",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    client: str = "",
) -> Answered:
    """One request; errors that the application does not handle are raised."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": (client or "127.0.0.1", 50000),
        "server": ("127.0.0.1", 8400),
    }
    await app(scope, receive, send)
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], given, b"".join(each.get("body", b"") for each in sent[1:]).decode())
