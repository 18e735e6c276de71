"""Microsoft Graph's own permissions, as its service principal publishes them in every tenant.

Ids and texts: https://learn.microsoft.com/en-us/graph/permissions-reference. Those that routes here ask for have
Microsoft's titles; `further_permissions` has those that applications only declare, with titles made of their names.
"""

from __future__ import annotations

from typing import NamedTuple

from orgcal_emulator.graph.further_permissions import FURTHER_PERMISSION_IDS

GRAPH_CLIENT_ID = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph's appId, the same in every tenant."""


class Permission(NamedTuple):
    """An application permission (app role) or a delegated one (scope) of Microsoft Graph."""

    name: str
    permission_id: str
    title: str
    description: str


APPLICATION_PERMISSIONS: tuple[Permission, ...] = tuple(
    Permission(name, permission_id, title, f"Allows the app to {what} without a signed-in user.")
    for name, permission_id, title, what in (
        ("Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "Read all applications",
         "read all applications and service principals"),
        ("Application.ReadWrite.All", "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Read and write all applications",
         "create, read, update and delete applications and service principals"),
        ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884",
         "Manage apps that this app creates or owns",
         "create other applications, and fully manage those applications,"),
        ("AppRoleAssignment.ReadWrite.All", "06b708a9-e830-4db3-a914-8e69da51d44f",
         "Manage app permission grants and app role assignments",
         "manage permission grants for application permissions to any API and application assignments for any app,"),
        ("AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da", "Read all audit log data",
         "read and query your audit log activities,"),
        ("Calendars.Read", "798ee544-9d2d-430c-a058-570e29e34338", "Read calendars in all mailboxes",
         "read events of all calendars"),
        ("Calendars.ReadBasic.All", "8ba4a692-bc31-4128-9094-475872af8a53",
         "Read basic details of calendars in all mailboxes",
         "read events of all calendars, except for properties such as body, attachments, and extensions,"),
        ("Calendars.ReadWrite", "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
         "Read and write calendars in all mailboxes",
         "create, read, update, and delete events of all calendars"),
        ("Contacts.Read", "089fe4d0-434a-44c5-8827-41ba8a0b17f5", "Read contacts in all mailboxes",
         "read all contacts in all mailboxes"),
        ("DelegatedPermissionGrant.ReadWrite.All", "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
         "Manage all delegated permission grants",
         "manage permission grants for delegated permissions exposed by any API (including Microsoft Graph),"),
        ("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Read directory data",
         "read data in your organization's directory, such as users, groups and apps,"),
        ("Directory.ReadWrite.All", "19dbc75e-c2e2-444c-a770-ec69d8559fc7", "Read and write directory data",
         "read and write data in your organization's directory, such as users, and groups,"),
        ("Domain.Read.All", "dbb9058a-0e50-45d7-ae91-66909b5d4664", "Read domains", "read all domain properties"),
        ("Group.Read.All", "5b567255-7703-4780-807c-7be8301ae99b", "Read all groups",
         "read group properties and memberships, and read conversations for all groups,"),
        ("Group.ReadWrite.All", "62a82d76-70ea-41e2-9197-370581804d09", "Read and write all groups",
         "create groups, read all group properties and memberships, update and delete groups"),
        ("GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6", "Read all group memberships",
         "read memberships and basic group properties for all groups"),
        ("Mail.Read", "810c84a8-4a9e-49e6-bf7d-12d183f40d01", "Read mail in all mailboxes",
         "read mail in all mailboxes"),
        ("Mail.ReadWrite", "e2a3a72e-5f79-4c64-b1b1-878b674786c9", "Read and write mail in all mailboxes",
         "create, read, update, and delete mail in all mailboxes"),
        ("Mail.Send", "b633e1c5-b582-4048-a93e-9f11b44c7e96", "Send mail as any user", "send mail as any user"),
        ("MailboxSettings.Read", "40f97065-369a-49f4-947c-6a255697ae91", "Read all user mailbox settings",
         "read user's mailbox settings"),
        ("MailboxSettings.ReadWrite", "6931bccd-447a-43d1-b442-00a195474933",
         "Read and write all user mailbox settings", "create, read, update, and delete user's mailbox settings"),
        ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6", "Read organization information",
         "read the organization and related resources"),
        ("Place.Read.All", "913b9306-0ce1-42b8-9137-6a7df690a760", "Read all company places",
         "read company places (conference rooms and room lists) for calendar events and other applications,"),
        ("Policy.Read.All", "246dd0d5-5bd0-4def-940b-0421030a5b68", "Read your organization's policies",
         "read all your organization's policies"),
        ("Policy.ReadWrite.ApplicationConfiguration", "be74164b-cff1-491c-8741-e671cb536e13",
         "Read and write your organization's application configuration policies",
         "read and write your organization's application configuration policies"),
        ("RoleManagement.Read.All", "c7fbd983-d9aa-4fa7-84b8-17382c103bc4",
         "Read role management data for all RBAC providers",
         "read role-based access control (RBAC) settings for all RBAC providers"),
        ("RoleManagement.Read.Exchange", "c769435f-f061-4d0b-8ff1-3d39870e5f85",
         "Read Exchange Online RBAC configuration",
         "read the role-based access control (RBAC) configuration for your organization's Exchange Online service,"),
        ("RoleManagement.ReadWrite.Exchange", "025d3225-3f02-4882-b4c0-cd5b541a4e80",
         "Read and write Exchange Online RBAC configuration",
         "read and manage the role-based access control (RBAC) settings for your organization's Exchange Online,"),
        ("User.Invite.All", "09850681-111b-4a89-9bed-3f2cae46d706", "Invite guest users to the organization",
         "invite guest users to the organization"),
        ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214", "Read all users' full profiles",
         "read user profiles"),
        ("User.ReadBasic.All", "97235f07-e226-4f63-ace3-39588e11d3a1", "Read all users' basic profiles",
         "read a basic set of profile properties of other users in your organization"),
        ("User.ReadWrite.All", "741f803b-c850-494e-b5df-cde7c675a1ca", "Read and write all users' full profiles",
         "read and update user profiles"),
    )
)  # fmt: skip
APPLICATION_PERMISSIONS += tuple(
    Permission(
        name,
        permission_id,
        " ".join(name.removesuffix(".All").split(".")[::-1]),
        f"Allows the app {name} without a signed-in user.",
    )
    for name, permission_id in FURTHER_PERMISSION_IDS.items()
)

DELEGATED_PERMISSIONS: tuple[Permission, ...] = (
    Permission("Calendars.Read", "465a38f9-76ea-45b9-9f34-9e8b0d4b0b42", "Read user calendars",
               "Allows the app to read events in user calendars."),
    Permission("Calendars.ReadBasic", "662d75ba-a364-42ad-adee-f5f880ea4878", "Read basic details of user calendars",
               "Allows the app to read events in user calendars, except for properties such as body."),
    Permission("User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "Sign in and read user profile",
               "Allows users to sign in to the app, and allows the app to read the profile of signed-in users."),
)  # fmt: skip

APPLICATION_PERMISSIONS_BY_NAME = {permission.name: permission for permission in APPLICATION_PERMISSIONS}
