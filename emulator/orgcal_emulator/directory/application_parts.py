"""Routes below an application: federated credentials, logo, templates."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from orgcal_emulator.directory.access import READ_APPLICATIONS, READ_FEDERATED, WRITE_APPLICATIONS, find_application
from orgcal_emulator.directory.federated import changed_federated, federated_shape, new_federated
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application
from orgcal_emulator.directory.serializers import directory_address
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import GraphFailure, invalid_value, not_emulated, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.preferences import wants_upsert
from orgcal_emulator.graph.routing import Needs, Route, parsed_key

_LARGEST_LOGO = 100 * 1024
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_PATH = "applications/{}/federatedIdentityCredentials"
_PROPERTIES = ("id", "name", "issuer", "subject", "description", "audiences")


class ApplicationPartRoutes:
    """Federated identity credentials, the logo, and the (empty) gallery of application templates."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", _PATH, self.index, READ_FEDERATED),
            Route("POST", _PATH, self.create, WRITE_APPLICATIONS),
            Route("GET", _PATH + "/{}", self.get, WRITE_APPLICATIONS),
            Route("PATCH", _PATH + "/{}", self.update, WRITE_APPLICATIONS),
            Route("DELETE", _PATH + "/{}", self.delete, WRITE_APPLICATIONS),
            Route("GET", "applications/{}/logo", self.get_logo, READ_APPLICATIONS),
            Route("PUT", "applications/{}/logo", self.put_logo, WRITE_APPLICATIONS),
            Route("GET", "applicationTemplates", self.templates, _ANY_APPLICATION),
            Route("GET", "applicationTemplates/{}", self.template, _ANY_APPLICATION),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """The application's federated credentials."""
        odata.check_options(request, "select", "filter", "top", "skiptoken")
        application = find_application(self._directory, request)
        credentials = [federated_shape(each, request.version) for each in application.federated]
        if "filter" in request.options:
            test = directory_filter(request, "federatedIdentityCredential", _PROPERTIES[:4])
            credentials = [each for each in credentials if test(each)]
        names = odata.selected(request, "federatedIdentityCredential", _PROPERTIES)
        return odata.page(request, self._context(application), credentials, names)

    def create(self, request: GraphRequest) -> GraphResponse:
        """A new federated credential."""
        return self._create(request, request.json_object())

    def _create(self, request: GraphRequest, body: dict[str, Any]) -> GraphResponse:
        application = find_application(self._directory, request, writing=True)
        credential = new_federated(application, body, request.version)
        self._directory.put_application(replace(application, federated=[*application.federated, credential]))
        location = directory_address(request, f"federatedIdentityCredentials/{credential['id']}")
        shape = federated_shape(credential, request.version)
        return odata.entity(request, self._context(application), shape, status=201, location=location)

    def get(self, request: GraphRequest) -> GraphResponse:
        """One federated credential, by id or name."""
        application = find_application(self._directory, request)
        names = odata.selected(request, "federatedIdentityCredential", _PROPERTIES)
        shape = federated_shape(self._find(application, request), request.version)
        return odata.entity(request, self._context(application), shape, names)

    def update(self, request: GraphRequest) -> GraphResponse:
        """Change a federated credential, or create it where its name is free and the client asks for that.

        Source: https://learn.microsoft.com/en-us/graph/api/federatedidentitycredential-upsert
        """
        application = find_application(self._directory, request, writing=True)
        body = request.json_object()
        name, value = parsed_key(request.keys[1])
        try:
            old = self._find(application, request)
        except GraphFailure:
            if name != "name" or not wants_upsert(request):
                raise
            return self._create(request, {**body, "name": value})
        self._require_arrived(application, old)
        new = changed_federated(application, old, body, request.version)
        federated = [new if each is old else each for each in application.federated]
        self._directory.put_application(replace(application, federated=federated))
        return GraphResponse(204)

    def delete(self, request: GraphRequest) -> GraphResponse:
        """Remove a federated credential."""
        application = find_application(self._directory, request, writing=True)
        old = self._find(application, request)
        self._require_arrived(application, old)
        federated = [each for each in application.federated if each is not old]
        self._directory.put_application(replace(application, federated=federated))
        return GraphResponse(204)

    def templates(self, request: GraphRequest) -> GraphResponse:
        """No application templates: the gallery is not modelled, and an empty one is a legal one."""
        odata.check_options(request, "filter", "top", "select", "count")
        return odata.collection(request, "applicationTemplates", [])

    def template(self, request: GraphRequest) -> GraphResponse:
        """No template has this id."""
        raise not_found(request.keys[0])

    def get_logo(self, request: GraphRequest) -> GraphResponse:
        """The logo, as bytes."""
        application = find_application(self._directory, request)
        if not application.logo:
            raise not_found("logo")
        raw = base64.b64decode(application.logo)
        kind = next(kind for magic, kind in _IMAGES.items() if raw.startswith(magic))
        return GraphResponse(200, raw, {"Content-Type": kind})

    def put_logo(self, request: GraphRequest) -> GraphResponse:
        """Set the logo: PNG, JPEG or GIF of at most 100 KB."""
        application = find_application(self._directory, request, writing=True)
        raw = request.body
        if not isinstance(raw, bytes) or not raw.startswith(tuple(_IMAGES)) or len(raw) > _LARGEST_LOGO:
            raise invalid_value("logo", "Application")
        self._directory.put_application(replace(application, logo=base64.b64encode(raw).decode()))
        return GraphResponse(204)

    def _require_arrived(self, application: Application, credential: dict[str, Any]) -> None:
        """Refuse to change a credential that reads do not see yet.

        Raises:
            GraphFailure: 404.
        """

        def shows(seen: Application) -> bool:
            return any(each["id"] == credential["id"] for each in seen.federated)

        if self._directory.applications.graph.lacks(application.object_id, shows):
            raise not_found(credential["id"])

    @staticmethod
    def _context(application: Application) -> str:
        return f"applications('{application.object_id}')/federatedIdentityCredentials"

    @staticmethod
    def _find(application: Application, request: GraphRequest) -> dict[str, Any]:
        name, value = parsed_key(request.keys[1])
        if name not in ("id", "name"):
            raise not_emulated("route", f"federatedIdentityCredentials({name}=...)")
        for each in application.federated:
            if value.lower() == each["id"] or value == each["name"]:
                return each
        raise not_found(value)


_ANY_APPLICATION = Needs(READ_APPLICATIONS.any_of | READ_APPLICATIONS.owned)
