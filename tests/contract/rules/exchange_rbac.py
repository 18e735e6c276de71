"""What Microsoft says of limiting an application to some mailboxes.

Read on 2026-11-29: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac (RBAC for Applications),
concepts/auth-limit-mailbox-access.md of microsoftgraph/microsoft-graph-docs-contrib at 028b8e3 (application access
policies), api-reference/beta/api/rbacapplication-post-roleassignments.md there at 04f6cea (scopes), and
src/m365/exo/commands/approleassignment/approleassignment-add.ts of pnp/cli-microsoft365 at db0361d (what is sent).
"""

from __future__ import annotations

ROLES = {
    "Application Calendars.Read": "Calendars.Read",
    "Application Calendars.ReadWrite": "Calendars.ReadWrite",
    "Application Contacts.Read": "Contacts.Read",
    "Application Contacts.ReadWrite": "Contacts.ReadWrite",
    "Application Mail.Read": "Mail.Read",
    "Application Mail.ReadBasic": "Mail.ReadBasic",
    "Application Mail.ReadWrite": "Mail.ReadWrite",
    "Application Mail.Send": "Mail.Send",
    "Application MailboxSettings.Read": "MailboxSettings.Read",
    "Application MailboxSettings.ReadWrite": "MailboxSettings.ReadWrite",
}
"""Role of Exchange -> permission of Microsoft Graph; those that give one permission. None gives
`Calendars.ReadBasic.All`."""

UNDER_POLICIES = frozenset(
    {
        "Mail.Read", "Mail.ReadBasic", "Mail.ReadBasic.All", "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read",
        "MailboxSettings.ReadWrite", "Calendars.Read", "Calendars.ReadWrite", "Contacts.Read", "Contacts.ReadWrite",
    }
)  # fmt: skip
"""Permissions that application access policies limit."""

SHORTEST_LAG_S, LONGEST_LAG_S = 30 * 60, 2 * 60 * 60
"""Changes of permissions take effect within this time."""

SCOPES = ("/", "/Users/{}", "/Groups/{}", "/AdministrativeUnits/{}")
"""Forms of `directoryScopeId` for Exchange; a group's means its direct members."""

SENT = ("roleDefinitionId", "principalId", "directoryScopeId", "appScopeId")
"""What CLI for Microsoft 365 sends; `principalId` is `/ServicePrincipals/{id}` of the enterprise application."""
