"""Errors of Nango's API: `{"error": {"code", "message"?, "errors"?}}`."""

from __future__ import annotations

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


def invalid_body(name: str, message: str) -> NangoFailure:
    """400: a field of the body."""
    return NangoFailure(400, "invalid_body", "", [("custom", message, name.split("."))])


def invalid_query(name: str, message: str) -> NangoFailure:
    """400: a part of the address."""
    return NangoFailure(400, "invalid_uri_params", "", [("custom", message, [name])])


def unknown_integration(unique_key: str) -> NangoFailure:
    """404."""
    return NangoFailure(404, "not_found", f'Integration "{unique_key}" does not exist')
