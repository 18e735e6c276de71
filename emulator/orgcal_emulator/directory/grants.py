"""Routes of app role assignments, seen from the resource and from the principal."""

from __future__ import annotations

from orgcal_emulator.directory.access import DELETE_GRANTS, READ_GRANTS, WRITE_GRANTS, find_principal
from orgcal_emulator.directory.models import Directory, in_view
from orgcal_emulator.directory.objects import AppRoleAssignment, ServicePrincipal, is_guid
from orgcal_emulator.directory.serializers import assignment_shape, principal_shape
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, invalid_value, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.graph.routing import Route

MOST_GRANTS = 1_500
"""App role assignments of one principal: https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions"""

DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
"""The role of a resource that has none."""

_PROPERTIES = ("id", "deletedDateTime", "appRoleId", "createdDateTime", "principalDisplayName", "principalId",
               "principalType", "resourceDisplayName", "resourceId")  # fmt: skip
_FIELDS = ("appRoleId", "principalId", "resourceId")


class GrantRoutes:
    """`appRoleAssignedTo` (of a resource) and `appRoleAssignments` (of a principal)."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route."""
        table = []
        for part in ("appRoleAssignedTo", "appRoleAssignments"):
            path = f"servicePrincipals/{{}}/{part}"
            table += [
                Route("GET", path, self.index, READ_GRANTS),
                Route("POST", path, self.create, WRITE_GRANTS),
                Route("GET", path + "/{}", self.get, READ_GRANTS),
                Route("DELETE", path + "/{}", self.delete, DELETE_GRANTS),
            ]
        return table

    def index(self, request: GraphRequest) -> GraphResponse:
        """What was granted on, or to, a service principal."""
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        principal = find_principal(self._directory, request)
        shapes = [assignment_shape(self._directory, row) for row in self._rows(request, principal)]
        if "filter" in request.options:
            test = directory_filter(request, "appRoleAssignment", ("id", *_FIELDS))
            shapes = [each for each in shapes if test(each)]
        names = odata.selected(request, "appRoleAssignment", _PROPERTIES)
        return odata.page(request, self._context(request, principal), shapes, names)

    def create(self, request: GraphRequest) -> GraphResponse:
        """Grant an app role."""
        directory = self._directory
        here = find_principal(directory, request, writing=True)
        body = request.json_object()
        for name in body:
            if name not in _FIELDS and "@" not in name:
                raise not_emulated("property", f"appRoleAssignment.{name}")
        ids = {name: body.get(name) for name in _FIELDS}
        for name, value in ids.items():
            if not is_guid(value):
                raise invalid_value(name, "AppRoleAssignment")
        side = "resourceId" if self._on_resource(request) else "principalId"
        if str(ids[side]).lower() != here.object_id:
            raise bad_request(f"The {side} does not match the service principal of the address.")
        principal = self._known(request, str(ids["principalId"]))
        resource = self._known(request, str(ids["resourceId"]))
        role_id = str(ids["appRoleId"]).lower()
        roles = {
            each["id"]
            for each in principal_shape(directory, resource)["appRoles"]
            if each["isEnabled"] and "Application" in each["allowedMemberTypes"]
        }
        if role_id not in roles and not (role_id == DEFAULT_ROLE and not roles):
            if resource.client_id == GRAPH_CLIENT_ID:
                raise not_emulated("application role", f"{role_id} of Microsoft Graph")
            raise bad_request("Permission being assigned was not found on application")
        present = directory.grants_of(principal.object_id)
        if any(row.resource_id == resource.object_id and row.app_role_id == role_id for row in present):
            raise bad_request("Permission being assigned already exists on the object")
        if len(present) >= MOST_GRANTS:
            raise bad_request("The principal has too many app role assignments.", "Directory_QuotaExceeded")
        row = directory.grant(principal, resource, role_id)
        return odata.entity(request, self._context(request, here), assignment_shape(directory, row), status=201)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One grant."""
        principal = find_principal(self._directory, request)
        names = odata.selected(request, "appRoleAssignment", _PROPERTIES)
        row = self._directory.assignments.seen(request.keys[1])
        if row is None or not self._of(row, principal):
            raise not_found(request.keys[1])
        return odata.entity(request, self._context(request, principal), assignment_shape(self._directory, row), names)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Take a grant back. Tokens that are out keep it until they expire."""
        principal = find_principal(self._directory, request, writing=True)
        assignments = self._directory.assignments
        row = assignments.get(request.keys[1])
        if row is None or not self._of(row, principal) or assignments.graph.lacks(row.assignment_id, lambda _: True):
            raise not_found(request.keys[1])
        self._directory.assignments.remove(row.assignment_id)
        return GraphResponse(204)

    def _of(self, row: AppRoleAssignment, principal: ServicePrincipal) -> bool:
        return principal.object_id in (row.resource_id, row.principal_id) and self._directory.is_live(row)

    def _known(self, request: GraphRequest, principal_id: str) -> ServicePrincipal:
        principal = in_view(self._directory.service_principals, principal_id.lower(), "arrived")
        if principal is None or principal.tenant_id != request.caller.tenant_id or principal.deleted_at is not None:
            raise not_found(principal_id)
        return principal

    def _rows(self, request: GraphRequest, principal: ServicePrincipal) -> list[AppRoleAssignment]:
        if self._on_resource(request):
            return self._directory.grants_on(principal.object_id)
        return self._directory.grants_of(principal.object_id, "graph")

    @staticmethod
    def _on_resource(request: GraphRequest) -> bool:
        return request.segments[2].lower() == "approleassignedto"

    @staticmethod
    def _context(request: GraphRequest, principal: ServicePrincipal) -> str:
        return f"servicePrincipals('{principal.object_id}')/{request.segments[2]}"
