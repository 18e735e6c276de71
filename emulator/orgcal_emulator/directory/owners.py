"""Routes of owners and of directory objects whatever their type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.access import (
    ADD_OWNERS,
    READ_APPLICATIONS,
    READ_OBJECTS,
    WRITE_APPLICATIONS,
    WRITE_PRINCIPALS,
    UserTest,
    check_owners,
    find_application,
    find_principal,
    reference_id,
)
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal
from orgcal_emulator.directory.serializers import application_shape, principal_shape
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, invalid_value, not_emulated, not_found
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route

MemberShape = Callable[[str, str], dict[str, Any] | None]
"""A tenant's (first) user or group with this object id (second) as on the wire, with its type, if there is one."""

MOST_OWNERS = 100
"""https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions"""


_TYPES = frozenset({
    "administrativeunit", "application", "device", "directoryrole", "group", "orgcontact", "organization",
    "serviceprincipal", "user",
})  # fmt: skip
"""What derives from directoryObject; of those that are not modelled there are none."""


class OwnerRoutes:
    """`owners`, `ownedObjects` and `/directoryObjects`."""

    def __init__(self, directory: Directory, is_user: UserTest, member_shape: MemberShape) -> None:
        self._directory = directory
        self._is_user = is_user
        self._member_shape = member_shape

    def routes(self) -> list[Route]:
        """Every route."""
        read = READ_APPLICATIONS
        table = [
            Route("GET", "servicePrincipals/{}/ownedObjects", self.owned, read),
            Route("GET", "directoryObjects/{}", self.object, READ_OBJECTS),
            Route("POST", "directoryObjects/getByIds", self.by_ids, READ_OBJECTS),
        ]
        for kind, remove in (("applications", WRITE_APPLICATIONS), ("servicePrincipals", WRITE_PRINCIPALS)):
            path = f"{kind}/{{}}/owners"
            table += [
                Route("GET", path, self.index, read),
                Route("GET", path + "/$ref", self.references, read),
                Route("POST", path + "/$ref", self.add, ADD_OWNERS),
                Route("DELETE", path + "/{}/$ref", self.remove, remove),
            ]
        return table

    def index(self, request: GraphRequest) -> GraphResponse:
        """Owners as objects."""
        odata.check_options(request, "select", "top")
        owned = self._find(request)
        shapes = [shape for each in owned.owners if (shape := self._shape(request.caller.tenant_id, each)) is not None]
        names = None
        if "select" in request.options:
            names = odata.selected(request, "directoryObject", ("id", "displayName", "appId", "userPrincipalName"))
            shapes = [{"@odata.type": each["@odata.type"], **odata.pick(each, names)} for each in shapes]
        return odata.collection(request, "directoryObjects", shapes)

    def references(self, request: GraphRequest) -> GraphResponse:
        """Owners as addresses."""
        owned = self._find(request)
        rows = [{"@odata.id": f"{request.root}/directoryObjects/{each}"} for each in owned.owners]
        return odata.collection(request, "Collection($ref)", rows)

    def add(self, request: GraphRequest) -> GraphResponse:
        """Add an owner."""
        owned = self._find(request, writing=True)
        owner = reference_id(request.json_object())
        if owner in owned.owners:
            raise bad_request("One or more added object references already exist for the following modified "
                              "properties: 'owners'.")  # fmt: skip
        if len(owned.owners) >= MOST_OWNERS:
            raise bad_request("The object has too many owners.", "Directory_QuotaExceeded")
        check_owners(self._directory, owned.tenant_id, [owner], self._is_user)
        self._put(replace(owned, owners=[*owned.owners, owner]))
        return GraphResponse(204)

    def remove(self, request: GraphRequest) -> GraphResponse:
        """Remove an owner."""
        owned = self._find(request, writing=True)
        owner = request.keys[1].lower()
        if owner not in owned.owners or self._lacks_owner(owned, owner):
            raise not_found(request.keys[1])
        self._put(replace(owned, owners=[each for each in owned.owners if each != owner]))
        return GraphResponse(204)

    def owned(self, request: GraphRequest) -> GraphResponse:
        """What a service principal owns. Any caller may ask this about itself."""
        odata.check_options(request, "select", "top")
        own_id = request.keys[0].lower()
        if own_id == request.caller.principal_id:
            request.owned_only = False
        principal = find_principal(self._directory, request)
        tenant_id, key = principal.tenant_id, principal.object_id
        objects: list[Application | ServicePrincipal] = [
            *self._directory.applications.all_seen(), *self._directory.service_principals.all_seen(),
        ]  # fmt: skip
        shapes = [
            self._shape(tenant_id, each.object_id)
            for each in objects
            if each.tenant_id == tenant_id and each.deleted_at is None and key in each.owners
        ]
        return odata.collection(request, "directoryObjects", [each for each in shapes if each is not None])

    def object(self, request: GraphRequest) -> GraphResponse:
        """A directory object of any type."""
        shape = self._shape(request.caller.tenant_id, request.keys[0].lower())
        if shape is None:
            raise not_found(request.keys[0])
        return odata.entity(request, "directoryObjects", shape)

    def by_ids(self, request: GraphRequest) -> GraphResponse:
        """Several directory objects; unknown ids are left out."""
        body = request.json_object()
        for name in body:
            if name not in ("ids", "types"):
                raise not_emulated("property", f"getByIds.{name}")
        ids = body.get("ids")
        if not isinstance(ids, list) or len(ids) > 1000 or not all(isinstance(each, str) for each in ids):
            raise invalid_value("ids", "directoryObject")
        types = _types(body.get("types"))
        shapes = [self._shape(request.caller.tenant_id, each.lower()) for each in ids]
        objects = [each for each in shapes if each is not None and (not types or _type_of(each) in types)]
        return odata.collection(request, "directoryObjects", objects)

    def _shape(self, tenant_id: str, key: str) -> dict[str, Any] | None:
        application = self._directory.applications.seen(key)
        if application is not None and application.tenant_id == tenant_id and application.deleted_at is None:
            return {"@odata.type": "#microsoft.graph.application", **application_shape(application)}
        principal = self._directory.service_principals.seen(key)
        if principal is not None and principal.tenant_id == tenant_id and principal.deleted_at is None:
            return {"@odata.type": "#microsoft.graph.servicePrincipal", **principal_shape(self._directory, principal)}
        return self._member_shape(tenant_id, key)

    def _find(self, request: GraphRequest, *, writing: bool = False) -> Application | ServicePrincipal:
        if request.segments[0].lower() == "applications":
            return find_application(self._directory, request, writing=writing)
        return find_principal(self._directory, request, writing=writing)

    def _lacks_owner(self, owned: Application | ServicePrincipal, owner: str) -> bool:
        """Whether the owner is there, but has not arrived yet."""
        if isinstance(owned, Application):
            return self._directory.applications.graph.lacks(owned.object_id, lambda seen: owner in seen.owners)
        return self._directory.service_principals.graph.lacks(owned.object_id, lambda seen: owner in seen.owners)

    def _put(self, owned: Application | ServicePrincipal) -> None:
        if isinstance(owned, Application):
            self._directory.put_application(owned)
        else:
            self._directory.put_principal(owned)


def _types(given: Any) -> set[str]:
    """The types that `types` names, in lower case; empty for all of them.

    Raises:
        GraphFailure: 400 for something that is no type of the directory.
    """
    if given is None:
        return set()
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise invalid_value("types", "directoryObject")
    types = {each.lower().removeprefix("#").removeprefix("microsoft.graph.") for each in given}
    if not types <= _TYPES | {"directoryobject"}:
        raise invalid_value("types", "directoryObject")
    return set() if "directoryobject" in types else types


def _type_of(shape: dict[str, Any]) -> str:
    return str(shape["@odata.type"]).rpartition(".")[2].lower()
