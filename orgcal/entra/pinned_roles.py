"""Ids of Microsoft Graph's application permissions that a calendar connector may ask for, pinned.

The ids are the same in every tenant and every national cloud. They are pinned so that a program can be previewed
without a directory, and compared with its own list wherever that can be read (`permissions.published_roles`),
since copied ids found in the wild are sometimes wrong.

Source: https://learn.microsoft.com/en-us/graph/permissions-reference (read 2026-11-23), the same ids as in
https://github.com/microsoftgraph/microsoft-graph-devx-content/blob/master/permissions/permissions-descriptions.json
"""

from __future__ import annotations

from collections.abc import Mapping

APP_ROLE_IDS: Mapping[str, str] = {
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Calendars.Read": "798ee544-9d2d-430c-a058-570e29e34338",
    "Calendars.ReadBasic.All": "8ba4a692-bc31-4128-9094-475872af8a53",
    "Calendars.ReadWrite": "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
    "Contacts.Read": "089fe4d0-434a-44c5-8827-41ba8a0b17f5",
    "Contacts.ReadWrite": "6918b873-d17a-4dc1-b314-35f528134491",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "Directory.ReadWrite.All": "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
    "Domain.Read.All": "dbb9058a-0e50-45d7-ae91-66909b5d4664",
    "Mail.Read": "810c84a8-4a9e-49e6-bf7d-12d183f40d01",
    "Mail.ReadBasic.All": "693c5e45-0940-467d-9b8a-1022fb9d42ef",
    "Mail.ReadWrite": "e2a3a72e-5f79-4c64-b1b1-878b674786c9",
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
    "MailboxSettings.ReadWrite": "6931bccd-447a-43d1-b442-00a195474933",
    "OnlineMeetings.Read.All": "c1684f21-1984-47fa-9d61-2dc8c296bb70",
    "OnlineMeetings.ReadWrite.All": "b8bb2037-6e08-44ac-a4ea-4674e010e2a4",
    "OrgContact.Read.All": "e1a88a34-94c4-4418-be12-c87b00e26bea",
    "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    "People.Read.All": "b528084d-ad10-4598-8b93-929746b4d7d6",
    "Place.Read.All": "913b9306-0ce1-42b8-9137-6a7df690a760",
    "Schedule.Read.All": "7b2ebf90-d836-437f-b90d-7b62722c4456",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1",
    "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
}

DELEGATED_ONLY: Mapping[str, str] = {
    "Calendars.Read.Shared": "Calendars.Read",
    "Calendars.ReadWrite.Shared": "Calendars.ReadWrite",
    "Contacts.Read.Shared": "Contacts.Read",
    "Contacts.ReadWrite.Shared": "Contacts.ReadWrite",
    "Directory.AccessAsUser.All": "Directory.Read.All",
    "EWS.AccessAsUser.All": "",
    "Mail.Read.Shared": "Mail.Read",
    "Mail.ReadWrite.Shared": "Mail.ReadWrite",
    "Mail.Send.Shared": "Mail.Send",
    "OnlineMeetings.Read": "OnlineMeetings.Read.All",
    "OnlineMeetings.ReadWrite": "OnlineMeetings.ReadWrite.All",
    "People.Read": "People.Read.All",
    "User.Read": "User.Read.All",
    "User.ReadWrite": "User.ReadWrite.All",
    "email": "",
    "offline_access": "",
    "openid": "",
    "profile": "",
}
"""Permissions that exist for signed-in users only, each with the application permission that comes nearest."""

ALIASES: Mapping[str, str] = {"Calendars.ReadBasic": "Calendars.ReadBasic.All"}
"""Names that Microsoft's tables use for an application permission whose deployed name is another."""
