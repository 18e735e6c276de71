"""Routes of `/servicePrincipals`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orgcal_emulator.clock import rfc3339
from orgcal_emulator.directory import credentials
from orgcal_emulator.directory.access import (
    LIST_APPLICATIONS,
    READ_APPLICATIONS,
    READ_POLICIES_OF_PRINCIPALS,
    READ_SYNCHRONIZATION,
    WRITE_PRINCIPALS,
    UserTest,
    bound_id,
    check_owners,
    find_principal,
)
from orgcal_emulator.directory.errors import read_only
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal, is_guid, new_guid
from orgcal_emulator.directory.properties import (
    BETA_ONLY,
    PRINCIPAL_DEFAULTS,
    PRINCIPAL_READ_ONLY,
    PRINCIPAL_WRITABLE,
)
from orgcal_emulator.directory.serializers import assignment_shape, directory_address, principal_shape
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import GraphFailure, bad_request, conflict, invalid_value, not_emulated
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.ordering import order_of, ordered
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.graph.preferences import wants_upsert
from orgcal_emulator.graph.routing import Route, parsed_key

FILTERABLE = ("accountEnabled", "appDisplayName", "appId", "appOwnerOrganizationId", "displayName", "id",
              "servicePrincipalNames", "servicePrincipalType", "tags")  # fmt: skip
ORDERABLE = ("displayName", "createdDateTime")
MOST_EXPANDED = 20
"""Objects of an expanded relation: https://learn.microsoft.com/en-us/graph/query-parameters#expand."""
READABLE = tuple(sorted({*PRINCIPAL_WRITABLE, *PRINCIPAL_DEFAULTS, *PRINCIPAL_READ_ONLY, "appId", "appRoles",
                         "displayName"} - {"samlMetadataUrl"}))  # fmt: skip


_NO_POLICY: dict[str, Any] = {}
"""A tenant's `applicationRestrictions` do not mean these; its `servicePrincipalRestrictions` are not modelled."""


