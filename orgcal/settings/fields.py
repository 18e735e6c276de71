"""Rules that several settings share: patterns, limits, and how to read a lifetime."""

from __future__ import annotations

import re
from datetime import timedelta

from orgcal.entra import discovery

GUID = f"^{discovery.GUID}$"

REDIRECT_URI = r"^(https://[^/?#*\s]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[^?#*!$'(),;\s]*)?$"
"""Entra's rule: https, or http on this machine; no wildcard, fragment or unsupported character.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
"""
REDIRECT_URI_LENGTH = 256
MAX_REDIRECT_URIS = 256
"""For applications of organisations; same source."""

LIFETIME = r"^(never|[1-9]\d{0,2}d|[12]\d{3}d|3[0-5]\d{2}d|36[0-4]\dd|3650d)$"
"""1 to 3650 days, or `never`."""

LINK = r"^https?://[^\s/]+(/\S*)?$"


def lifetime_of(text: str) -> timedelta | None:
    """Days of a lifetime such as `180d`; None for `never`."""
    return None if text == "never" else timedelta(days=int(text.removesuffix("d")))


def redirect_problem(uri: str) -> str:
    """Why Entra would refuse this redirect URI; empty if it would not."""
    if len(uri) > REDIRECT_URI_LENGTH:
        return f"it has {len(uri)} characters, and {REDIRECT_URI_LENGTH} are allowed"
    if not re.match(REDIRECT_URI, uri):
        return "it must begin with https:// (or http://localhost) and have no query, fragment or any of *!$'(),;"
    return ""
