"""Which application permissions Exchange can limit to some mailboxes, and by which of its own roles.

    profile = split_permissions(["Calendars.Read", "Directory.Read.All"])
    profile.in_exchange      # {"Calendars.Read": "Application Calendars.Read"}
    profile.in_entra         # ("Directory.Read.All",)

A customer who limits the connector grants the former in Exchange and only the latter in Entra ID: a role of Exchange
*adds* to a grant of Entra, so that a grant of both reaches every mailbox.

Source: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orgcal.entra.role_relation import canonical, included_in

RBAC_PAGE = "https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac"
POLICIES_PAGE = "https://learn.microsoft.com/en-us/graph/auth-limit-mailbox-access"

LAG_WORDS = "changes in Exchange take 30 minutes to 2 hours"
REACHES_ALL = "the grant in Entra still reaches every mailbox"
"""What is said of a token with a permission that a limited organisation should grant in Exchange alone."""

EXCHANGE_ROLES: Mapping[str, str] = {
    name: f"Application {name}"
    for name in (
        "Calendars.Read", "Calendars.ReadWrite", "Contacts.Read", "Contacts.ReadWrite", "Mail.Read", "Mail.ReadBasic",
        "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite",
    )
}  # fmt: skip
"""Permission -> role of Exchange. Source: `RBAC_PAGE`, supported application roles."""

UNDER_POLICIES = EXCHANGE_ROLES.keys() | {"Mail.ReadBasic.All"}
"""Permissions that application access policies limit. Source: `POLICIES_PAGE`, supported permissions."""

_MAILBOX_DATA = ("Calendars.", "Contacts.", "Mail.", "MailboxFolder.", "MailboxItem.", "MailboxSettings.")
"""Beginnings of permissions whose data lies in mailboxes."""


@dataclass(frozen=True, slots=True)
class PermissionProfile:
    """The permissions of a connector, by where a customer grants them who limits it to some mailboxes.

    Attributes:
        in_entra: names of those that are granted in Entra ID: what they open lies in no mailbox.
        in_exchange: permission -> role of Exchange that gives it, or the least that includes it.
        widened: those of `in_exchange` that have no role of their own; the role gives more, in fewer mailboxes.
    """

    in_entra: tuple[str, ...]
    in_exchange: Mapping[str, str]
    widened: tuple[str, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of Exchange to assign, each once; none that another one includes."""
        names = {role.removeprefix("Application ") for role in self.in_exchange.values()}
        return tuple(
            sorted(f"Application {name}" for name in names if not any(_includes(other, name) for other in names))
        )


def split_permissions(names: Iterable[str]) -> PermissionProfile:
    """The permissions `names` of a connector, by where a customer grants them who limits it to some mailboxes."""
    plain = sorted({canonical(name) for name in names})
    in_exchange: dict[str, str] = {}
    widened = []
    for name in plain:
        if not lies_in_mailboxes(name):
            continue
        own = EXCHANGE_ROLES.get(name)
        if own is None:
            widened.append(name)
        wider = (role for other, role in EXCHANGE_ROLES.items() if _includes(other, name))
        if role := own or next(wider, None):
            in_exchange[name] = role
    in_entra = tuple(name for name in plain if not lies_in_mailboxes(name))
    return PermissionProfile(in_entra, in_exchange, tuple(widened))


def lies_in_mailboxes(name: str) -> bool:
    """Whether the data that a permission opens lies in mailboxes, so that a grant in Entra ID reaches all of them."""
    return name.startswith(_MAILBOX_DATA)


def reaching_every_mailbox(effective: Iterable[str]) -> tuple[str, ...]:
    """Those of the permissions in a token that reach every mailbox, by name."""
    return tuple(sorted(filter(lies_in_mailboxes, effective)))


def removal_command(client_id: str, permissions: Iterable[str]) -> str:
    """What the customer's administrator runs to remove grants of Entra ID, with CLI for Microsoft 365."""
    scopes = ",".join(sorted(permissions))
    return (
        "their Privileged Role Administrator removes the grant: m365 entra approleassignment remove "
        f"--appId {client_id} --resource 'Microsoft Graph' --scopes '{scopes}' --force"
    )


def scope_limits(scopes: Iterable[str]) -> Iterator[str]:
    """One sentence for each scope of a connector that no customer can limit to some mailboxes as it is."""
    for name in split_permissions(scopes).widened:
        profile = split_permissions([name])
        role = profile.in_exchange.get(name)
        instead = (
            f"customers who want that assign {role!r}, which includes it and gives more"
            if role
            else "customers who want that cannot use the connector"
        )
        policies = "" if name in UNDER_POLICIES else ", and application access policies do not limit it"
        yield f"scope {name} cannot be limited to some mailboxes: Exchange has no role for it{policies}; {instead}"


def _includes(larger: str, name: str) -> bool:
    return larger != name and name in included_in([larger])
