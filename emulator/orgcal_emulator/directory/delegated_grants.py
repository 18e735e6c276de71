"""Routes of delegated permission grants (`oauth2PermissionGrants`). They decide no token here: nobody signs in.

Source: https://learn.microsoft.com/en-us/graph/api/resources/oauth2permissiongrant
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.access import UserTest, find_principal
from orgcal_emulator.directory.errors import read_only
from orgcal_emulator.directory.models import Directory, in_view
from orgcal_emulator.directory.objects import DelegatedGrant, is_guid
from orgcal_emulator.directory.schema import Kind, Text
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import conflict, invalid_value, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route, needs

READ = needs("Directory.Read.All", "Directory.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
WRITE = needs("Directory.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
"""https://learn.microsoft.com/en-us/graph/api/oauth2permissiongrant-post"""

_PATH = "oauth2PermissionGrants"
_RESOURCE = "OAuth2PermissionGrant"
_EVERYBODY, _ONE_USER = "AllPrincipals", "Principal"
_FIELDS: dict[str, Kind] = {
    "clientId": Text(guid=True, required=True),
    "consentType": Text(choices=(_EVERYBODY, _ONE_USER), required=True),
    "principalId": Text(guid=True),
    "resourceId": Text(guid=True, required=True),
    "scope": Text(longest=3850, required=True),
}
_PROPERTIES = ("clientId", "consentType", "id", "principalId", "resourceId", "scope")


class DelegatedGrantRoutes:
    """`/oauth2PermissionGrants`, and those of one service principal."""

    def __init__(self, directory: Directory, is_user: UserTest) -> None:
        self._directory = directory
        self._is_user = is_user

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", _PATH, self.index, READ),
            Route("POST", _PATH, self.create, WRITE),
            Route("GET", _PATH + "/{}", self.get, READ),
            Route("PATCH", _PATH + "/{}", self.update, WRITE),
            Route("DELETE", _PATH + "/{}", self.delete, WRITE),
            Route("GET", f"servicePrincipals/{{}}/{_PATH}", self.of_principal, READ),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """The tenant's grants by pages."""
        return self._list(request, _PATH, self._live(request))

    def of_principal(self, request: GraphRequest) -> GraphResponse:
        """What is granted to one client."""
        principal = find_principal(self._directory, request)
        rows = [row for row in self._live(request) if row.client_id == principal.object_id]
        return self._list(request, f"servicePrincipals('{principal.object_id}')/{_PATH}", rows)

    def create(self, request: GraphRequest) -> GraphResponse:
        """Grant delegated permissions for everybody, or for one user."""
        given = _given(request.json_object())
        for name in ("clientId", "consentType", "resourceId", "scope"):
            if given.get(name) is None:
                raise invalid_value(name, _RESOURCE)
        one_user = given["consentType"] == _ONE_USER
        principal_id = given.get("principalId")
        if one_user is not is_guid(principal_id):
            raise invalid_value("principalId", _RESOURCE)
        if one_user and not self._is_user(request.caller.tenant_id, str(principal_id)):
            raise not_found(str(principal_id))
        for name in ("clientId", "resourceId"):
            self._require_principal(request, given[name])
        row = DelegatedGrant(
            request.caller.tenant_id, secrets.token_urlsafe(32), given["clientId"], given["consentType"], principal_id,
            given["resourceId"], given["scope"],
        )  # fmt: skip
        if any(_key(each) == _key(row) for each in self._live(request)):
            raise conflict("Permission entry already exists.")
        self._directory.delegated_grants.put(row.grant_id, row)
        return odata.entity(request, _PATH, _shape(row), status=201)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One grant."""
        odata.check_options(request, "select")
        names = odata.selected(request, "oAuth2PermissionGrant", _PROPERTIES)
        return odata.entity(request, _PATH, _shape(self._find(request)), names)

    def update(self, request: GraphRequest) -> GraphResponse:
        """Change the scopes of a grant."""
        row = self._find(request)
        given = _given({name: value for name, value in request.json_object().items() if name != "id"})
        shape = _shape(row)
        for name, value in given.items():
            if name != "scope" and value != shape[name]:
                raise read_only(name)
        self._directory.delegated_grants.put(row.grant_id, replace(row, scope=given.get("scope", row.scope)))
        return GraphResponse(204)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Take a grant back."""
        self._directory.delegated_grants.remove(self._find(request).grant_id)
        return GraphResponse(204)

    def _list(self, request: GraphRequest, context: str, rows: list[DelegatedGrant]) -> GraphResponse:
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        names = odata.selected(request, "oAuth2PermissionGrant", _PROPERTIES)
        shapes = [_shape(row) for row in rows]
        if "filter" in request.options:
            test = directory_filter(request, "oAuth2PermissionGrant", _PROPERTIES)
            shapes = [each for each in shapes if test(each)]
        return odata.page(request, context, shapes, names)

    def _live(self, request: GraphRequest) -> list[DelegatedGrant]:
        """Grants of the caller's tenant whose both sides are there and not deleted."""
        principals = self._directory.service_principals
        found = []
        for row in self._directory.delegated_grants.all_seen():
            sides = (principals.get(row.client_id), principals.get(row.resource_id))
            if row.tenant_id == request.caller.tenant_id and all(each and each.deleted_at is None for each in sides):
                found.append(row)
        return found

    def _find(self, request: GraphRequest) -> DelegatedGrant:
        for row in self._live(request):
            if row.grant_id == request.keys[0]:
                return row
        raise not_found(request.keys[0])

    def _require_principal(self, request: GraphRequest, object_id: str) -> None:
        principal = in_view(self._directory.service_principals, object_id, "arrived")
        if principal is None or principal.tenant_id != request.caller.tenant_id or principal.deleted_at is not None:
            raise not_found(object_id)


def _given(body: dict[str, Any]) -> dict[str, Any]:
    given = {}
    for name, value in body.items():
        if "@" in name:
            continue
        kind = _FIELDS.get(name)
        if kind is None:
            raise not_emulated("property", f"oAuth2PermissionGrant.{name}")
        given[name] = kind.check(value, name, _RESOURCE)
    return given


def _key(row: DelegatedGrant) -> tuple[str, str, str | None, str]:
    return row.client_id, row.consent_type, row.principal_id, row.resource_id


def _shape(row: DelegatedGrant) -> dict[str, Any]:
    return {
        "clientId": row.client_id, "consentType": row.consent_type, "id": row.grant_id,
        "principalId": row.principal_id, "resourceId": row.resource_id, "scope": row.scope,
    }  # fmt: skip
