"""Errors in Microsoft Graph's documented shape.

Source: https://learn.microsoft.com/en-us/graph/errors
"""

from __future__ import annotations

import re
from typing import Any

from orgcal_emulator.clock import rfc3339


class GraphFailure(Exception):
    """An answer that is an error.

    Args:
        status: HTTP status.
        code: Graph's code, such as `Request_BadRequest`; empty for an answer without a body.
        message: Graph's text for people.
        headers: headers of the answer, such as `Retry-After`.
        details: Graph's `details` list.
        inner: what an `innerError` of another kind than the directory's holds; empty for none at all.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        details: list[dict[str, str]] | None = None,
        inner: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details
        self.inner = inner

    def body(self, now: float, request_id: str, client_request_id: str) -> dict[str, Any] | None:
        """The answer's body; None for none."""
        if not self.code:
            return None
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        date = rfc3339(now).removesuffix("Z")
        if self.inner is not None:
            of_exchange = {**self.inner, "requestId": request_id, "date": date}
            return {"error": {**error, "innerError": of_exchange} if self.inner else error}
        error["innerError"] = {
            "date": date,
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphFailure:
    """400: what the client sent cannot be accepted."""
    return GraphFailure(400, code, message)


def invalid_value(name: str, resource: str) -> GraphFailure:
    """400: a property has a value that the directory does not take."""
    return bad_request(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def not_found(identifier: str) -> GraphFailure:
    """404: the directory has no such object (any more, or yet)."""
    return GraphFailure(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied() -> GraphFailure:
    """403 of the directory: the token lacks the permission, or the object is not the caller's own."""
    return GraphFailure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def unauthorized(message: str) -> GraphFailure:
    """401: no token, or one that Graph does not accept."""
    return GraphFailure(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={
            "WWW-Authenticate": 'Bearer realm="", authorization_uri='
            '"https://login.microsoftonline.com/common/oauth2/authorize", '
            'client_id="00000003-0000-0000-c000-000000000000"'
        },
    )


def conflict(message: str) -> GraphFailure:
    """409: another object has the same key."""
    return GraphFailure(409, "Request_MultipleObjectsWithSameKeyValue", message)


def not_emulated(kind: str, name: str) -> GraphFailure:
    """501: Microsoft may know it, this emulator does not. The code names what is missing.

    Args:
        kind: `route`, `property`, `filter`, `select`, `option` or `value`.
        name: what was asked for, such as `application.addIns`.
    """
    named = re.sub(r"[^A-Za-z0-9_./$@()'= -]", "_", name)[:160].strip()
    return GraphFailure(
        501,
        f"NotEmulated.{kind}.{named}",
        f"The emulator does not model the {kind} '{named}'. It refuses what it does not know; see docs/parity.md.",
    )
