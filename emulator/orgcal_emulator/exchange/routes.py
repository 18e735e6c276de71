"""Graph routes of Exchange's role management, which Graph has in its version beta only.

Sources: https://learn.microsoft.com/en-us/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta (For an
Exchange Online provider) and https://learn.microsoft.com/en-us/graph/api/resources/customappscope?view=graph-rest-beta.
What CLI for Microsoft 365 sends: `src/m365/exo/commands/approleassignment/approleassignment-add.ts` of
pnp/cli-microsoft365 at db0361d.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import is_guid, new_guid
from orgcal_emulator.exchange.filters import recipient_filter
from orgcal_emulator.exchange.models import AppScope, ExchangeRights, RoleAssignment
from orgcal_emulator.exchange.roles import ROLES, role_id
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route, needs

READ_ROLES = needs("RoleManagement.Read.Exchange", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Exchange")
"""https://learn.microsoft.com/en-us/graph/api/rbacapplication-list-roleassignments?view=graph-rest-beta"""

WRITE_ROLES = needs("RoleManagement.ReadWrite.Exchange")
"""https://learn.microsoft.com/en-us/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta"""

_ROOT = "roleManagement/exchange"
_DEFINITIONS, _ASSIGNMENTS, _SCOPES = (f"{_ROOT}/{name}" for name in ("roleDefinitions", "roleAssignments",
                                                                     "customAppScopes"))  # fmt: skip
_SCOPE = re.compile(r"/|/(users|groups|administrativeunits)/([0-9a-f-]{36})", re.IGNORECASE)
_PRINCIPAL = re.compile(r"/ServicePrincipals/([0-9a-f-]{36})", re.IGNORECASE)
_ASSIGNMENT = ("id", "principalId", "roleDefinitionId", "directoryScopeId", "appScopeId")


