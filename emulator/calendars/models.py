"""Users of every tenant, found by tenant; their calendars, computed from the user."""

from __future__ import annotations

from typing import Any

from emulator.calendars.users import TenantUsers, User, user_shape
from emulator.directory.models import Directory


class Users:
    """Users of every tenant in the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._by_tenant: dict[str, TenantUsers] = {}

    def of(self, tenant_id: str) -> TenantUsers:
        """The users of a tenant that exists."""
        found = self._by_tenant.get(tenant_id)
        if found is None:
            tenant = self._directory.tenants.get(tenant_id)
            assert tenant is not None
            found = TenantUsers(tenant_id, tenant.default_domain, tenant.users)
            self._by_tenant[tenant_id] = found
        return found

    def is_user(self, tenant_id: str, object_id: str) -> bool:
        """Whether the tenant has this user."""
        return self.of(tenant_id).find(object_id) is not None

    def shape(self, tenant_id: str, object_id: str) -> dict[str, Any] | None:
        """The user as on the wire, or None."""
        user = self.of(tenant_id).find(object_id)
        return user_shape(user) if user is not None else None

    def clear(self) -> None:
        """Forget what was computed (after a reset)."""
        self._by_tenant.clear()


def calendars_of(user: User) -> list[str]:
    """Names of a user's calendars, the default one first."""
    if user.mailbox == "many_calendars":
        return ["Calendar", *(f"Project {number}" for number in range(1, 24))]
    return ["Calendar", "Birthdays", "Holidays in Switzerland"][: 1 + user.number % 3]
