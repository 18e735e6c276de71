"""Graph routes of groups and their members, for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orgcal_emulator.calendars.groups import PROPERTIES, Group, TenantGroups
from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.user_routes import READ_USERS
from orgcal_emulator.calendars.users import DEFAULT_PROPERTIES, user_shape
from orgcal_emulator.calendars.users import PROPERTIES as USER_PROPERTIES
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import bad_request, not_found
from orgcal_emulator.graph.filters import directory_filter
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.ordering import order_of, ordered
from orgcal_emulator.graph.routing import Route, needs

READ_GROUPS = needs(
    "Directory.Read.All", "Directory.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All"
)
"""https://learn.microsoft.com/en-us/graph/api/group-list"""

READ_MEMBERS = needs(
    "Directory.Read.All", "Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", "GroupMember.ReadWrite.All"
)
"""https://learn.microsoft.com/en-us/graph/api/group-list-members"""

_FILTERABLE = ("displayName", "id", "mail", "mailNickname", "mailEnabled", "securityEnabled", "groupTypes")
_ORDERABLE = ("displayName",)


class GroupRoutes:
    """`/groups`."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("GET", "groups", self.index, READ_GROUPS),
            Route("GET", "groups/$count", self.count, READ_GROUPS),
            Route("GET", "groups/{}", self.get, READ_GROUPS),
            Route("GET", "groups/{}/members", self.members, READ_MEMBERS),
            Route("GET", "groups/{}/transitiveMembers", self.transitive_members, READ_MEMBERS),
        ]

    def index(self, request: GraphRequest) -> GraphResponse:
        """The tenant's groups by pages."""
        odata.check_options(request, "select", "filter", "top", "skiptoken", "count", "orderby")
        order = order_of(request, "group", _ORDERABLE)
        names = odata.selected(request, "group", PROPERTIES)
        groups = self._groups(request)
        shapes = [groups.shape(each) for each in groups.all]
        if "filter" in request.options:
            test = directory_filter(request, "group", _FILTERABLE)
            shapes = [each for each in shapes if test(each)]
        return odata.page(request, "groups", ordered(shapes, order), names, wants_count=odata.wants_count(request))

    def count(self, request: GraphRequest) -> GraphResponse:
        """The number of groups, as text."""
        odata.check_options(request)
        if not odata.is_eventual(request):
            raise bad_request("$count is not currently supported.")
        return GraphResponse(200, str(len(self._groups(request).all)).encode(), {"Content-Type": "text/plain"})

    def get(self, request: GraphRequest) -> GraphResponse:
        """One group by id."""
        odata.check_options(request, "select")
        names = odata.selected(request, "group", PROPERTIES)
        return odata.entity(request, "groups", self._groups(request).shape(self._find(request)), names)

    def members(self, request: GraphRequest) -> GraphResponse:
        """A group's direct members: users, and then the groups in it."""
        group = self._find(request)
        return self._members(request, group.members, group.groups)

    def transitive_members(self, request: GraphRequest) -> GraphResponse:
        """The users in a group and in the groups in it."""
        group = self._find(request)
        members = group.members if not group.groups else list(self._groups(request).transitive_members(group))
        return self._members(request, members, group.groups)

    def _members(self, request: GraphRequest, members: Sequence[int], inner: Sequence[str]) -> GraphResponse:
        odata.check_options(request, "select", "top", "skiptoken", "count")
        names = odata.selected(request, "directoryObject", USER_PROPERTIES) or DEFAULT_PROPERTIES
        users = self._users.of(request.caller.tenant_id)
        size, start = odata.page_size(request, 100, 999), odata.page_start(request)
        readable = not request.caller.roles.isdisjoint(READ_USERS.any_of)
        shapes = []
        for number in members[start : start + size]:
            shape = odata.pick(user_shape(users.at(number)), names)
            shapes.append(_typed(shape if readable else _unreadable(shape)))
        if start + size >= len(members):
            shapes += [{"@odata.type": "#microsoft.graph.group", "id": each} for each in inner]
        link = odata.next_link(request, start + size) if start + size < len(members) else ""
        total = len(members) + len(inner) if odata.wants_count(request) else None
        context = "directoryObjects" + (f"({','.join(names)})" if "select" in request.options else "")
        return odata.collection(request, context, shapes, next_link=link, count=total)

    def _groups(self, request: GraphRequest) -> TenantGroups:
        return self._users.groups_of(request.caller.tenant_id)

    def _find(self, request: GraphRequest) -> Group:
        group = self._groups(request).find(request.keys[0])
        if group is None:
            raise not_found(request.keys[0])
        return group


def _typed(shape: dict[str, Any]) -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.user", **shape}


def _unreadable(shape: dict[str, Any]) -> dict[str, Any]:
    """What a caller is shown of a member of a type that it may not read: the type and the id.

    Source: https://learn.microsoft.com/en-us/graph/permissions-overview (limited information returned for inaccessible
    member objects)
    """
    return {name: value if name == "id" else [] if isinstance(value, list) else None for name, value in shape.items()}
