"""Routes of app management policies for single applications; the tenant's own policy is in `tenant_routes`.

Source: https://learn.microsoft.com/en-us/graph/api/resources/appmanagementpolicy
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.access import find_application, reference_id
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Tenant, new_guid
from orgcal_emulator.directory.policy_schema import AUDIENCES, CREDENTIALS, check_lifetimes
from orgcal_emulator.directory.schema import Flag, Kind, Nested, Text
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_emulated, not_found
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route, needs

READ_POLICY = needs("Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration")
WRITE_POLICY = needs("Policy.ReadWrite.ApplicationConfiguration")
_ASSIGN_POLICY = needs("Policy.ReadWrite.ApplicationConfiguration", besides=("Application.Read.All",))
"""https://learn.microsoft.com/en-us/graph/api/appmanagementpolicy-post-appliesto"""

_PATH = "policies/appManagementPolicies"
_ASSIGNED = "applications/{}/appManagementPolicies"
_RESOURCE = "appManagementPolicy"
_ONLY_FOR_APPLICATIONS = Nested({}, {})
_FIELDS: dict[str, Kind] = {
    "displayName": Text(256, 1, required=True),
    "description": Text(1024),
    "isEnabled": Flag(nullable=False),
}
_RESTRICTIONS = {
    "v1.0": Nested({**CREDENTIALS, "applicationRestrictions": _ONLY_FOR_APPLICATIONS}),
    "beta": Nested({**CREDENTIALS, "applicationRestrictions": Nested({"audiences": AUDIENCES}, {})}),
}


class AppManagementPolicyRoutes:
    """`/policies/appManagementPolicies`, and what is assigned to an application."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", _PATH, self.index, READ_POLICY),
            Route("POST", _PATH, self.create, WRITE_POLICY),
            Route("GET", _PATH + "/{}", self.get, READ_POLICY),
            Route("PATCH", _PATH + "/{}", self.update, WRITE_POLICY),
            Route("DELETE", _PATH + "/{}", self.delete, WRITE_POLICY),
            Route("GET", _ASSIGNED, self.assigned, READ_POLICY),
            Route("POST", _ASSIGNED + "/$ref", self.assign, _ASSIGN_POLICY),
            Route("DELETE", _ASSIGNED + "/{}/$ref", self.take_away, WRITE_POLICY),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """Every policy."""
        odata.check_options(request, "top")
        kept = self._tenant(request).app_management_policies
        return odata.collection(request, _PATH, [_shape(key, each, request) for key, each in kept.items()])

    def create(self, request: GraphRequest) -> GraphResponse:
        """A new policy, assigned to nothing yet."""
        given = _given(request)
        if "displayName" not in given:
            raise bad_request("A value is required for property 'displayName' of resource 'appManagementPolicy'.")
        key = new_guid()
        policy = {"description": None, "isEnabled": False, "restrictions": {}, **given, "appliesTo": []}
        self._put(request, key, policy)
        return odata.entity(request, _PATH, _shape(key, policy, request), status=201)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One policy."""
        odata.check_options(request)
        key, policy = self._find(request, request.keys[0])
        return odata.entity(request, _PATH, _shape(key, policy, request))

    def update(self, request: GraphRequest) -> GraphResponse:
        """Change a policy; it holds for whatever is added to its applications afterwards."""
        key, policy = self._find(request, request.keys[0])
        self._put(request, key, {**policy, **_given(request)})
        return GraphResponse(204)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Remove a policy; its applications fall back to the tenant's."""
        key, _ = self._find(request, request.keys[0])
        tenant = self._tenant(request)
        kept = {each: policy for each, policy in tenant.app_management_policies.items() if each != key}
        self._directory.tenants.put(tenant.tenant_id, replace(tenant, app_management_policies=kept))
        return GraphResponse(204)

    def assigned(self, request: GraphRequest) -> GraphResponse:
        """The application's policy, as a list of none or one."""
        odata.check_options(request, "top")
        application = find_application(self._directory, request)
        kept = self._tenant(request).app_management_policies
        shapes = [
            _shape(key, each, request) for key, each in kept.items() if application.object_id in each["appliesTo"]
        ]
        return odata.collection(request, f"applications('{application.object_id}')/appManagementPolicies", shapes)

    def assign(self, request: GraphRequest) -> GraphResponse:
        """Assign a policy to an application, which may have one only."""
        application = find_application(self._directory, request, writing=True)
        key, policy = self._find(request, reference_id(request.json_object()))
        holders = [
            each
            for each, other in self._tenant(request).app_management_policies.items()
            if application.object_id in other["appliesTo"]
        ]
        if holders:
            raise bad_request("One or more added object references already exist for the following modified "
                              "properties: 'appManagementPolicies'.")  # fmt: skip
        self._put(request, key, {**policy, "appliesTo": [*policy["appliesTo"], application.object_id]})
        return GraphResponse(204)

    def take_away(self, request: GraphRequest) -> GraphResponse:
        """Take the policy off the application."""
        application = find_application(self._directory, request, writing=True)
        key, policy = self._find(request, request.keys[1])
        if application.object_id not in policy["appliesTo"]:
            raise not_found(request.keys[1])
        kept = [each for each in policy["appliesTo"] if each != application.object_id]
        self._put(request, key, {**policy, "appliesTo": kept})
        return GraphResponse(204)

    def _find(self, request: GraphRequest, key: str) -> tuple[str, dict[str, Any]]:
        policy = self._tenant(request).app_management_policies.get(key.lower())
        if policy is None:
            raise not_found(key)
        return key.lower(), policy

    def _put(self, request: GraphRequest, key: str, policy: dict[str, Any]) -> None:
        tenant = self._tenant(request)
        policies = {**tenant.app_management_policies, key: policy}
        self._directory.tenants.put(tenant.tenant_id, replace(tenant, app_management_policies=policies))

    def _tenant(self, request: GraphRequest) -> Tenant:
        tenant = self._directory.tenants.get(request.caller.tenant_id)
        if tenant is None:
            raise not_found(request.caller.tenant_id)
        return tenant


def _given(request: GraphRequest) -> dict[str, Any]:
    """The checked properties of a body."""
    given: dict[str, Any] = {}
    for name, value in request.json_object().items():
        if "@" in name:
            continue
        if name == "restrictions":
            given[name] = _RESTRICTIONS[request.version].check(value, name, _RESOURCE)
            check_lifetimes(given[name], _RESOURCE)
        elif name in _FIELDS:
            given[name] = _FIELDS[name].check(value, name, _RESOURCE)
        else:
            raise not_emulated("property", f"{_RESOURCE}.{name}")
    return given


def _shape(key: str, policy: dict[str, Any], request: GraphRequest) -> dict[str, Any]:
    """A policy as reads show it; v1.0 knows no audiences."""
    kept = policy["restrictions"]
    own = (kept.get("applicationRestrictions") or {}) if request.version == "beta" else {}
    restrictions = {"passwordCredentials": [], "keyCredentials": [], **kept, "applicationRestrictions": own}
    shown = {name: policy[name] for name in ("displayName", "description", "isEnabled")}
    return {"id": key, "deletedDateTime": None, **shown, "restrictions": restrictions}
