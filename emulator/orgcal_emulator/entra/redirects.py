"""Which address an answer may be sent to.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

_WRITTEN = re.compile(r"[^\x00-\x20\x7f\\#]+")
"""No spaces, control characters, backslashes and fragments: browsers and parsers read them each in their own way."""

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1)(?::([0-9]{1,5}))?", re.IGNORECASE)
_LARGEST_PORT = 65_535


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
    """`address` without what may differ: case of scheme and host, port of a loopback address, slash for no path."""
    if not _WRITTEN.fullmatch(address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = parts.netloc.lower()
    if not host or "@" in host:
        return None
    loopback = _LOOPBACK.fullmatch(host)
    if loopback is not None:
        if int(loopback[2] or 1) not in range(1, _LARGEST_PORT + 1):
            return None
        host = loopback[1]
    return SplitResult(parts.scheme.lower(), host, parts.path or "/", parts.query, "")


def answer_address(address: str, answer: dict[str, str]) -> str:
    """`address` with `answer` in its query. An address without a path gets a slash, as Entra adds it."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(answer, quote_via=quote)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))
