"""Which address an answer may be sent to.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

_LOOPBACK = ("localhost", "127.0.0.1")


def registered_redirects(properties: dict[str, Any]) -> list[str]:
    """Every redirect address of an application, those for web servers first."""
    return [
        *properties["web"]["redirectUris"],
        *properties["spa"]["redirectUris"],
        *properties["publicClient"]["redirectUris"],
    ]


def is_registered(address: str, registered: list[str]) -> bool:
    """Whether `address` equals a registered one; the port of a loopback address is ignored."""
    wanted = _comparable(address)
    return wanted is not None and any(_comparable(each) == wanted for each in registered)


def _comparable(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        port = None if host in _LOOPBACK else parts.port
    except ValueError:
        return None
    if parts.fragment or not host or parts.username is not None:
        return None
    netloc = host if port is None else f"{host}:{port}"
    return SplitResult(parts.scheme.lower(), netloc, parts.path or "/", parts.query, "")


def answer_address(address: str, answer: dict[str, str]) -> str:
    """`address` with `answer` in its query. An address without a path gets a slash, as Entra adds it."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(answer, quote_via=quote)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))
