"""Which application permission of Microsoft Graph includes which: one relation for every command.

    compare(declared={"Calendars.Read"}, effective={"Calendars.ReadWrite"})    # nothing is missing; surplus: ReadWrite
    including("Calendars.Read")                                               # Calendars.Read and Calendars.ReadWrite

Lint, preflight, verification, status, consent and rotation ask here whether a permission is missing;
`docs/permissions.md` shows the relation.

Sources: the descriptions in https://learn.microsoft.com/en-us/graph/permissions-reference (read 2026-11-28), and for
`Directory.Read.All` the paths that each permission opens in `permissions/new/permissions.json` of
microsoftgraph/microsoft-graph-devx-content, commit 6cbd6bb. Names tell too little: `Calendars.ReadWrite.All` is about
work hours and includes nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from orgcal.entra.pinned_roles import ALIASES

INCLUDES: Mapping[str, tuple[str, ...]] = {
    "AdministrativeUnit.ReadWrite.All": ("AdministrativeUnit.Read.All",),
    "Application.ReadWrite.All": ("Application.Read.All", "Application.ReadWrite.OwnedBy"),
    "Bookings.Manage.All": ("Bookings.ReadWrite.All",),
    "Bookings.ReadWrite.All": ("Bookings.Read.All", "BookingsAppointment.ReadWrite.All"),
    "Calendars.Read": ("Calendars.ReadBasic.All",),
    "Calendars.ReadWrite": ("Calendars.Read",),
    "Chat.Read.All": ("Chat.ReadBasic.All",),
    "Chat.ReadWrite.All": ("Chat.Read.All",),
    "Contacts.ReadWrite": ("Contacts.Read",),
    "Device.ReadWrite.All": ("Device.Read.All",),
    "Directory.Read.All": (
        "AdministrativeUnit.Read.All",
        "Domain.Read.All",
        "GroupMember.Read.All",
        "OrgContact.Read.All",
        "Organization.Read.All",
        "User.Read.All",
    ),
    "Directory.ReadWrite.All": ("Directory.Read.All",),
    "Domain.ReadWrite.All": ("Domain.Read.All",),
    "Files.ReadWrite.All": ("Files.Read.All", "Files.ReadWrite.AppFolder"),
    "Group.Read.All": ("GroupMember.Read.All",),
    "Group.ReadWrite.All": ("Group.Create", "Group.Read.All", "GroupMember.ReadWrite.All"),
    "GroupMember.ReadWrite.All": ("GroupMember.Read.All",),
    "Mail.Read": ("Mail.ReadBasic", "Mail.ReadBasic.All"),
    "Mail.ReadWrite": ("Mail.Read",),
    "MailboxFolder.ReadWrite.All": ("MailboxFolder.Read.All",),
    "MailboxSettings.ReadWrite": ("MailboxSettings.Read",),
    "Notes.ReadWrite.All": ("Notes.Read.All",),
    "OnlineMeetings.ReadWrite.All": ("OnlineMeetings.Read.All",),
    "Organization.ReadWrite.All": ("Organization.Read.All",),
    "PeopleSettings.ReadWrite.All": ("PeopleSettings.Read.All",),
    "PlaceDevice.ReadWrite.All": ("PlaceDevice.Read.All",),
    "Presence.ReadWrite.All": ("Presence.Read.All",),
    "RoleManagement.Read.All": ("RoleManagement.Read.Directory", "RoleManagement.Read.Exchange"),
    "RoleManagement.ReadWrite.Directory": ("RoleManagement.Read.Directory",),
    "RoleManagement.ReadWrite.Exchange": ("RoleManagement.Read.Exchange",),
    "Schedule.ReadWrite.All": ("Schedule.Read.All",),
    "Sites.FullControl.All": ("Sites.Manage.All",),
    "Sites.Manage.All": ("Sites.ReadWrite.All",),
    "Sites.ReadWrite.All": ("Sites.Read.All",),
    "Tasks.ReadWrite.All": ("Tasks.Read.All",),
    "TeamMember.ReadWrite.All": ("TeamMember.Read.All",),
    "TeamSettings.ReadWrite.All": ("TeamSettings.Read.All",),
    "User.Read.All": ("User.ReadBasic.All",),
    "User.ReadWrite.All": ("User.Read.All",),
}
"""Permission -> the largest ones that it includes; those include further ones (`included_in`)."""


_SCOPE_PREFIX = "https://graph.microsoft.com/"


@dataclass(frozen=True, slots=True)
class RoleComparison:
    """What is declared beside what is effective.

    Attributes:
        effective: names, as they were given.
        missing: declared, and neither effective nor included in something effective.
        surplus: effective, and not declared.
        beyond: those of `surplus` that no declared one includes, so that they permit more.
    """

    effective: frozenset[str]
    missing: frozenset[str]
    surplus: frozenset[str]
    beyond: frozenset[str]


def compare(declared: Iterable[str], effective: Iterable[str]) -> RoleComparison:
    """Which declared permissions are missing among the effective ones, and which of those were not declared."""
    declared, effective = frozenset(declared), frozenset(effective)
    missing = {name for name in declared if canonical(name) not in included_in(effective)}
    surplus = {name for name in effective if canonical(name) not in map(canonical, declared)}
    beyond = {name for name in surplus if canonical(name) not in included_in(declared)}
    return RoleComparison(effective, frozenset(missing), frozenset(surplus), frozenset(beyond))


def included_in(names: Collection[str]) -> frozenset[str]:
    """The permissions with these names, and every one that they include."""
    return frozenset().union(*(_closure(canonical(name)) for name in names))


def including(name: str) -> frozenset[str]:
    """The permission called `name`, and every one that includes it; each under all of its names."""
    larger = {other for other in (*INCLUDES, name) if name in _closure(other)}
    return frozenset(larger | {alias for alias, deployed in ALIASES.items() if deployed in larger})


def canonical(scope: str) -> str:
    """The name that a token has for a scope, which may be written with the address of Microsoft Graph before it."""
    name = scope.strip().removeprefix(_SCOPE_PREFIX)
    return ALIASES.get(name, name)


@cache
def _closure(name: str) -> frozenset[str]:
    return frozenset({name}).union(*(_closure(other) for other in INCLUDES.get(name, ())))
