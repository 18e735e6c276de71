"""Routes of `/directory/deletedItems`: list, restore, purge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.access import READ_APPLICATIONS, READ_DELETED, WRITE_APPLICATIONS
from orgcal_emulator.directory.errors import already_exists
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal
from orgcal_emulator.directory.serializers import application_shape, principal_shape
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import conflict, denied, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route

_PATH = "directory/deletedItems"
_KINDS = {"application": Application, "serviceprincipal": ServicePrincipal}


class DeletedItemRoutes:
    """Deleted applications and service principals, for 30 days.

    Source: https://learn.microsoft.com/en-us/graph/api/resources/directory
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            # A type name and an object id stand at the same place in the address.
            Route("GET", _PATH + "/microsoft.graph.application", self.index, READ_DELETED),
            Route("GET", _PATH + "/microsoft.graph.servicePrincipal", self.index, READ_DELETED),
            Route("GET", _PATH + "/{}", self.get, READ_APPLICATIONS),
            Route("POST", _PATH + "/{}/restore", self.restore, WRITE_APPLICATIONS),
            Route("POST", _PATH + "/{}/microsoft.graph.restore", self.restore, WRITE_APPLICATIONS),
            Route("DELETE", _PATH + "/{}", self.purge, WRITE_APPLICATIONS),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """Deleted objects of one type."""
        odata.check_options(request, "select", "filter", "top", "skiptoken", "count")
        name = request.segments[2].lower().rpartition(".")[2]
        kind = _KINDS[name]
        self._directory.purge_expired()
        shapes = [
            self._shape(each)
            for each in self._directory.deleted()
            if isinstance(each, kind) and each.tenant_id == request.caller.tenant_id
        ]
        if "filter" in request.options:
            filterable = ("appId", "displayName", "id", "uniqueName", "tags")
            test = directory_filter(request, "directoryObject", filterable)
            shapes = [each for each in shapes if test(each)]
        names = None
        if "select" in request.options:
            known = ("id", "appId", "displayName", "deletedDateTime", "createdDateTime", "tags", "uniqueName")
            names = odata.selected(request, name, known)
        count = odata.wants_count(request)
        return odata.page(request, "directoryObjects", shapes, names, wants_count=count)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One deleted object."""
        shape = self._shape(self._find(request))
        return odata.entity(request, "directoryObjects", shape)

    def restore(self, request: GraphRequest) -> GraphResponse:
        """Bring a deleted object back under its old id; a service principal has its grants again."""
        deleted = self._find(request)
        restored: Application | ServicePrincipal
        if isinstance(deleted, Application):
            self._check_free(deleted)
            restored = self._directory.restore_application(deleted)
        else:
            if self._directory.principal_by_client(deleted.tenant_id, deleted.client_id) is not None:
                raise conflict(
                    "The service principal cannot be created, updated, or restored because the service principal "
                    f"name {deleted.client_id} is already in use."
                )
            restored = self._directory.put_principal(replace(deleted, deleted_at=None))
        return odata.entity(request, "directoryObjects", self._shape(restored))

    def purge(self, request: GraphRequest) -> GraphResponse:
        """Delete for good."""
        self._directory.purge(self._find(request).object_id)
        return GraphResponse(204)

    def _check_free(self, application: Application) -> None:
        uris = set(application.properties["identifierUris"])
        for other in self._directory.applications.newest():
            if (
                other.deleted_at is None
                and other.tenant_id == application.tenant_id
                and (uris.intersection(other.properties["identifierUris"]))
            ):
                raise already_exists("identifierUris")

    def _find(self, request: GraphRequest) -> Application | ServicePrincipal:
        self._directory.purge_expired()
        key = request.keys[0].lower()
        deleted = self._directory.applications.get(key) or self._directory.service_principals.get(key)
        if deleted is None or deleted.deleted_at is None or deleted.tenant_id != request.caller.tenant_id:
            raise not_found(request.keys[0])
        if request.owned_only and request.caller.principal_id not in deleted.owners:
            raise denied()
        return deleted

    def _shape(self, deleted: Application | ServicePrincipal) -> dict[str, Any]:
        if isinstance(deleted, Application):
            return {"@odata.type": "#microsoft.graph.application", **application_shape(deleted)}
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **principal_shape(self._directory, deleted)}
