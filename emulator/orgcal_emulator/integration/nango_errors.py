"""Errors of Nango's API: `{"error": {"code", "message"?, "errors"?}}`.

Places in comments are of Nango's public sources, commit 2f4c0af, below packages/server/lib.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class NangoFailure(Exception):
    """An answer that is an error.

    Args:
        problems: validation problems: code, message, path.
    """

    def __init__(
        self, status: int, code: str, message: str = "", problems: list[tuple[str, str, list[str]]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems or []

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        error: dict[str, Any] = {"code": self.code}
        if self.message:
            error["message"] = self.message
        if self.problems:
            error["errors"] = [
                {"code": code, "message": message, "path": path} for code, message, path in self.problems
            ]
        return {"error": error}


def invalid_body(path: Sequence[str], message: str, code: str = "invalid_format") -> NangoFailure:
    """400: a field of the body, at `path`."""
    return NangoFailure(400, "invalid_body", "", [(code, message, list(path))])


def invalid_query(name: str, message: str) -> NangoFailure:
    """400: a query parameter."""
    return NangoFailure(400, "invalid_query_params", "", [("invalid_format", message, [name])])


def invalid_param(name: str, message: str) -> NangoFailure:
    """400: a part of the path."""
    return NangoFailure(400, "invalid_uri_params", "", [("invalid_format", message, [name])])


def unknown_keys(names: Iterable[str], where: str, path: Sequence[str] = ()) -> NangoFailure:
    """400: fields or query parameters that a strict object of zod does not have.

    Args:
        where: code of the answer, `invalid_body` or `invalid_query_params`.
    """
    shown = [f'"{name}"' for name in sorted(names)]
    message = f"Unrecognized key{'s' if len(shown) > 1 else ''}: {', '.join(shown)}"
    return NangoFailure(400, where, "", [("unrecognized_keys", message, list(path))])


def unknown_integration(unique_key: str) -> NangoFailure:
    """404, services/integration.service.ts:159."""
    return NangoFailure(404, "not_found", f'Integration "{unique_key}" does not exist')
