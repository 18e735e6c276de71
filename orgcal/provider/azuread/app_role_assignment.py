"""`azuread.AppRoleAssignment`: a grant. Every argument replaces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orgcal import resource_types
from orgcal.provider._sdk import Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import Field, output
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.states import CreatedResource, meta

ODATA_TYPE = "#microsoft.graph.appRoleAssignment"


class AppRoleAssignment(Managed):
    """An app role of a resource, given to a user, group or service principal."""

    token = resource_types.APP_ROLE_ASSIGNMENT
    fields = {
        name: Field(required=True, replaces=True, rule=ids.guid_rule)
        for name in ("appRoleId", "principalObjectId", "resourceObjectId")
    } | {name: output() for name in ("principalDisplayName", "principalType", "resourceDisplayName")}
    state_meta = meta(1, create=5, delete=5, read=5)

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:  # noqa: ARG002
        """Assign the role, and wait until the assignment can be read; Graph refuses one that exists with 400."""
        resource_object_id = str(news["resourceObjectId"])
        directory.get(f"/servicePrincipals/{resource_object_id}")
        body = {
            "@odata.type": ODATA_TYPE,
            "appRoleId": news["appRoleId"],
            "principalId": news["principalObjectId"],
            "resourceId": resource_object_id,
        }
        made = directory.post(f"/servicePrincipals/{resource_object_id}/appRoleAssignedTo", body)
        assignment = ids.AssignmentId(resource_object_id, str(made["id"]))
        directory.remember(assignment.assignment_id)
        yield CreatedResource(str(assignment), _state(made))
        listed = directory.until(
            lambda: directory.found(_path(assignment)), f"the assignment {assignment.assignment_id}"
        )
        yield CreatedResource(str(assignment), _state(listed))

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:  # noqa: ARG002
        """The assignment as it is."""
        listed = directory.found(_path(ids.AssignmentId.parse(resource_id)))
        return _state(listed) if listed else None

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:  # noqa: ARG002
        """Delete the assignment through the resource's service principal, as the real plugin does."""
        assignment = ids.AssignmentId.parse(resource_id)
        directory.delete(_path(assignment))
        directory.forget(assignment.assignment_id)


def _path(assignment: ids.AssignmentId) -> str:
    return f"/servicePrincipals/{assignment.resource_object_id}/appRoleAssignedTo/{assignment.assignment_id}"


def _state(listed: Mapping[str, Any]) -> Properties:
    return {
        "appRoleId": listed.get("appRoleId") or "",
        "principalDisplayName": listed.get("principalDisplayName") or "",
        "principalObjectId": listed.get("principalId") or "",
        "principalType": listed.get("principalType") or "",
        "resourceDisplayName": listed.get("resourceDisplayName") or "",
        "resourceObjectId": listed.get("resourceId") or "",
    }
