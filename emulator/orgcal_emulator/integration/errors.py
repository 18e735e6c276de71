"""Errors of the platform `local`."""

from __future__ import annotations


class PlatformFailure(Exception):
    """An answer that is an error: `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> PlatformFailure:
    """400."""
    return PlatformFailure(400, "invalid_body", message)


def unknown(what: str, name: str) -> PlatformFailure:
    """404."""
    return PlatformFailure(404, "not_found", f"there is no {what} {name!r}")


def in_the_way(code: str, message: str) -> PlatformFailure:
    """409."""
    return PlatformFailure(409, code, message)
