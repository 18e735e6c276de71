"""Admin consent: what is asked for, who may answer, what an answer does.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.users import User
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal, Tenant, is_guid
from orgcal_emulator.directory.serializers import principal_shape
from orgcal_emulator.directory.service_principals import new_principal
from orgcal_emulator.entra.audiences import OwnAddresses, client_of
from orgcal_emulator.entra.errors import EntraFailure, unknown_client, unknown_tenant
from orgcal_emulator.entra.models import OPENID_SCOPES, NotEmulatedError
from orgcal_emulator.entra.redirects import is_registered, registered_redirects
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID

_ORDINARY_SHOWN = 2


@dataclass(frozen=True)
class AskedPermission:
    """One declared permission in words.

    Attributes:
        everyone: it is used without a user, for the whole organisation (an app role).
        resource: service principal's `appId` that it belongs to.
    """

    title: str
    description: str
    name: str
    everyone: bool
    resource: str
    permission_id: str


@dataclass(frozen=True)
class ConsentRequest:
    """A request for admin consent that has passed every check that needs no user.

    Attributes:
        tenant: the tenant that must answer; None where the signed-in user's tenant decides (`organizations`).
        scope: as asked for; empty on the v1 endpoint, which always asks for everything declared.
        grants: whether accepting grants the declared application permissions.
    """

    application: Application
    tenant: Tenant | None
    redirect_uri: str
    state: str | None
    scope: str
    grants: bool
    version: int


class ConsentService:
    """Admin consent behind its pages."""

    def __init__(self, directory: Directory, users: Users, addresses: OwnAddresses) -> None:
        self._directory = directory
        self._users = users
        self._addresses = addresses

    def request(self, tenant_named: str, values: Mapping[str, str], version: int) -> ConsentRequest:
        """The checked request.

        Args:
            tenant_named: from the address: an id, a domain, `organizations`.
            values: `client_id`, `redirect_uri`, `state` and, for version 2, `scope`.

        Raises:
            EntraFailure: shown on a page, never sent to the redirect address, which nobody vouches for yet.
        """
        tenant = self._tenant(tenant_named)
        for name in ("client_id", *(("redirect_uri", "scope") if version == 2 else ())):
            if not values.get(name):
                raise EntraFailure(
                    "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
                )
        client_id = values["client_id"]
        application = self._directory.application_by_client(client_id) if is_guid(client_id) else None
        named = tenant.display_name if tenant is not None else "organizations"
        if application is None:
            raise unknown_client(client_id[:80], named)
        foreign = tenant is None or tenant.tenant_id != application.tenant_id
        if foreign and application.properties["signInAudience"] == "AzureADMyOrg":
            raise unknown_client(application.client_id, named)
        registered = registered_redirects(application.properties)
        redirect_uri = values.get("redirect_uri") or (registered[0] if registered else "")
        if not is_registered(redirect_uri, registered):
            raise EntraFailure(
                "invalid_request", 50011,
                f"The redirect URI '{redirect_uri[:256]}' specified in the request does not match the redirect URIs "
                f"configured for the application '{application.client_id}'. Make sure the redirect URI sent in the "
                "request matches one added to your application in the Azure portal.",
            )  # fmt: skip
        scope = values.get("scope", "") if version == 2 else ""
        grants = version == 1 or any(part.endswith(".default") for part in scope.split())
        return ConsentRequest(application, tenant, redirect_uri, values.get("state"), scope, grants, version)

    def _tenant(self, named: str) -> Tenant | None:
        lower = named.lower()
        if lower == "organizations":
            return None
        if lower in ("common", "consumers"):
            raise EntraFailure(
                "invalid_request", 50059,
                f"'{lower}' names no organisation. Use the organisation's tenant id or domain, or 'organizations'.",
            )  # fmt: skip
        tenant = self._directory.tenant(named)
        if tenant is None:
            raise unknown_tenant(named[:120])
        return tenant

    def accounts(self, request: ConsentRequest) -> list[tuple[Tenant, User]]:
        """Who can sign in: administrators and some ordinary users of each tenant that may answer."""
        tenants = [request.tenant] if request.tenant is not None else self._directory.tenants.newest()
        accounts = []
        for tenant in tenants:
            users = self._users.of(tenant.tenant_id)
            everyone = (users.at(number) for number in range(min(users.count, 50)))
            ordinary = [each for each in everyone if not each.administrator and each.mailbox == "mailbox"]
            accounts += [(tenant, each) for each in (*users.administrators(), *ordinary[:_ORDINARY_SHOWN])]
        return accounts

    def account(self, request: ConsentRequest, name: str) -> tuple[Tenant, User] | None:
        """The user with this principal name, if a tenant that may answer has one."""
        tenants = [request.tenant] if request.tenant is not None else self._directory.tenants.newest()
        for tenant in tenants:
            user = self._users.of(tenant.tenant_id).find(name)
            if user is not None and user.mailbox not in ("disabled", "vanished"):
                return tenant, user
        return None

    def asked(self, application: Application) -> list[AskedPermission]:
        """The declared permissions in words, those for the whole organisation first."""
        texts = []
        for resource in application.properties["requiredResourceAccess"]:
            published = self._published(resource["resourceAppId"])
            texts += [_in_words(each, resource["resourceAppId"], published) for each in resource["resourceAccess"]]
        return sorted(texts, key=lambda each: (not each.everyone, each.title))

    def _published(self, client_id: str) -> dict[str, Any] | None:
        """A resource's permissions, from its service principal in any tenant."""
        for principal in self._directory.service_principals.newest():
            if principal.client_id == client_id.lower() and principal.deleted_at is None:
                return principal_shape(self._directory, principal)
        return None

    def check_scopes(self, request: ConsentRequest) -> None:
        """Refuse resources that nobody knows, and scopes that a resource does not have.

        Raises:
            EntraFailure: sent to the redirect address.
        """
        for part in request.scope.split():
            if part in OPENID_SCOPES:
                continue
            resource, _, name = part.rpartition("/")
            client_id = client_of(self._directory, self._addresses, resource) if resource else GRAPH_CLIENT_ID
            published = self._published(client_id)
            if published is None:
                raise EntraFailure("invalid_resource", 500011, f"The resource principal named {resource[:200]} was "
                                   "not found.")  # fmt: skip
            if name == ".default":
                continue
            scopes = [each["value"] for each in published.get("oauth2PermissionScopes", ())]
            roles = [each["value"] for each in published.get("appRoles", ())]
            if name not in scopes and name not in roles:
                raise EntraFailure(
                    "invalid_client", 650053,
                    f"The application '{request.application.properties['displayName']}' asked for scope "
                    f"'{name[:80]}' that doesn't exist on the resource '{client_id}'. "
                    "Contact the app vendor.",
                )  # fmt: skip

    def check_roles(self, request: ConsentRequest) -> None:
        """Refuse application roles of Microsoft Graph that this emulator does not have: Microsoft's may.

        Raises:
            NotEmulatedError: it names the first of them.
        """
        for each in self.asked(request.application) if request.grants else ():
            if each.everyone and not each.name and each.resource.lower() == GRAPH_CLIENT_ID:
                raise NotEmulatedError(f"application role {each.permission_id} of Microsoft Graph")

    def accept(self, request: ConsentRequest, tenant: Tenant) -> ServicePrincipal:
        """Make the application known in `tenant`, and grant there what it declares.

        What was granted before and is no longer declared stays granted, as in Entra.

        Raises:
            EntraFailure: a declared permission does not exist; nothing was changed. Sent to the redirect address.
        """
        application = request.application
        wanted: list[tuple[ServicePrincipal, str]] = []
        for each in self.asked(application) if request.grants else ():
            if not each.everyone:
                continue
            resource = self._directory.principal_by_client(tenant.tenant_id, each.resource)
            if resource is None:
                raise EntraFailure(
                    "invalid_client", 650052,
                    f"The app is trying to access a service '{each.resource}' that your organization "
                    f"'{tenant.display_name}' lacks a service principal for. Contact your IT Admin to review the "
                    "configuration of your service subscriptions.",
                )  # fmt: skip
            if not each.name:
                raise EntraFailure(
                    "invalid_client", 650056,
                    f"Misconfigured application. The client asks for the permission '{each.permission_id}', which "
                    f"'{each.resource}' does not have.",
                )  # fmt: skip
            wanted.append((resource, each.permission_id))
        principal = self._directory.principal_by_client(tenant.tenant_id, application.client_id)
        if principal is None:
            now = self._directory.clock.now()
            principal = new_principal(tenant.tenant_id, application.client_id, now)
            self._directory.put_principal(principal)
        for resource, role_id in wanted:
            self._directory.grant(principal, resource, role_id)
        return principal


def _in_words(access: dict[str, str], client_id: str, published: dict[str, Any] | None) -> AskedPermission:
    everyone = access["type"] == "Role"
    rows = (published or {}).get("appRoles" if everyone else "oauth2PermissionScopes") or ()
    for row in rows:
        if row["id"] == access["id"]:
            title = row["displayName"] if everyone else row["adminConsentDisplayName"]
            description = row["description"] if everyone else row["adminConsentDescription"]
            return AskedPermission(title, description, row["value"], everyone, client_id, access["id"])
    unknown = "A permission that this emulator does not know"
    title = unknown if client_id.lower() == GRAPH_CLIENT_ID else "A permission that does not exist"
    return AskedPermission(title, f"{access['id']} of {client_id}", "", everyone, client_id, access["id"])
