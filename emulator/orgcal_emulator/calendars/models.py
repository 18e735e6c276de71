"""Users by tenant, and their calendars, which are computed from the user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgcal_emulator.calendars.groups import TenantGroups
from orgcal_emulator.calendars.users import TenantUsers, User, user_shape
from orgcal_emulator.directory.models import Directory

_MANY_CALENDARS = 24
"""Calendars of the class `many_calendars`: more than two default pages."""


class Users:
    """Users of every tenant in the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._by_tenant: dict[str, TenantUsers] = {}
        self._groups: dict[str, TenantGroups] = {}

    def of(self, tenant_id: str) -> TenantUsers:
        """The users of a tenant that exists."""
        users = self._by_tenant.get(tenant_id)
        if users is None:
            tenant = self._directory.tenants.get(tenant_id)
            assert tenant is not None
            users = TenantUsers(tenant_id, tenant.default_domain, tenant.users)
            self._by_tenant[tenant_id] = users
        return users

    def set_exchange(self, tenant_named: str, *, online: bool) -> None:
        """Give a tenant Exchange Online, or take it away.

        Args:
            tenant_named: by id or domain.

        Raises:
            ValueError: there is no such tenant.
        """
        tenant = self._directory.tenant(tenant_named)
        if tenant is None:
            raise ValueError(f"there is no tenant {tenant_named!r}")
        users = {**tenant.users, "exchange_online": online}
        self._directory.tenants.put(tenant.tenant_id, replace(tenant, users=users))
        self._by_tenant.pop(tenant.tenant_id, None)

    def is_user(self, tenant_id: str, object_id: str) -> bool:
        """Whether the tenant has this user."""
        return self.of(tenant_id).find(object_id) is not None

    def groups_of(self, tenant_id: str) -> TenantGroups:
        """The groups of a tenant that exists."""
        users, groups = self.of(tenant_id), self._groups.get(tenant_id)
        if groups is None or groups.users is not users:
            groups = self._groups[tenant_id] = TenantGroups(tenant_id, users)
        return groups

    def shape(self, tenant_id: str, object_id: str) -> dict[str, Any] | None:
        """The user or group with this id as on the wire, with its type, or None."""
        user = self.of(tenant_id).find(object_id)
        if user is not None:
            return {"@odata.type": "#microsoft.graph.user", **user_shape(user)}
        groups = self.groups_of(tenant_id)
        group = groups.find(object_id)
        return {"@odata.type": "#microsoft.graph.group", **groups.shape(group)} if group is not None else None

    def clear(self) -> None:
        """Forget what was computed (after a reset)."""
        self._by_tenant.clear()


def calendar_names(user: User) -> list[str]:
    """Names of a user's calendars, the default one first."""
    if user.mailbox == "many_calendars":
        return ["Calendar", *(f"Project {number}" for number in range(1, _MANY_CALENDARS))]
    return ["Calendar", "Birthdays", "Holidays in Switzerland"][: 1 + user.number % 3]


def calendar_id(user: User, number: int) -> str:
    """The id of a user's calendar: opaque to clients, but it holds user and number."""
    return f"AAMkAG{user.object_id.replace('-', '')}BGAAAAAA{number:04d}="


def calendar_number(user: User, identifier: str) -> int | None:
    """The number of the calendar with this id, if the user has it."""
    digits = identifier[-5:-1]
    number = int(digits) if digits.isascii() and digits.isdigit() else -1
    if 0 <= number < len(calendar_names(user)) and identifier == calendar_id(user, number):
        return number
    return None


def calendar_shape(user: User, number: int, name: str) -> dict[str, Any]:
    """A calendar with every property, as on the wire."""
    own = number != 1 or user.mailbox == "many_calendars"
    return {
        "id": calendar_id(user, number),
        "name": name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": number == 0,
        "changeKey": f"{user.number:016x}{number:04x}==",
        "canShare": own,
        "canViewPrivateItems": True,
        "canEdit": own,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"] if number == 0 else [],
        "defaultOnlineMeetingProvider": "teamsForBusiness" if number == 0 else "unknown",
        "isTallyingResponses": number == 0,
        "isRemovable": number != 0,
        "owner": {"name": user.display_name, "address": user.principal_name},
    }


CALENDAR_PROPERTIES = tuple(calendar_shape(User(0, "", "", "", "", None, "mailbox"), 0, ""))
