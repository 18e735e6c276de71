"""The application roles of Exchange's RBAC, and the permissions of Microsoft Graph that each opens.

Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac#supported-application-roles. There
is none for `Calendars.ReadBasic.All`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

_NAMES = (
    "Mail.Read", "Mail.ReadBasic", "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite",
    "Calendars.Read", "Calendars.ReadWrite", "Contacts.Read", "Contacts.ReadWrite",
)  # fmt: skip

ROLES: Mapping[str, frozenset[str]] = {
    **{f"Application {name}": frozenset({name}) for name in _NAMES},
    "Application Mail Full Access": frozenset({"Mail.ReadWrite", "Mail.Send"}),
    "Application Exchange Full Access": frozenset(
        {"Mail.ReadWrite", "Mail.Send", "MailboxSettings.ReadWrite", "Calendars.ReadWrite", "Contacts.ReadWrite"}
    ),
    "Application EWS.AccessAsApp": frozenset(),
}
"""Role -> permissions."""


def role_id(tenant_id: str, role: str) -> str:
    """The id of a role's definition in a tenant; each tenant has its own."""
    digest = hashlib.sha256(f"{tenant_id}/{role}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-a{digest[15:18]}-{digest[18:30]}"
