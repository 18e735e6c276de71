"""Finding objects on behalf of a caller, with the caller's rights checked."""

from __future__ import annotations

from collections.abc import Callable

from orgcal_emulator.directory.models import Directory, ViewName, in_view
from orgcal_emulator.directory.objects import Application, ServicePrincipal
from orgcal_emulator.graph.errors import bad_request, denied, not_emulated, not_found
from orgcal_emulator.graph.messages import GraphRequest
from orgcal_emulator.graph.routing import needs, parsed_key

UserTest = Callable[[str, str], bool]
"""Whether a tenant (first) has a user with this object id (second)."""

READ_APPLICATIONS = needs(
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    owned=("Application.ReadWrite.OwnedBy",),
)
"""Reading one application or service principal."""

LIST_APPLICATIONS = needs("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
"""Searching all of them: owning some is not enough here, although Microsoft's table lists `OwnedBy`."""

READ_DELETED = needs("Application.Read.All", "Application.ReadWrite.All")
"""https://learn.microsoft.com/en-us/graph/api/directory-deleteditems-list"""

READ_OBJECTS = needs("Directory.Read.All")
"""https://learn.microsoft.com/en-us/graph/api/directoryobject-get and directoryobject-getbyids"""

_OWNED_BY = ("Application.ReadWrite.OwnedBy",)
READ_POLICIES_OF_PRINCIPALS = needs(
    "Application.ReadWrite.All",
    owned=_OWNED_BY,
    besides=("Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"),
)
"""https://learn.microsoft.com/en-us/graph/api/serviceprincipal-list-claimsmappingpolicies"""

READ_SYNCHRONIZATION = needs(owned=_OWNED_BY)
"""https://learn.microsoft.com/en-us/graph/api/synchronization-synchronization-list-jobs"""

ADD_OWNERS = needs(
    "Application.ReadWrite.All", owned=_OWNED_BY, besides=("Directory.Read.All",), alone=("Directory.ReadWrite.All",)
)
"""https://learn.microsoft.com/en-us/graph/api/application-post-owners"""

WRITE_APPLICATIONS = needs("Application.ReadWrite.All", owned=("Application.ReadWrite.OwnedBy",))
"""Creating and changing applications."""

WRITE_PRINCIPALS = needs(
    "Application.ReadWrite.All", "Directory.ReadWrite.All", owned=("Application.ReadWrite.OwnedBy",)
)
"""Creating and changing service principals, and passwords of either."""

READ_FEDERATED = needs("Application.Read.All", "Application.ReadWrite.All", owned=("Application.ReadWrite.OwnedBy",))
"""https://learn.microsoft.com/en-us/graph/api/application-list-federatedidentitycredentials"""

READ_GRANTS = READ_APPLICATIONS
WRITE_GRANTS = needs(
    "AppRoleAssignment.ReadWrite.All",
    besides=("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"),
)
"""https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-approleassignedto"""

DELETE_GRANTS = needs("AppRoleAssignment.ReadWrite.All")
"""https://learn.microsoft.com/en-us/graph/api/serviceprincipal-delete-approleassignedto"""


def find_application(directory: Directory, request: GraphRequest, *, writing: bool = False) -> Application:
    """The application that the path names by its id, appId or uniqueName, in the caller's tenant.

    Args:
        writing: give the newest state, once reads see the application.

    Raises:
        GraphFailure: 404, or 403 for one that the caller does not own and must.
    """
    name, value = parsed_key(request.keys[0])
    tenant_id = request.caller.tenant_id
    view: ViewName = "arrived" if writing else "graph"
    application: Application | None
    if name == "id":
        application = in_view(directory.applications, value.lower(), view)
    elif name == "appId":
        application = directory.application_by_client(value, view)
    elif name == "uniqueName":
        rows = directory.applications.newest() if writing else directory.applications.all_seen()
        application = next(
            (
                each
                for each in rows
                if each.tenant_id == tenant_id and each.properties["uniqueName"] == value and each.deleted_at is None
            ),
            None,
        )
        if writing and application is not None:
            application = in_view(directory.applications, application.object_id, view)
    else:
        raise not_emulated("route", f"applications({name}=...)")
    if application is None or application.tenant_id != tenant_id or application.deleted_at is not None:
        raise not_found(value)
    require_owner(directory, request, application)
    return application


def find_principal(
    directory: Directory, request: GraphRequest, *, writing: bool = False, key: int = 0
) -> ServicePrincipal:
    """The service principal that the path names by its id or appId, in the caller's tenant.

    Args:
        writing: give the newest state, once reads see the service principal.

    Raises:
        GraphFailure: 404, or 403 for one that the caller does not own and must.
    """
    name, value = parsed_key(request.keys[key])
    view: ViewName = "arrived" if writing else "graph"
    if name == "id":
        principal = in_view(directory.service_principals, value.lower(), view)
    elif name == "appId":
        principal = directory.principal_by_client(request.caller.tenant_id, value, view)
    else:
        raise not_emulated("route", f"servicePrincipals({name}=...)")
    if principal is None or principal.tenant_id != request.caller.tenant_id or principal.deleted_at is not None:
        raise not_found(value)
    require_owner(directory, request, principal)
    return principal


def require_owner(directory: Directory, request: GraphRequest, found: Application | ServicePrincipal) -> None:
    """Refuse a caller that may touch only what it owns, unless it owns `found`.

    A service principal counts as owned too if its application is.

    Raises:
        GraphFailure: 403.
    """
    if not request.owned_only or request.caller.principal_id in found.owners:
        return
    if isinstance(found, ServicePrincipal):
        application = directory.application_by_client(found.client_id)
        if (
            application is not None
            and application.tenant_id == found.tenant_id
            and (request.caller.principal_id in application.owners)
        ):
            return
    raise denied()


def reference_id(body: dict[str, object]) -> str:
    """The object id in an `@odata.id` such as `https://graph.microsoft.com/v1.0/directoryObjects/{id}`.

    Raises:
        GraphFailure: 400.
    """
    value = body.get("@odata.id")
    if not isinstance(value, str) or not value:
        raise bad_request("An unexpected 'EndObject' node was found: '@odata.id' is missing.", "BadRequest")
    return bound_id(value)


def bound_id(address: object) -> str:
    """The last segment of an object's address.

    Raises:
        GraphFailure: 400, it is no address of a directory object.
    """
    if not isinstance(address, str) or "/" not in address:
        raise bad_request("Invalid object identifier in the reference.", "Request_BadRequest")
    return address.rstrip("/").rpartition("/")[2].lower()


def check_owners(directory: Directory, tenant_id: str, owners: list[str], is_user: UserTest) -> list[str]:
    """The owners, if each is a service principal or a user of the tenant.

    Raises:
        GraphFailure: 404 for an unknown object, 400 for one given twice.
    """
    for each in owners:
        principal = directory.service_principals.get(each)
        known = principal is not None and principal.tenant_id == tenant_id and principal.deleted_at is None
        if not known and not is_user(tenant_id, each):
            raise not_found(each)
    if len(set(owners)) != len(owners):
        raise bad_request("Request contains a property with duplicate values.")
    return owners
