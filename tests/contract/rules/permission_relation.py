"""Which application permission of Microsoft Graph includes which.

Read on 2026-11-28: the descriptions (`adminDescription`) in permissions/new/permissions.json of
microsoftgraph/microsoft-graph-devx-content, commit 6cbd6bb.
"""

from __future__ import annotations

CHAINS: tuple[str, ...] = (
    "AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All",
    "Application.Read.All Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy Application.ReadWrite.All",
    "Bookings.Read.All Bookings.ReadWrite.All Bookings.Manage.All",
    "BookingsAppointment.ReadWrite.All Bookings.ReadWrite.All",
    "Calendars.ReadBasic.All Calendars.Read Calendars.ReadWrite",
    "Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All",
    "Contacts.Read Contacts.ReadWrite",
    "Device.Read.All Device.ReadWrite.All",
    "Directory.Read.All Directory.ReadWrite.All",
    "Domain.Read.All Domain.ReadWrite.All",
    "Files.Read.All Files.ReadWrite.All",
    "Files.ReadWrite.AppFolder Files.ReadWrite.All",
    "Group.Create Group.ReadWrite.All",
    "Group.Read.All Group.ReadWrite.All",
    "GroupMember.Read.All Group.Read.All",
    "GroupMember.Read.All GroupMember.ReadWrite.All Group.ReadWrite.All",
    "Mail.ReadBasic.All Mail.Read Mail.ReadWrite",
    "Mail.ReadBasic Mail.Read",
    "MailboxFolder.Read.All MailboxFolder.ReadWrite.All",
    "MailboxSettings.Read MailboxSettings.ReadWrite",
    "Notes.Read.All Notes.ReadWrite.All",
    "OnlineMeetings.Read.All OnlineMeetings.ReadWrite.All",
    "Organization.Read.All Organization.ReadWrite.All",
    "PeopleSettings.Read.All PeopleSettings.ReadWrite.All",
    "PlaceDevice.Read.All PlaceDevice.ReadWrite.All",
    "Presence.Read.All Presence.ReadWrite.All",
    "RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory",
    "RoleManagement.Read.Directory RoleManagement.Read.All",
    "RoleManagement.Read.Exchange RoleManagement.ReadWrite.Exchange",
    "RoleManagement.Read.Exchange RoleManagement.Read.All",
    "Schedule.Read.All Schedule.ReadWrite.All",
    "Sites.Read.All Sites.ReadWrite.All Sites.Manage.All Sites.FullControl.All",
    "Tasks.Read.All Tasks.ReadWrite.All",
    "TeamMember.Read.All TeamMember.ReadWrite.All",
    "TeamSettings.Read.All TeamSettings.ReadWrite.All",
    "User.ReadBasic.All User.Read.All User.ReadWrite.All",
    "AdministrativeUnit.Read.All Directory.Read.All",
    "Domain.Read.All Directory.Read.All",
    "GroupMember.Read.All Directory.Read.All",
    "OrgContact.Read.All Directory.Read.All",
    "Organization.Read.All Directory.Read.All",
    "User.Read.All Directory.Read.All",
)
"""Permissions about the same things, each with everything that the one before it allows, and more.

`Directory.Read.All` reads "data in your organization's directory, such as users, groups and apps", and opens the
reading routes of the permissions that stand before it here."""

NOT_INCLUDED: tuple[tuple[str, str, str], ...] = (
    ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "except those exposed by Microsoft Graph"),
    ("Directory.ReadWrite.All", "User.ReadWrite.All", "it does not allow user or group deletion"),
    ("User.ReadWrite.All", "Directory.Read.All", "user profiles and basic company properties only"),
    ("Application.ReadWrite.OwnedBy", "Application.Read.All", "reads no applications of others"),
    ("AppRoleAssignment.ReadWrite.All", "Application.Read.All", "its page asks for a permission to read besides"),
    ("Calendars.ReadWrite", "MailboxSettings.Read", "events of calendars only"),
    ("MailboxSettings.ReadWrite", "Calendars.ReadBasic.All", "settings of mailboxes only"),
    ("Sites.Selected", "Sites.Read.All", "the sites that were selected only"),
)
"""Larger-sounding permission, what it does not include, Microsoft's words for why."""
