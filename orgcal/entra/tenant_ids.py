"""Ids and domains of tenants, as they come from settings, variables, arguments, files and answers."""

from __future__ import annotations

import re

from orgcal.errors import UsageError

GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""A GUID as Entra ID writes them, as a regular expression."""
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SHOWN = 60
"""Characters of a name that an error shows."""


def is_guid(text: str) -> bool:
    """Whether `text` is a GUID as Entra ID writes them, in any case."""
    return re.fullmatch(GUID, text) is not None


def is_domain(text: str) -> bool:
    """Whether `text` could be a tenant's domain."""
    return bool(_DOMAIN.fullmatch(text.lower()))


def checked_tenant(name: str, *, where: str, domains: bool = True) -> str:
    """Return `name` in lower case and without blanks around it, as it may stand in an address of Entra ID.

    Args:
        name: a tenant id, or one of the tenant's domains.
        where: names the setting, variable, argument or file that it comes from.
        domains: whether a domain will do.

    Raises:
        UsageError: it is neither. `common` and `organizations`, which name no single tenant, are refused too.
    """
    lowered = name.strip().lower()
    if is_guid(lowered) or (domains and is_domain(lowered)):
        return lowered
    example = "00000000-1111-2222-3333-444444444444"
    raise UsageError(
        f"{name[:_SHOWN]!r} is {'neither a tenant id nor a domain' if domains else 'not a tenant id (a GUID)'}",
        where=where,
        repair=f"name one, such as {'contoso.com or ' if domains else ''}{example}",
    )
