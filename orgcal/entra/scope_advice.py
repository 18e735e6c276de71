"""Says in words where a connector asks for more than it needs.

Which permission includes which is Microsoft's: https://learn.microsoft.com/en-us/graph/permissions-reference
(read 2026-11-23). `User.ReadBasic.All` is never advised: listing users with it is reported to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from orgcal.entra.permissions import ALWAYS_ADDED
from orgcal.entra.pinned_roles import ALIASES

Purpose = Literal["availability", "read", "write"]

INCLUDED: Mapping[str, tuple[str, ...]] = {
    "Calendars.ReadWrite": ("Calendars.Read", "Calendars.ReadBasic.All"),
    "Calendars.Read": ("Calendars.ReadBasic.All",),
    "Contacts.ReadWrite": ("Contacts.Read",),
    "Directory.ReadWrite.All": ("Directory.Read.All", "User.Read.All", "Organization.Read.All", "Domain.Read.All"),
    "Directory.Read.All": ("User.Read.All", "User.ReadBasic.All", "Organization.Read.All", "Domain.Read.All"),
    "Mail.ReadWrite": ("Mail.Read", "Mail.ReadBasic.All"),
    "Mail.Read": ("Mail.ReadBasic.All",),
    "MailboxSettings.ReadWrite": ("MailboxSettings.Read",),
    "OnlineMeetings.ReadWrite.All": ("OnlineMeetings.Read.All",),
    "User.ReadWrite.All": ("User.Read.All", "User.ReadBasic.All"),
    "User.Read.All": ("User.ReadBasic.All",),
}

ENOUGH_FOR: Mapping[Purpose, str] = {
    "availability": "Calendars.ReadBasic.All",
    "read": "Calendars.Read",
    "write": "Calendars.ReadWrite",
}
"""The least calendar permission for each purpose. Source: https://learn.microsoft.com/en-us/graph/api/user-list-events"""

_DOES: Mapping[Purpose, str] = {
    "availability": "sees when people are busy",
    "read": "reads events",
    "write": "writes events",
}


def scope_advice(scopes: Iterable[str], purpose: Purpose | None) -> Iterator[str]:
    """One sentence for each scope that could go.

    Args:
        scopes: of the connector, names that `permissions.lookup` knows.
        purpose: what the connector does with calendars, None where nobody said.
    """
    names = [ALIASES.get(scope, scope).removeprefix("https://graph.microsoft.com/") for scope in scopes]
    for name in names:
        larger = next((other for other in [*names, ALWAYS_ADDED] if name in INCLUDED.get(other, ())), "")
        if larger:
            always = ", which every connector has," if larger == ALWAYS_ADDED else ""
            yield f"scope {name} adds nothing: {larger}{always} includes it; remove it from orgcal:connector.scopes"
        elif purpose and name not in (ALWAYS_ADDED, ENOUGH_FOR[purpose]):
            enough, does = ENOUGH_FOR[purpose], _DOES[purpose]
            if enough in INCLUDED.get(name, ()):
                yield f"scope {name} is more than a connector needs that {does}; {enough} suffices"
            elif name not in INCLUDED.get(enough, ()):
                why = "administrators will ask why it is there"
                yield f"scope {name} has nothing to do with a connector that {does}; {why}"
    if purpose and ENOUGH_FOR[purpose] not in {*names, *(item for name in names for item in INCLUDED.get(name, ()))}:
        missing = f"no scope allows that; add {ENOUGH_FOR[purpose]}"
        yield f"the connector {_DOES[purpose]} (orgcal:connector.purpose), and {missing}"
