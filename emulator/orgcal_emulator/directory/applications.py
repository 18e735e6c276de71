"""Routes of `/applications`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orgcal_emulator.clock import rfc3339, rfc3339_precise
from orgcal_emulator.directory import credentials
from orgcal_emulator.directory.access import (
    LIST_APPLICATIONS,
    READ_APPLICATIONS,
    WRITE_APPLICATIONS,
    WRITE_PRINCIPALS,
    UserTest,
    bound_id,
    check_owners,
    find_application,
)
from orgcal_emulator.directory.errors import read_only
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, Tenant, new_guid
from orgcal_emulator.directory.policies import check_audience, effective_policy
from orgcal_emulator.directory.properties import (
    APPLICATION_DEFAULTS,
    APPLICATION_NESTED,
    APPLICATION_READ_ONLY,
    APPLICATION_WRITABLE,
    BETA_ONLY,
)
from orgcal_emulator.directory.rules import check_application
from orgcal_emulator.directory.serializers import application_shape, directory_address
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import GraphFailure, bad_request, invalid_value, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.ordering import order_of, ordered
from orgcal_emulator.graph.preferences import wants_upsert
from orgcal_emulator.graph.routing import Route, parsed_key

FILTERABLE = ("appId", "createdDateTime", "displayName", "id", "identifierUris", "signInAudience", "tags", "uniqueName",
              "publisherDomain")  # fmt: skip
ORDERABLE = ("displayName", "createdDateTime")
READABLE = tuple(
    sorted({*APPLICATION_WRITABLE, *APPLICATION_DEFAULTS, *APPLICATION_READ_ONLY} - BETA_ONLY["application"])
)


class ApplicationRoutes:
    """`/applications` and what belongs to one application."""

    def __init__(self, directory: Directory, is_user: UserTest) -> None:
        self._directory = directory
        self._is_user = is_user

    def routes(self) -> list[Route]:
        """Every route."""
        read, write = READ_APPLICATIONS, WRITE_APPLICATIONS
        return [
            Route("GET", "applications", self.index, LIST_APPLICATIONS),
            Route("GET", "applications/$count", self.count, LIST_APPLICATIONS),
            Route("POST", "applications", self.create, write),
            Route("GET", "applications/{}", self.get, read),
            Route("GET", "applications/{}/appRoles", self.app_roles, read),
            Route("PATCH", "applications/{}", self.update, write),
            Route("DELETE", "applications/{}", self.delete, write),
            Route("POST", "applications/{}/addPassword", self.add_password, WRITE_PRINCIPALS),
            Route("POST", "applications/{}/removePassword", self.remove_password, WRITE_PRINCIPALS),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """Applications of the caller's tenant."""
        odata.check_options(request, "select", "filter", "top", "skiptoken", "count", "orderby")
        order = order_of(request, "application", ORDERABLE)
        names = self._selected(request)
        shapes: Sequence[dict[str, Any]] = [
            application_shape(each, with_keys="keyCredentials" in (names or ()))
            for each in self._directory.applications.all_seen()
            if each.tenant_id == request.caller.tenant_id and each.deleted_at is None
        ]
        if "filter" in request.options:
            test = directory_filter(request, "application", FILTERABLE)
            shapes = [each for each in shapes if test(each)]
        shapes = [self._plain(each, names) for each in shapes]
        return odata.page(
            request, "applications", ordered(shapes, order), names, wants_count=odata.wants_count(request)
        )

    def count(self, request: GraphRequest) -> GraphResponse:
        """The number of applications, as text."""
        if not odata.is_eventual(request):
            raise bad_request("$count is not currently supported.", "Request_BadRequest")
        rows = self._directory.applications.all_seen()
        number = sum(each.tenant_id == request.caller.tenant_id and each.deleted_at is None for each in rows)
        return GraphResponse(200, str(number).encode(), {"Content-Type": "text/plain"})

    def create(self, request: GraphRequest) -> GraphResponse:
        """A new application; a caller without a user becomes its owner."""
        return self._create(request, request.json_object())

    def _create(self, request: GraphRequest, body: dict[str, Any]) -> GraphResponse:
        tenant = self._tenant(request)
        now = self._directory.clock.now()
        client_id, object_id = new_guid(), new_guid()
        given, owners = self._given(body)
        if "displayName" not in given:
            raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
        properties = {
            **APPLICATION_DEFAULTS,
            **{name: kind.check(None, name, "Application") for name, kind in APPLICATION_NESTED.items()},
            "createdByAppId": request.caller.client_id,
            "createdDateTime": rfc3339(now),
            "publisherDomain": tenant.default_domain,
            **{name: value for name, value in given.items() if name not in APPLICATION_NESTED},
        }
        for name, nested in APPLICATION_NESTED.items():
            if name in given:
                properties[name] = {**nested.check(None, name, "Application"), **given[name]}
        properties["keyCredentials"] = credentials.merge_keys(
            None, given.get("keyCredentials", []), now, effective_policy(tenant, None, now)
        )
        properties["passwordCredentials"] = []
        # A caller without a signed-in user owns what it creates: otherwise `OwnedBy` could never touch it again.
        owners = list(dict.fromkeys([*check_owners(self._directory, tenant.tenant_id, owners, self._is_user),
                                     request.caller.principal_id]))  # fmt: skip
        check_audience(effective_policy(tenant, None, now), properties["signInAudience"])
        check_application(properties, None, tenant, self._directory, client_id)
        application, secrets = credentials.with_passwords(
            Application(tenant.tenant_id, object_id, client_id, properties, owners),
            given.get("passwordCredentials"), now, effective_policy(tenant, None, now),
        )  # fmt: skip
        self._directory.put_application(application)
        shape = {**self._plain(application_shape(application)), "createdDateTime": rfc3339_precise(now)}
        shape["passwordCredentials"] = secrets
        location = directory_address(request, f"directoryObjects/{object_id}/Microsoft.DirectoryServices.Application")
        return odata.entity(request, "applications", shape, status=201, location=location)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One application."""
        odata.check_options(request, "select")
        names = self._selected(request)
        application = find_application(self._directory, request)
        shape = application_shape(application, with_keys="keyCredentials" in (names or ()))
        return odata.entity(request, "applications", self._plain(shape, names), names)

    def app_roles(self, request: GraphRequest) -> GraphResponse:
        """The roles that one application defines."""
        odata.check_options(request)
        application = find_application(self._directory, request)
        context = f"applications('{application.object_id}')/appRoles"
        return odata.property_values(request, context, application.properties["appRoles"])

    def update(self, request: GraphRequest) -> GraphResponse:
        """Change an application, or create it where the unique name is free and the client asks for that.

        Source: https://learn.microsoft.com/en-us/graph/api/application-upsert
        """
        body = request.json_object()
        key, value = parsed_key(request.keys[0])
        upsert = key == "uniqueName" and wants_upsert(request)
        try:
            application = find_application(self._directory, request, writing=True)
        except GraphFailure as failure:
            if not upsert or failure.status != 404:
                raise
            return self._create(request, {**body, "uniqueName": value})
        if "owners@odata.bind" in body:
            raise not_emulated("property", "application.owners@odata.bind of a PATCH")
        self._directory.put_application(self._changed(request, application, body))
        return GraphResponse(204)

    def _changed(self, request: GraphRequest, application: Application, body: dict[str, Any]) -> Application:
        tenant = self._tenant(request)
        if str(body.get("id", application.object_id)).lower() != application.object_id:
            raise read_only("id")
        given, _ = self._given({name: value for name, value in body.items() if name != "id"}, application)
        if application.properties["uniqueName"] not in (
            None,
            given.get("uniqueName", application.properties["uniqueName"]),
        ):
            raise read_only("uniqueName")
        properties = {**application.properties}
        for name, value in given.items():
            properties[name] = {**properties[name], **value} if name in APPLICATION_NESTED else value
        now = self._directory.clock.now()
        policy = effective_policy(tenant, application, now)
        if "keyCredentials" in given:
            properties["keyCredentials"] = credentials.merge_keys(application, given["keyCredentials"], now, policy)
        if properties["signInAudience"] != application.properties["signInAudience"]:
            check_audience(policy, properties["signInAudience"])
        check_application(properties, application, tenant, self._directory, application.client_id)
        kept = {each["keyId"] for each in properties["passwordCredentials"]}
        hashes = {key: value for key, value in application.secret_hashes.items() if key in kept}
        return replace(application, properties=properties, secret_hashes=hashes)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Move an application to the deleted items."""
        self._directory.delete_application(find_application(self._directory, request, writing=True))
        return GraphResponse(204)

    def add_password(self, request: GraphRequest) -> GraphResponse:
        """A new password, shown this once."""
        application = find_application(self._directory, request, writing=True)
        now = self._directory.clock.now()
        policy = effective_policy(self._tenant(request), application, now)
        changed, credential = credentials.add_password(application, request.json_object(), now, policy)
        self._directory.put_application(changed)
        context = {"@odata.context": f"{request.root}/$metadata#microsoft.graph.passwordCredential"}
        return GraphResponse(200, {**context, **credential}, {"Location": request.base_url})

    def remove_password(self, request: GraphRequest) -> GraphResponse:
        """Remove a password."""
        application = find_application(self._directory, request, writing=True)
        changed = credentials.remove_password(application, request.json_object(), self._directory.applications)
        self._directory.put_application(changed)
        return GraphResponse(204)

    def _given(self, body: dict[str, Any], old: Application | None = None) -> tuple[dict[str, Any], list[str]]:
        """The checked properties of a body, and the owners it binds."""
        given: dict[str, Any] = {}
        owners: list[str] = []
        for name, value in body.items():
            if name == "owners@odata.bind":
                owners = [bound_id(each) for each in value] if isinstance(value, list) else [bound_id(value)]
            elif "@" in name:
                if name != "@odata.type" or value not in (
                    "#microsoft.graph.application",
                    "microsoft.graph.application",
                ):
                    raise not_emulated("property", f"application.{name}")
            elif name == "passwordCredentials":
                given |= credentials.kept_passwords(old, value) if old is not None else {name: value}
            elif name in APPLICATION_READ_ONLY:
                raise read_only(name)
            elif name == "info" and isinstance(value, dict) and "logoUrl" in value:
                raise read_only("info.logoUrl")
            elif name in APPLICATION_NESTED:
                given[name] = _nested(name, value)
            elif name in APPLICATION_WRITABLE:
                given[name] = APPLICATION_WRITABLE[name].check(value, name, "Application")
            else:
                raise not_emulated("property", f"application.{name}")
        return given, owners

    def _tenant(self, request: GraphRequest) -> Tenant:
        tenant = self._directory.tenants.get(request.caller.tenant_id)
        if tenant is None:
            raise not_found(request.caller.tenant_id)
        return tenant

    @staticmethod
    def _selected(request: GraphRequest) -> Sequence[str] | None:
        known = (*READABLE, *BETA_ONLY["application"]) if request.version == "beta" else READABLE
        return odata.selected(request, "application", known)

    @staticmethod
    def _plain(shape: dict[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
        """The shape with what Graph shows of it; by default without what only `$select` names.

        Source: answers of 2025-04-08 in test_create_for_rbac_service_management_reference.yaml of Azure/azure-cli
        (src/azure-cli/azure/cli/command_modules/role/tests/latest/recordings, ef32b2a8), which lack `createdByAppId`.
        """
        if names is None:
            shape.pop("createdByAppId", None)
            shape.pop("oauth2RequirePostResponse", None)
        else:
            shape.setdefault("oauth2RequirePostResponse", False)
        return shape


def _nested(name: str, value: Any) -> dict[str, Any]:
    nested = APPLICATION_NESTED[name]
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_value(name, "Application")
    return nested.given(value, name, "Application")