class ExchangeRoutes:
    """`/roleManagement/exchange`."""

    def __init__(self, rights: ExchangeRights, directory: Directory, users: Users) -> None:
        self._rights = rights
        self._directory = directory
        self._users = users

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", _DEFINITIONS, _beta(self.definitions), READ_ROLES),
            Route("GET", _ASSIGNMENTS, _beta(self.assignments), READ_ROLES),
            Route("POST", _ASSIGNMENTS, _beta(self.assign), WRITE_ROLES),
            Route("GET", _ASSIGNMENTS + "/{}", _beta(self.assignment), READ_ROLES),
            Route("DELETE", _ASSIGNMENTS + "/{}", _beta(self.end), WRITE_ROLES),
            Route("GET", _SCOPES, _beta(self.scopes), READ_ROLES),
            Route("POST", _SCOPES, _beta(self.add_scope), WRITE_ROLES),
            Route("DELETE", _SCOPES + "/{}", _beta(self.remove_scope), WRITE_ROLES),
        ]

    def definitions(self, request: GraphRequest) -> GraphResponse:
        """The roles that applications can have."""
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        tenant_id = request.caller.tenant_id
        shapes = [
            {"id": role_id(tenant_id, name), "displayName": name, "description": "", "isBuiltIn": True,
             "isEnabled": True, "version": "0.12 (14.0.451.0)"}
            for name in ROLES
        ]  # fmt: skip
        return _page(request, _DEFINITIONS, "unifiedRoleDefinition", shapes, ("id", "displayName"))

    def assignments(self, request: GraphRequest) -> GraphResponse:
        """Every assignment to an application, in effect or not yet."""
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        shapes = [_assignment(row) for row in self._rights.of_tenant(request.caller.tenant_id)]
        return _page(request, _ASSIGNMENTS, "unifiedRoleAssignment", shapes, _ASSIGNMENT)

    def assignment(self, request: GraphRequest) -> GraphResponse:
        """One assignment."""
        odata.check_options(request)
        return odata.entity(request, _ASSIGNMENTS, _assignment(self._find(request)))

    def assign(self, request: GraphRequest) -> GraphResponse:
        """Assign a role to an application in a scope."""
        body = request.json_object()
        for name in body:
            if name not in _ASSIGNMENT and "@" not in name:
                raise not_emulated("property", f"unifiedRoleAssignment.{name}")
        tenant_id, wanted = request.caller.tenant_id, str(body.get("roleDefinitionId") or "").lower()
        role = next((name for name in ROLES if role_id(tenant_id, name) == wanted), None)
        if role is None:
            raise not_found(wanted)
        principal_id = self._principal(request, body.get("principalId"))
        directory_scope, app_scope = body.get("directoryScopeId") or "", body.get("appScopeId") or ""
        if bool(directory_scope) == bool(app_scope):
            raise bad_request("Either directoryScopeId or appScopeId must be specified.", "BadRequest")
        if app_scope:
            self._scope(request, str(app_scope))
        else:
            self._check_directory_scope(request, str(directory_scope))
        new = (role, principal_id, str(directory_scope).lower(), app_scope)
        for row in self._rights.of_tenant(tenant_id):
            if (row.role, row.principal_id, row.directory_scope.lower(), row.app_scope) == new:
                raise bad_request("The role assignment already exists.", "BadRequest")
        row = self._rights.assign(
            tenant_id, role, principal_id, directory_scope=str(directory_scope), app_scope=str(app_scope)
        )
        return odata.entity(request, _ASSIGNMENTS, _assignment(row), status=201)

    def end(self, request: GraphRequest) -> GraphResponse:
        """Remove an assignment; its effect goes on for a while."""
        self._rights.end(self._find(request))
        return GraphResponse(204)

    def scopes(self, request: GraphRequest) -> GraphResponse:
        """Every management scope."""
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        tenant_id = request.caller.tenant_id
        shapes = [_scope_shape(row) for row in self._rights.scopes.newest() if row.tenant_id == tenant_id]
        return _page(request, _SCOPES, "customAppScope", shapes, ("id", "displayName"))

    def add_scope(self, request: GraphRequest) -> GraphResponse:
        """Make a management scope of a filter of recipients."""
        body = request.json_object()
        name, attributes = body.get("displayName"), body.get("customAttributes")
        if body.get("type") != "RecipientScope" or not isinstance(name, str) or not isinstance(attributes, dict):
            raise bad_request("A RecipientScope needs displayName and customAttributes.", "BadRequest")
        text, tenant_id = (
            attributes.get("RecipientFilter") or attributes.get("recipientFilter"),
            request.caller.tenant_id,
        )
        if not isinstance(text, str):
            raise bad_request("customAttributes need a RecipientFilter.", "BadRequest")
        recipient_filter(text, self._users.groups_of(tenant_id))
        if any(row.tenant_id == tenant_id and row.display_name == name for row in self._rights.scopes.newest()):
            raise bad_request(f"The management scope '{name[:64]}' already exists.", "BadRequest")
        exclusive = attributes.get("Exclusive", attributes.get("exclusive")) is True
        row = AppScope(tenant_id, new_guid(), name, text, exclusive)
        self._rights.scopes.put(row.scope_id, row)
        return odata.entity(request, _SCOPES, _scope_shape(row), status=201)

    def remove_scope(self, request: GraphRequest) -> GraphResponse:
        """Remove a scope that no assignment uses."""
        scope = self._scope(request, request.keys[0])
        if any(row.app_scope == scope.scope_id for row in self._rights.of_tenant(scope.tenant_id)):
            raise bad_request("The management scope is in use by a role assignment.", "BadRequest")
        self._rights.scopes.remove(scope.scope_id)
        return GraphResponse(204)

    def _find(self, request: GraphRequest) -> RoleAssignment:
        row = self._rights.assignments.get(request.keys[0].lower())
        if row is None or row.ended_at is not None or row.tenant_id != request.caller.tenant_id:
            raise not_found(request.keys[0])
        return row

    def _scope(self, request: GraphRequest, scope_id: str) -> AppScope:
        scope = self._rights.scopes.get(scope_id.lower())
        if scope is None or scope.tenant_id != request.caller.tenant_id:
            raise not_found(scope_id)
        return scope

    def _principal(self, request: GraphRequest, given: object) -> str:
        """The object id in `/ServicePrincipals/{id}`, of the enterprise application; an application's is unknown."""
        match = _PRINCIPAL.fullmatch(str(given))
        if match is None:
            raise bad_request("principalId must be /ServicePrincipals/{id}.", "BadRequest")
        principal = self._directory.service_principals.seen(match[1].lower())
        if principal is None or principal.deleted_at is not None or principal.tenant_id != request.caller.tenant_id:
            raise not_found(match[1])
        return principal.object_id

    def _check_directory_scope(self, request: GraphRequest, text: str) -> None:
        match = _SCOPE.fullmatch(text)
        if match is None or (match[2] and not is_guid(match[2])):
            raise bad_request(f"directoryScopeId '{text[:80]}' is not valid.", "BadRequest")
        kind, tenant_id = (match[1] or "").lower(), request.caller.tenant_id
        if kind == "administrativeunits":
            raise not_emulated("property", "unifiedRoleAssignment.directoryScopeId of an administrative unit")
        known: Any = True
        if kind == "users":
            known = self._users.is_user(tenant_id, match[2])
        elif kind == "groups":
            known = self._users.groups_of(tenant_id).find(match[2])
        if not known:
            raise not_found(match[2])


def _beta(handler: Callable[[GraphRequest], GraphResponse]) -> Callable[[GraphRequest], GraphResponse]:
    """`handler` for version beta; version 1.0 does not have these routes."""

    def handle(request: GraphRequest) -> GraphResponse:
        if request.version != "beta":
            raise not_emulated("route", f"{request.method} /v1.0/{'/'.join(request.segments)}")
        return handler(request)

    return handle


def _page(
    request: GraphRequest, context: str, resource: str, shapes: list[dict[str, Any]], filterable: tuple[str, ...]
) -> GraphResponse:
    if "filter" in request.options:
        test = directory_filter(request, resource, filterable)
        shapes = [each for each in shapes if test(each)]
    names = odata.selected(request, resource, tuple(shapes[0]) if shapes else filterable)
    return odata.page(request, context, shapes, names)


def _assignment(row: RoleAssignment) -> dict[str, Any]:
    return {
        "id": row.assignment_id,
        "principalId": f"/ServicePrincipals/{row.principal_id}",
        "roleDefinitionId": role_id(row.tenant_id, row.role),
        "directoryScopeId": row.directory_scope or None,
        "appScopeId": row.app_scope or None,
    }


def _scope_shape(row: AppScope) -> dict[str, Any]:
    return {
        "id": row.scope_id,
        "type": "RecipientScope",
        "displayName": row.display_name,
        "customAttributes": {"Exclusive": row.exclusive, "RecipientFilter": row.recipient_filter},
    }
