"""A row of Microsoft's tables of permissions, and the rows of users, groups and calendars.

The others are in `permissions`, which says where they were read.
"""

from __future__ import annotations

from typing import NamedTuple

DEVX = "microsoftgraph/microsoft-graph-devx-content permissions/new/permissions.json@6cbd6bb"


class Route(NamedTuple):
    """A row of a page's table "Permissions", its line "Application".

    Attributes:
        path: segments after the version, `{}` for a key.
        least: permissions called the least privileged, by spaces.
        more: those called higher privileged.
        besides: one of these is needed too, unless the caller has one of `more`.
        page: where the table stands.
    """

    method: str
    path: str
    least: str
    more: str
    besides: str = ""
    page: str = DEVX

    @property
    def documented(self) -> frozenset[str]:
        """Every permission that opens the route, with those of `besides` where there are any."""
        return frozenset((*self.least.split(), *self.more.split()))

    @property
    def alone(self) -> frozenset[str]:
        """Every permission that opens the route by itself."""
        return frozenset(self.more.split()) if self.besides else self.documented


OF_USERS: tuple[Route, ...] = (
    Route(
        "GET",
        "users",
        "User.ReadBasic.All User.ReadWrite.All",
        "Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadWrite.CrossCloud",
    ),
    Route(
        "GET",
        "users/$count",
        "User.ReadBasic.All User.ReadWrite.All",
        "Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadWrite.CrossCloud",
    ),
    Route(
        "GET",
        "users/{}",
        "User.ReadBasic.All User.ReadWrite.All",
        "Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadWrite.CrossCloud",
    ),
    Route("GET", "users/delta", "User.Read.All", "Directory.Read.All Directory.ReadWrite.All User.ReadWrite.All"),
    Route("GET", "users/{}/manager", "User.Read.All User.ReadWrite.All", "Directory.Read.All Directory.ReadWrite.All"),
    Route(
        "GET",
        "groups",
        "Group-NestingSupport.ReadWrite.All Group.ReadBasic.All",
        "Directory.Read.All Directory.ReadWrite.All Group.ManageProtection.All Group.Read.All Group.ReadWrite.All "
        "GroupMember.Read.All",
    ),
    Route(
        "GET",
        "groups/{}",
        "Group-NestingSupport.ReadWrite.All",
        "Directory.Read.All Directory.ReadWrite.All Group.ManageProtection.All Group.Read.All Group.ReadBasic.All "
        "Group.ReadWrite.All GroupMember.Read.All",
    ),
    Route(
        "GET",
        "groups/{}/members",
        "GroupMember.ReadBasic.All",
        "Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All "
        "GroupMember.ReadWrite.All",
    ),
    Route(
        "GET",
        "groups/{}/transitiveMembers",
        "GroupMember.ReadBasic.All",
        "Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All "
        "GroupMember.ReadWrite.All",
    ),
    Route("GET", "users/{}/calendars", "Calendars.ReadBasic Calendars.ReadWrite", "Calendars.Read"),
    Route("GET", "users/{}/events", "Calendars.ReadBasic Calendars.ReadWrite", "Calendars.Read"),
    Route("GET", "users/{}/calendar/events", "Calendars.ReadBasic Calendars.ReadWrite", "Calendars.Read"),
    Route("GET", "users/{}/calendars/{}/events", "Calendars.ReadBasic Calendars.ReadWrite", "Calendars.Read"),
    Route("GET", "users/{}/events/{}", "Calendars.ReadBasic", "Calendars.Read"),
    Route("GET", "users/{}/calendar/events/{}", "Calendars.ReadBasic", "Calendars.Read"),
    Route("GET", "users/{}/calendars/{}/events/{}", "Calendars.ReadBasic", "Calendars.Read"),
    Route("GET", "users/{}/calendarView", "Calendars.ReadBasic", "Calendars.Read Calendars.ReadWrite"),
    Route("GET", "users/{}/calendar/calendarView", "Calendars.ReadBasic", "Calendars.Read Calendars.ReadWrite"),
    Route("GET", "users/{}/calendars/{}/calendarView", "Calendars.ReadBasic", "Calendars.Read Calendars.ReadWrite"),
)