class ServicePrincipalRoutes:
    """`/servicePrincipals`."""

    def __init__(self, directory: Directory, is_user: UserTest) -> None:
        self._directory = directory
        self._is_user = is_user

    def routes(self) -> list[Route]:
        """Every route."""
        read, write = READ_APPLICATIONS, WRITE_PRINCIPALS
        return [
            Route("GET", "servicePrincipals", self.index, LIST_APPLICATIONS),
            Route("GET", "servicePrincipals/$count", self.count, LIST_APPLICATIONS),
            Route("POST", "servicePrincipals", self.create, write),
            Route("GET", "servicePrincipals/{}/appRoles", self.part, read),
            Route("GET", "servicePrincipals/{}/oauth2PermissionScopes", self.part, read),
            Route("GET", "servicePrincipals/{}", self.get, read),
            Route("PATCH", "servicePrincipals/{}", self.update, write),
            Route("DELETE", "servicePrincipals/{}", self.delete, write),
            Route("POST", "servicePrincipals/{}/addPassword", self.add_password, write),
            Route("POST", "servicePrincipals/{}/removePassword", self.remove_password, write),
            Route("GET", "servicePrincipals/{}/claimsMappingPolicies", self.nothing, READ_POLICIES_OF_PRINCIPALS),
            Route("GET", "servicePrincipals/{}/synchronization/jobs", self.nothing, READ_SYNCHRONIZATION),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """Service principals of the caller's tenant."""
        odata.check_options(request, "select", "filter", "top", "skiptoken", "count", "orderby", "expand")
        order = order_of(request, "servicePrincipal", ORDERABLE)
        names = self._selected(request)
        expanded = _expanded(request)
        shapes: Sequence[Mapping[str, Any]] = [
            self._shape(each, names)
            for each in self._directory.service_principals.all_seen()
            if each.tenant_id == request.caller.tenant_id and each.deleted_at is None
        ]
        if "filter" in request.options:
            test = directory_filter(request, "servicePrincipal", FILTERABLE)
            shapes = [each for each in shapes if test(each)]
        context = "servicePrincipals" + _chosen(names, expanded)
        return odata.page(
            request, context, ordered(shapes, order), None, wants_count=odata.wants_count(request),
            shown=lambda shape: self._shown(shape, names, expanded),
        )  # fmt: skip

    def count(self, request: GraphRequest) -> GraphResponse:
        """The number of service principals, as text."""
        if not odata.is_eventual(request):
            raise bad_request("$count is not currently supported.")
        rows = self._directory.service_principals.all_seen()
        number = sum(each.tenant_id == request.caller.tenant_id and each.deleted_at is None for each in rows)
        return GraphResponse(200, str(number).encode(), {"Content-Type": "text/plain"})

    def create(self, request: GraphRequest) -> GraphResponse:
        """A service principal in the caller's tenant for an application of this or another tenant."""
        return self._create(request, request.json_object())

    def _create(self, request: GraphRequest, body: dict[str, Any]) -> GraphResponse:
        tenant_id = request.caller.tenant_id
        client_id = body.get("appId")
        if not is_guid(client_id):
            raise invalid_value("appId", "ServicePrincipal")
        application = self._backing(request, str(client_id).lower())
        given, owners = self._given({name: value for name, value in body.items() if name != "appId"})
        if self._directory.principal_by_client(tenant_id, application.client_id) is not None:
            raise conflict(
                "The service principal cannot be created, updated, or restored because the service principal name "
                f"{application.client_id} is already in use."
            )
        owners = check_owners(self._directory, tenant_id, owners, self._is_user)
        principal = new_principal(tenant_id, application.client_id, self._directory.clock.now())
        principal.properties.update(given)
        principal.properties["keyCredentials"] = credentials.merge_keys(
            None, given.get("keyCredentials", []), self._directory.clock.now(), _NO_POLICY
        )
        principal.owners.extend(dict.fromkeys([*owners, request.caller.principal_id]))
        self._directory.put_principal(principal)
        kind = "Microsoft.DirectoryServices.ServicePrincipal"
        location = directory_address(request, f"directoryObjects/{principal.object_id}/{kind}")
        return odata.entity(request, "servicePrincipals", self._shape(principal), status=201, location=location)

    def _backing(self, request: GraphRequest, client_id: str) -> Application:
        application = self._directory.application_by_client(client_id, "arrived")
        if client_id == GRAPH_CLIENT_ID:
            raise conflict(
                "The service principal cannot be created, updated, or restored because the service principal name "
                f"{GRAPH_CLIENT_ID} is already in use."
            )
        local = application is not None and application.tenant_id == request.caller.tenant_id
        if application is None or (not local and application.properties["signInAudience"] == "AzureADMyOrg"):
            raise GraphFailure(
                400, "NoBackingApplicationObject",
                f"The appId '{client_id}' of the service principal does not reference a valid application object.",
            )  # fmt: skip
        if request.owned_only and (not local or request.caller.principal_id not in application.owners):
            raise GraphFailure(
                403, "Authorization_RequestDenied",
                "When using this permission, the backing application of the service principal being created must "
                "in the local tenant",
            )  # fmt: skip
        return application

    def get(self, request: GraphRequest) -> GraphResponse:
        """One service principal."""
        odata.check_options(request, "select", "expand")
        names = self._selected(request)
        expanded = _expanded(request)
        principal = find_principal(self._directory, request)
        shape = self._shown(self._shape(principal, names), names, expanded)
        return odata.entity(request, "servicePrincipals" + _chosen(names, expanded), shape)

    def part(self, request: GraphRequest) -> GraphResponse:
        """One property of a service principal that is a list."""
        odata.check_options(request)
        principal = find_principal(self._directory, request)
        name = "appRoles" if request.segments[2].lower() == "approles" else "oauth2PermissionScopes"
        context = f"servicePrincipals('{principal.object_id}')/{name}"
        return odata.property_values(request, context, self._shape(principal).get(name) or [])

    def _shown(self, shape: Mapping[str, Any], names: Sequence[str] | None, expanded: bool) -> dict[str, Any]:
        """What is selected of a service principal, with its grants where the request expands them."""
        shown = odata.pick(shape, names)
        if expanded:
            grants = self._directory.grants_of(shape["id"], "graph")[:MOST_EXPANDED]
            shown["appRoleAssignments"] = [assignment_shape(self._directory, row) for row in grants]
        return shown

    def update(self, request: GraphRequest) -> GraphResponse:
        """Change a service principal, or create it where its application has none and the client asks for that.

        Source: https://learn.microsoft.com/en-us/graph/api/serviceprincipal-upsert
        """
        body = request.json_object()
        name, value = parsed_key(request.keys[0])
        try:
            principal = find_principal(self._directory, request, writing=True)
        except GraphFailure as failure:
            if failure.status != 404 or name != "appId" or not wants_upsert(request):
                raise
            return self._create(request, {**body, "appId": value})
        if str(body.get("id", principal.object_id)).lower() != principal.object_id:
            raise read_only("id")
        if str(body.get("appId", principal.client_id)).lower() != principal.client_id:
            raise read_only("appId")
        given, _ = self._given({name: value for name, value in body.items() if name not in ("id", "appId")}, principal)
        properties = {**principal.properties, **given}
        if "keyCredentials" in given:
            properties["keyCredentials"] = credentials.merge_keys(
                principal, given["keyCredentials"], self._directory.clock.now(), _NO_POLICY
            )
        kept = {each["keyId"] for each in properties["passwordCredentials"]}
        hashes = {key: value for key, value in principal.secret_hashes.items() if key in kept}
        self._directory.put_principal(replace(principal, properties=properties, secret_hashes=hashes))
        return GraphResponse(204)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Move a service principal to the deleted items; its grants are hidden with it."""
        principal = find_principal(self._directory, request, writing=True)
        if principal.client_id == GRAPH_CLIENT_ID:
            raise bad_request("Microsoft's own service principals cannot be deleted here.")
        self._directory.delete_principal(principal)
        return GraphResponse(204)

    def add_password(self, request: GraphRequest) -> GraphResponse:
        """A new password, shown this once."""
        principal = find_principal(self._directory, request, writing=True)
        changed, credential = credentials.add_password(
            principal, request.json_object(), self._directory.clock.now(), _NO_POLICY
        )
        self._directory.put_principal(changed)
        context = {"@odata.context": f"{request.root}/$metadata#microsoft.graph.passwordCredential"}
        return GraphResponse(200, {**context, **credential}, {"Location": request.base_url})

    def remove_password(self, request: GraphRequest) -> GraphResponse:
        """Remove a password."""
        principal = find_principal(self._directory, request, writing=True)
        changed = credentials.remove_password(principal, request.json_object(), self._directory.service_principals)
        self._directory.put_principal(changed)
        return GraphResponse(204)

    def nothing(self, request: GraphRequest) -> GraphResponse:
        """An empty list: claims mapping policies and synchronization jobs cannot be created here."""
        principal = find_principal(self._directory, request)
        rest = "/".join(request.segments[2:])
        return odata.collection(request, f"servicePrincipals('{principal.object_id}')/{rest}", [])

    def _given(self, body: dict[str, Any], old: ServicePrincipal | None = None) -> tuple[dict[str, Any], list[str]]:
        given: dict[str, Any] = {}
        owners: list[str] = []
        for name, value in body.items():
            if name == "owners@odata.bind" and old is None:
                owners = [bound_id(each) for each in value] if isinstance(value, list) else [bound_id(value)]
            elif "@" in name:
                if name != "@odata.type" or str(value).removeprefix("#") != "microsoft.graph.servicePrincipal":
                    raise not_emulated("property", f"servicePrincipal.{name}")
            elif name == "passwordCredentials" and old is not None:
                given |= credentials.kept_passwords(old, value)
            elif name in PRINCIPAL_READ_ONLY:
                raise read_only(name)
            elif name in PRINCIPAL_WRITABLE:
                given[name] = PRINCIPAL_WRITABLE[name].check(value, name, "ServicePrincipal")
            else:
                raise not_emulated("property", f"servicePrincipal.{name}")
        return given, owners

    def _shape(self, principal: ServicePrincipal, names: Sequence[str] | None = None) -> dict[str, Any]:
        return principal_shape(self._directory, principal, with_keys="keyCredentials" in (names or ()))

    @staticmethod
    def _selected(request: GraphRequest) -> Sequence[str] | None:
        known = (*READABLE, *BETA_ONLY["servicePrincipal"]) if request.version == "beta" else READABLE
        return odata.selected(request, "servicePrincipal", known)


def _expanded(request: GraphRequest) -> bool:
    """Whether the request expands `appRoleAssignments`.

    Raises:
        GraphFailure: 501 naming another expansion.
    """
    text = request.options.get("expand")
    if text is None:
        return False
    if text.strip().lower() != "approleassignments":
        raise not_emulated("expand", f"servicePrincipal: {text}")
    return True


def _chosen(names: Sequence[str] | None, expanded: bool) -> str:
    """What `@odata.context` says of selected and expanded properties."""
    parts = [*(names or ()), *(("appRoleAssignments()",) if expanded else ())]
    return f"({','.join(parts)})" if parts else ""


def new_principal(tenant_id: str, client_id: str, now: float | None = None) -> ServicePrincipal:
    """A service principal with every default, not yet written.

    Args:
        now: when it is created, in seconds since the epoch; None for Microsoft's own, which do not tell.
    """
    created = None if now is None else rfc3339(now)
    properties = {**PRINCIPAL_DEFAULTS, "createdDateTime": created, "displayName": None, "appRoles": []}
    return ServicePrincipal(tenant_id, new_guid(), client_id, properties, [])
