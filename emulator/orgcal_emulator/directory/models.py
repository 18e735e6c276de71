"""The directory of every tenant, and its lookups by client id, owner and grant."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, TypeVar

from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.objects import Application, AppRoleAssignment, DelegatedGrant, ServicePrincipal, Tenant
from orgcal_emulator.store import Database, Table

SOFT_DELETED_FOR_S = 30 * 24 * 3600
"""How long a deleted object can be restored: https://learn.microsoft.com/en-us/entra/architecture/recover-from-deletions"""


ViewName = Literal["newest", "arrived", "graph", "entra"]
"""Which state of an object: the newest; the newest, but nothing while Graph's readers do not see the object yet (for a
change of it); what Graph's readers see; what the token endpoint sees."""

Deletable = TypeVar("Deletable", Application, ServicePrincipal)


class Directory:
    """Every tenant's objects. Lists are small (thousands), so only look-ups that tokens need have an index."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.tenants: Table[Tenant] = Table("tenant", Tenant, database, clock)
        self.applications: Table[Application] = Table("application", Application, database, clock)
        self.service_principals: Table[ServicePrincipal] = Table("servicePrincipal", ServicePrincipal, database, clock)
        self.assignments: Table[AppRoleAssignment] = Table("appRoleAssignment", AppRoleAssignment, database, clock)
        self.delegated_grants: Table[DelegatedGrant] = Table("oauth2PermissionGrant", DelegatedGrant, database, clock)
        self._applications_by_client: dict[str, str] = {}
        self._principals_by_client: dict[tuple[str, str], list[str]] = {}
        self.index()

    def tables(self) -> list[Table[Any]]:
        """Every table."""
        return [self.tenants, self.applications, self.service_principals, self.assignments, self.delegated_grants]

    def index(self) -> None:
        """Find every object by what it is asked for; needed after tables were filled from outside."""
        for application in self.applications.newest():
            self._applications_by_client[application.client_id] = application.object_id
        for principal in self.service_principals.newest():
            self._index(principal)

    # Tenants ---------------------------------------------------------------------------------------------------

    def tenant(self, named: str) -> Tenant | None:
        """The tenant with this id or domain."""
        lower = named.lower()
        tenant = self.tenants.get(lower)
        if tenant is None:
            tenant = next((each for each in self.tenants.newest() if each.default_domain.lower() == lower), None)
        return tenant

    # Applications ----------------------------------------------------------------------------------------------

    def application_by_client(self, client_id: str, view: ViewName = "newest") -> Application | None:
        """The application with this `appId` wherever it lives, if it is not deleted."""
        application = in_view(self.applications, self._applications_by_client.get(client_id.lower(), ""), view)
        return application if application is not None and application.deleted_at is None else None

    def put_application(self, application: Application) -> Application:
        """Write an application."""
        self.applications.put(application.object_id, application)
        self._applications_by_client[application.client_id] = application.object_id
        return application

    # Service principals ----------------------------------------------------------------------------------------

    def principal_by_client(self, tenant_id: str, client_id: str, view: ViewName = "newest") -> ServicePrincipal | None:
        """The service principal of an application in a tenant, if there is one that is not deleted."""
        for key in self._principals_by_client.get((tenant_id, client_id.lower()), ()):
            principal = in_view(self.service_principals, key, view)
            if principal is not None and principal.deleted_at is None:
                return principal
        return None

    def put_principal(self, principal: ServicePrincipal) -> ServicePrincipal:
        """Write a service principal."""
        self.service_principals.put(principal.object_id, principal)
        self._index(principal)
        return principal

    def _index(self, principal: ServicePrincipal) -> None:
        keys = self._principals_by_client.setdefault((principal.tenant_id, principal.client_id), [])
        if principal.object_id not in keys:
            keys.append(principal.object_id)

    # Grants ----------------------------------------------------------------------------------------------------

    def grants_of(self, principal_id: str, view: ViewName = "newest") -> list[AppRoleAssignment]:
        """What is granted to a principal."""
        table = self.assignments
        rows = {"graph": table.graph.all, "entra": table.entra.all}.get(view, table.newest)()
        return [row for row in rows if row.principal_id == principal_id and self.is_live(row)]

    def grants_on(self, resource_id: str) -> list[AppRoleAssignment]:
        """What is granted on a resource, as reads see it."""
        return [row for row in self.assignments.all_seen() if row.resource_id == resource_id and self.is_live(row)]

    def grant(self, principal: ServicePrincipal, resource: ServicePrincipal, app_role_id: str) -> AppRoleAssignment:
        """Grant an app role; granting it again returns the grant that is there."""
        for row in self.grants_of(principal.object_id):
            if row.resource_id == resource.object_id and row.app_role_id == app_role_id:
                return row
        row = AppRoleAssignment(
            tenant_id=principal.tenant_id,
            assignment_id=secrets.token_urlsafe(32),
            app_role_id=app_role_id,
            principal_id=principal.object_id,
            resource_id=resource.object_id,
            created_at=self.clock.now(),
        )
        self.assignments.put(row.assignment_id, row)
        return row

    # Deletion --------------------------------------------------------------------------------------------------

    def delete_application(self, application: Application) -> None:
        """Move an application to the deleted items, and its service principal in the home tenant with it.

        Source: https://learn.microsoft.com/en-us/entra/identity-platform/howto-remove-app
        """
        now = self.clock.now()
        self.put_application(replace(application, deleted_at=now))
        principal = self.principal_by_client(application.tenant_id, application.client_id)
        if principal is not None:
            self.put_principal(replace(principal, deleted_at=now))

    def delete_principal(self, principal: ServicePrincipal) -> None:
        """Move a service principal to the deleted items. Grants to it and on it are hidden until it is restored."""
        self.put_principal(replace(principal, deleted_at=self.clock.now()))

    def restore_application(self, application: Application) -> Application:
        """Bring an application back, and the service principal that was deleted with it.

        Source: https://learn.microsoft.com/en-us/entra/identity/enterprise-apps/delete-recover-faq
        """
        for principal in self.service_principals.newest():
            if (principal.tenant_id, principal.client_id, principal.deleted_at) == (
                application.tenant_id,
                application.client_id,
                application.deleted_at,
            ):
                self.put_principal(replace(principal, deleted_at=None))
        return self.put_application(replace(application, deleted_at=None))

    def is_live(self, row: AppRoleAssignment) -> bool:
        """Whether both sides of a grant are there and not deleted."""
        sides = (self.service_principals.get(row.principal_id), self.service_principals.get(row.resource_id))
        return all(side is not None and side.deleted_at is None for side in sides)

    def purge(self, key: str) -> None:
        """Remove a deleted object for good."""
        application = self.applications.get(key)
        if application is not None:
            self._applications_by_client.pop(application.client_id, None)
            self.applications.remove(key)
        if self.service_principals.get(key) is not None:
            self.service_principals.remove(key)
            for row in self.assignments.newest():
                if key in (row.principal_id, row.resource_id):
                    self.assignments.remove(row.assignment_id)
            for grant in self.delegated_grants.newest():
                if key in (grant.client_id, grant.resource_id):
                    self.delegated_grants.remove(grant.grant_id)

    def purge_expired(self) -> None:
        """Remove what has been deleted for longer than it can be restored."""
        limit = self.clock.now() - SOFT_DELETED_FOR_S
        for deleted in self.deleted():
            if deleted.deleted_at is not None and deleted.deleted_at <= limit:
                self.purge(deleted.object_id)

    def deleted(self) -> Iterator[Application | ServicePrincipal]:
        """Every object that is deleted but not purged."""
        yield from [each for each in self.applications.newest() if each.deleted_at is not None]
        yield from [each for each in self.service_principals.newest() if each.deleted_at is not None]

    def clear(self) -> None:
        """Forget everything in memory."""
        for table in self.tables():
            table.clear()
        self._applications_by_client.clear()
        self._principals_by_client.clear()


def in_view(table: Table[Deletable], key: str, view: ViewName) -> Deletable | None:
    """The object as `view` shows it, deleted or not."""
    if view == "graph":
        return table.graph.get(key)
    if view == "entra":
        return table.entra.get(key)
    newest = table.get(key)
    if view == "arrived" and newest is not None and newest.deleted_at is None and table.graph.lacks(key, _is_live):
        return None
    return newest


def _is_live(item: Application | ServicePrincipal) -> bool:
    return item.deleted_at is None
