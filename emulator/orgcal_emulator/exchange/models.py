"""What Exchange lets an application do with a mailbox, whatever the token says of it.

A role assignment *adds* to what is granted in Entra ID; an application access policy *takes away* from it, and from
nothing else. Both arrive, and end, some time after the change.

Sources: https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac and
https://learn.microsoft.com/en-us/exchange/permissions-exo/application-access-policies
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from orgcal_emulator.calendars.groups import Group, TenantGroups
from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.users import User
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.objects import new_guid
from orgcal_emulator.exchange.filters import Matches, recipient_filter
from orgcal_emulator.exchange.roles import ROLES
from orgcal_emulator.store import Database, Table

DELAY_S = 1800.0
"""Changes of permissions take 30 minutes to 2 hours: application-rbac, limitations."""

LONGEST_DELAY_S = 86_400.0

UNDER_POLICIES = frozenset(
    {
        "Mail.Read", "Mail.ReadBasic", "Mail.ReadBasic.All", "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read",
        "MailboxSettings.ReadWrite", "Calendars.Read", "Calendars.ReadWrite", "Contacts.Read", "Contacts.ReadWrite",
    }
)  # fmt: skip
"""Permissions that application access policies limit; `Calendars.ReadBasic.All` is none of them.

Source: https://learn.microsoft.com/en-us/graph/auth-limit-mailbox-access#supported-permissions-and-additional-resources
"""

Right = Literal["RestrictAccess", "DenyAccess"]


@dataclass
class RoleAssignment:
    """A role of Exchange that an application has in a scope.

    Attributes:
        principal_id: object id of the service principal.
        directory_scope: `/` for the organisation, or `/Groups/{id}`, `/Users/{id}`; empty with an `app_scope`.
        app_scope: id of an `AppScope`, or empty.
        ended_at: when it was removed; its effect ends later.
    """

    tenant_id: str
    assignment_id: str
    role: str
    principal_id: str
    directory_scope: str
    app_scope: str
    created_at: float
    ended_at: float | None = None


@dataclass
class AppScope:
    """A management scope: mailboxes by a filter of recipients."""

    tenant_id: str
    scope_id: str
    display_name: str
    recipient_filter: str
    exclusive: bool = False


@dataclass
class AccessPolicy:
    """An application access policy.

    Attributes:
        client_id: of the application that it limits.
        group_id: of the mailboxes that it names.
        right: whether those are the only ones, or the ones that are kept off.
    """

    tenant_id: str
    policy_id: str
    client_id: str
    group_id: str
    right: Right
    created_at: float


class ExchangeRights:
    """Role assignments, scopes and access policies of every tenant.

    Attributes:
        delay_s: emulated seconds until a change has its effect.
    """

    def __init__(self, database: Database, clock: Clock, users: Users) -> None:
        self.clock = clock
        self.delay_s = DELAY_S
        self.assignments: Table[RoleAssignment] = Table("exchangeRoleAssignment", RoleAssignment, database, clock)
        self.scopes: Table[AppScope] = Table("exchangeAppScope", AppScope, database, clock)
        self.policies: Table[AccessPolicy] = Table("exchangeAccessPolicy", AccessPolicy, database, clock)
        self._users = users

    def tables(self) -> list[Table[Any]]:
        """Every table."""
        return [self.assignments, self.scopes, self.policies]

    def set_delay(self, seconds: float) -> None:
        """Let changes take `seconds` of emulated time; `ValueError` for no such number."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_DELAY_S:
            raise ValueError(f"`delay_s` must be a number of seconds from 0 to {LONGEST_DELAY_S:.0f}")
        self.delay_s = float(seconds)

    def clear(self) -> None:
        """Forget everything in memory."""
        self.delay_s = DELAY_S
        for table in self.tables():
            table.clear()

    # Role assignments ------------------------------------------------------------------------------------------

    def of_tenant(self, tenant_id: str) -> list[RoleAssignment]:
        """The assignments of a tenant that nobody has removed."""
        return [row for row in self.assignments.newest() if row.tenant_id == tenant_id and row.ended_at is None]

    def assign(
        self, tenant_id: str, role: str, principal_id: str, *, directory_scope: str, app_scope: str
    ) -> RoleAssignment:
        """A new assignment."""
        row = RoleAssignment(tenant_id, new_guid(), role, principal_id, directory_scope, app_scope, self.clock.now())
        self.assignments.put(row.assignment_id, row)
        return row

    def end(self, row: RoleAssignment) -> None:
        """Remove an assignment."""
        self.assignments.put(row.assignment_id, replace(row, ended_at=self.clock.now()))

    def has_any(self, principal_id: str, permissions: frozenset[str]) -> bool:
        """Whether the application has one of `permissions` on some mailbox by a role of Exchange."""
        return any(True for _ in self._effective(principal_id, permissions))

    def may(self, principal_id: str, tenant_id: str, permissions: frozenset[str], user: User) -> bool:
        """Whether a role of Exchange gives the application one of `permissions` on this user's mailbox."""
        if not len(self.assignments):  # as for most who use the emulator, and every read of a mailbox asks
            return False
        return any(self._covers(row, tenant_id, user) for row in self._effective(principal_id, permissions))

    def _effective(self, principal_id: str, permissions: frozenset[str]) -> Iterator[RoleAssignment]:
        before = self.clock.now() - self.delay_s
        for row in self.assignments.newest():
            # One that ended keeps its effect for as long as a new one waits for it.
            in_effect = row.created_at <= before and (row.ended_at is None or row.ended_at > before)
            if row.principal_id == principal_id and in_effect and not permissions.isdisjoint(ROLES[row.role]):
                yield row

    def _covers(self, row: RoleAssignment, tenant_id: str, user: User) -> bool:
        if row.app_scope:
            scope = self.scopes.get(row.app_scope)
            return scope is not None and self._matcher(tenant_id, scope)(user)
        kind, _, identifier = row.directory_scope.strip("/").partition("/")
        if not kind:
            return True
        if kind.lower() == "users":
            return user.object_id == identifier.lower()
        group = self._users.groups_of(tenant_id).find(identifier)
        return group is not None and user.number in group.members

    def _matcher(self, tenant_id: str, scope: AppScope) -> Matches:
        return recipient_filter(scope.recipient_filter, self._users.groups_of(tenant_id))

    # Application access policies -------------------------------------------------------------------------------

    def put_policy(self, tenant_id: str, client_id: str, group_id: str, right: Right) -> AccessPolicy:
        """A new application access policy."""
        policy = AccessPolicy(tenant_id, new_guid(), client_id.lower(), group_id, right, self.clock.now())
        self.policies.put(policy.policy_id, policy)
        return policy

    def remove_policies(self, tenant_id: str, client_id: str) -> None:
        """Remove every policy of an application."""
        for row in self.policies.newest():
            if (row.tenant_id, row.client_id) == (tenant_id, client_id.lower()):
                self.policies.remove(row.policy_id)

    def keeps_off(self, tenant_id: str, client_id: str, granted: Iterable[str], user: User) -> bool:
        """Whether a policy keeps the application off a mailbox that `granted`, permissions of its token, opens.

        A permission that policies do not limit opens it all the same.
        """
        if not len(self.policies) or any(name not in UNDER_POLICIES for name in granted):
            return False
        before, groups = self.clock.now() - self.delay_s, self._users.groups_of(tenant_id)
        rows = [
            row
            for row in self.policies.newest()
            if (row.tenant_id, row.client_id) == (tenant_id, client_id.lower()) and row.created_at <= before
        ]
        if any(row.right == "DenyAccess" and _holds(groups, row.group_id, user) for row in rows):
            return True
        only = [row for row in rows if row.right == "RestrictAccess"]
        return bool(only) and not any(_holds(groups, row.group_id, user) for row in only)


def _holds(groups: TenantGroups, group_id: str, user: User) -> bool:
    """Whether a user is in a group, or in one of the groups in it: policies count those, too."""
    group = groups.find(group_id)
    return group is not None and user.number in _all_members(groups, group)


def _all_members(groups: TenantGroups, group: Group) -> Iterable[int]:
    return groups.transitive_members(group)
