"""Routes of a tenant as a whole: `organization` and its app management policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Tenant
from orgcal_emulator.directory.policy_routes import READ_POLICY, WRITE_POLICY
from orgcal_emulator.directory.policy_schema import AUDIENCES, CREDENTIALS, check_lifetimes
from orgcal_emulator.directory.schema import Flag, Kind, Nested, Text
from orgcal_emulator.directory.serializers import organization_shape
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import not_emulated, not_found
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route, needs

_RESOURCE = "tenantAppManagementPolicy"
POLICY_ID = "00000000-0000-0000-0000-000000000000"

_READ_ORGANIZATION = needs(
    "Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
    "User.Read.All",
)  # fmt: skip
"""https://learn.microsoft.com/en-us/graph/api/organization-list"""

_NO_RESTRICTIONS: dict[str, Any] = {"passwordCredentials": [], "keyCredentials": []}
_RESTRICTIONS = {
    "v1.0": Nested(CREDENTIALS, _NO_RESTRICTIONS),
    "beta": Nested({**CREDENTIALS, "audiences": AUDIENCES}, _NO_RESTRICTIONS),
}
_POLICY: dict[str, Kind] = {
    "displayName": Text(256),
    "description": Text(1024),
    "isEnabled": Flag(nullable=False),
}
_POLICY_DEFAULTS: dict[str, Any] = {
    "displayName": "Default app management tenant policy",
    "description": "Default tenant policy that enforces app management restrictions on applications and service "
    "principals. To apply policy to targeted resources, create a new policy under appManagementPolicies collection.",
    "isEnabled": False,
    "applicationRestrictions": _NO_RESTRICTIONS,
}


class TenantRoutes:
    """`/organization` and `/policies/defaultAppManagementPolicy`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route."""
        policy = "policies/defaultAppManagementPolicy"
        return [
            Route("GET", "organization", self.organizations, _READ_ORGANIZATION),
            Route("GET", "organization/{}", self.organization, _READ_ORGANIZATION),
            Route("GET", policy, self.policy, READ_POLICY),
            Route("PATCH", policy, self.change_policy, WRITE_POLICY),
        ]

    def organizations(self, request: GraphRequest) -> GraphResponse:
        """The caller's tenant, as a list of one."""
        odata.check_options(request, "select")
        shape = organization_shape(self._tenant(request))
        return odata.collection(request, "organization", [shape], odata.selected(request, "organization", list(shape)))

    def organization(self, request: GraphRequest) -> GraphResponse:
        """The caller's tenant by its id."""
        odata.check_options(request, "select")
        shape = organization_shape(self._tenant(request))
        if request.keys[0].lower() != shape["id"]:
            raise not_found(request.keys[0])
        return odata.entity(request, "organization", shape, odata.selected(request, "organization", list(shape)))

    def policy(self, request: GraphRequest) -> GraphResponse:
        """What the tenant's default app management policy restricts."""
        kept = {**_POLICY_DEFAULTS, **self._tenant(request).app_management_policy}
        if request.version != "beta":
            restrictions = kept["applicationRestrictions"]
            kept["applicationRestrictions"] = {name: restrictions[name] for name in _NO_RESTRICTIONS}
        body = {"@odata.context": f"{request.root}/$metadata#policies/defaultAppManagementPolicy/$entity"}
        return GraphResponse(200, {**body, "id": POLICY_ID, "deletedDateTime": None, **kept})

    def change_policy(self, request: GraphRequest) -> GraphResponse:
        """Change the policy; it is enforced for every credential that is added afterwards."""
        tenant = self._tenant(request)
        policy = {**_POLICY_DEFAULTS, **tenant.app_management_policy}
        for name, value in request.json_object().items():
            if "@" in name or (name == "id" and value == POLICY_ID):
                continue
            if name == "applicationRestrictions":
                restrictions = _RESTRICTIONS[request.version].check(value, name, _RESOURCE)
                check_lifetimes(restrictions, _RESOURCE)
                policy[name] = {**policy[name], **restrictions}  # v1.0 leaves alone what it does not know
            elif name in _POLICY:
                policy[name] = _POLICY[name].check(value, name, _RESOURCE)
            else:
                raise not_emulated("property", f"{_RESOURCE}.{name}")
        self._directory.tenants.put(tenant.tenant_id, replace(tenant, app_management_policy=policy))
        return GraphResponse(204)

    def _tenant(self, request: GraphRequest) -> Tenant:
        tenant = self._directory.tenants.get(request.caller.tenant_id)
        if tenant is None:
            raise not_found(request.caller.tenant_id)
        return tenant
