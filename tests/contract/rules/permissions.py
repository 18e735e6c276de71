"""Which application permissions open a route of Microsoft Graph.

Read on 2026-11-28: the paths of each permission in permissions/new/permissions.json of
microsoftgraph/microsoft-graph-devx-content, commit 6cbd6bb, from which Microsoft makes the tables of its pages; where
it lacks a route, the page of microsoftgraph/microsoft-graph-docs-contrib (below api-reference/v1.0) that the row names.
Names that begin with `AgentId`, `DeviceManagement` or `Synchronization` are left out: no connector asks for them.
"""

from __future__ import annotations

from tests.contract.rules.permissions_of_exchange import OF_EXCHANGE
from tests.contract.rules.permissions_of_users import OF_USERS, Route

_PAGES = "microsoftgraph/microsoft-graph-docs-contrib api-reference/v1.0/"

ROUTES: tuple[Route, ...] = (
    *OF_USERS,
    *OF_EXCHANGE,
    Route(
        "GET",
        "applications",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All",
    ),
    Route(
        "GET",
        "applications/$count",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All",
    ),
    Route("POST", "applications", "Application.ReadWrite.OwnedBy AppRegistration.Create", "Application.ReadWrite.All"),
    Route(
        "GET",
        "applications/{}",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All",
    ),
    Route("PATCH", "applications/{}", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"),
    Route("DELETE", "applications/{}", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"),
    Route(
        "POST",
        "applications/{}/addPassword",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "POST",
        "applications/{}/removePassword",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "GET",
        "applications/{}/federatedIdentityCredentials",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ),
    Route(
        "POST",
        "applications/{}/federatedIdentityCredentials",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ),
    Route(
        "GET",
        "applications/{}/federatedIdentityCredentials/{}",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ),
    Route(
        "PATCH",
        "applications/{}/federatedIdentityCredentials/{}",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ),
    Route(
        "DELETE",
        "applications/{}/federatedIdentityCredentials/{}",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ),
    Route(
        "GET",
        "applications/{}/owners",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All",
    ),
    Route("PUT", "applications/{}/logo", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"),
    Route(
        "GET",
        "servicePrincipals",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All",
    ),
    Route(
        "GET",
        "servicePrincipals/$count",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All",
    ),
    Route(
        "POST",
        "servicePrincipals",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}",
        "Application.Read.All Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All",
    ),
    Route(
        "PATCH",
        "servicePrincipals/{}",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "DELETE",
        "servicePrincipals/{}",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "POST",
        "servicePrincipals/{}/addPassword",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "POST",
        "servicePrincipals/{}/removePassword",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/owners",
        "Application.Read.All",
        "Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.Read.All Directory.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/ownedObjects",
        "Application.Read.All",
        "Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.Read.All Directory.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/appRoleAssignedTo",
        "Application.Read.All",
        "Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.Read.All Directory.ReadWrite.All",
    ),
    Route(
        "POST",
        "servicePrincipals/{}/appRoleAssignedTo",
        "AppRoleAssignment.ReadWrite.All",
        "Application.ReadWrite.All",
        besides="Application.Read.All Directory.Read.All",
    ),
    Route(
        "DELETE",
        "servicePrincipals/{}/appRoleAssignedTo/{}",
        "AppRoleAssignment.ReadWrite.All",
        "Application.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/appRoleAssignments",
        "Application.Read.All",
        "Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.Read.All Directory.ReadWrite.All",
    ),
    Route(
        "POST",
        "servicePrincipals/{}/appRoleAssignments",
        "AppRoleAssignment.ReadWrite.All",
        "Application.ReadWrite.All",
        besides="Application.Read.All Directory.Read.All",
    ),
    Route(
        "DELETE",
        "servicePrincipals/{}/appRoleAssignments/{}",
        "AppRoleAssignment.ReadWrite.All",
        "Application.ReadWrite.All",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/claimsMappingPolicies",
        "Application.ReadWrite.OwnedBy Application.ReadWrite.All",
        "",
        besides="Policy.Read.All Policy.ReadWrite.ApplicationConfiguration",
    ),
    Route("GET", "servicePrincipals/{}/synchronization/jobs", "Application.ReadWrite.OwnedBy", ""),
    Route(
        "GET",
        "organization",
        "",
        "Directory.Read.All Directory.ReadWrite.All Organization.Read.All Organization.ReadWrite.All User.Read.All",
    ),
    Route(
        "GET", "policies/defaultAppManagementPolicy", "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration", ""
    ),
    Route("PATCH", "policies/defaultAppManagementPolicy", "Policy.ReadWrite.ApplicationConfiguration", ""),
    Route("GET", "policies/appManagementPolicies", "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration", ""),
    Route("POST", "policies/appManagementPolicies", "Policy.ReadWrite.ApplicationConfiguration", ""),
    Route("GET", "policies/appManagementPolicies/{}", "Policy.Read.All Policy.ReadWrite.ApplicationConfiguration", ""),
    Route("PATCH", "policies/appManagementPolicies/{}", "Policy.ReadWrite.ApplicationConfiguration", ""),
    Route("DELETE", "policies/appManagementPolicies/{}", "Policy.ReadWrite.ApplicationConfiguration", ""),
    Route(
        "GET",
        "oauth2PermissionGrants",
        "Directory.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route("POST", "oauth2PermissionGrants", "", "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All"),
    Route(
        "GET",
        "oauth2PermissionGrants/{}",
        "Directory.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route("PATCH", "oauth2PermissionGrants/{}", "", "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All"),
    Route("DELETE", "oauth2PermissionGrants/{}", "", "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All"),
    Route(
        "GET",
        "servicePrincipals/{}/oauth2PermissionGrants",
        "Directory.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route("GET", "directoryObjects/{}", "Directory.Read.All", ""),
    Route("POST", "directoryObjects/getByIds", "Directory.Read.All", ""),
    Route(
        "GET", "users/{}/calendar", "Calendars.Read", "Calendars.ReadWrite", page=_PAGES + "api/calendar-get.md@03e88f0"
    ),
    Route(
        "GET",
        "users/{}/calendars/{}",
        "Calendars.Read",
        "Calendars.ReadWrite",
        page=_PAGES + "api/calendar-get.md@03e88f0",
    ),
    Route(
        "POST",
        "applications/{}/owners/$ref",
        "Application.ReadWrite.OwnedBy Application.ReadWrite.All",
        "Directory.ReadWrite.All",
        besides="Directory.Read.All",
        page=_PAGES + "includes/permissions/application-post-owners-permissions.md@09455a6",
    ),
    Route(
        "POST",
        "servicePrincipals/{}/owners/$ref",
        "Application.ReadWrite.OwnedBy Application.ReadWrite.All",
        "Directory.ReadWrite.All",
        besides="Directory.Read.All",
    ),
    Route(
        "DELETE",
        "servicePrincipals/{}/owners/{}/$ref",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All Directory.ReadWrite.All",
    ),
    Route(
        "DELETE",
        "applications/{}/owners/{}/$ref",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        page=_PAGES + "includes/permissions/application-delete-owners-permissions.md@c9bbab2",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/appRoleAssignedTo/{}",
        "Application.Read.All",
        "Directory.Read.All Application.ReadWrite.OwnedBy Application.ReadWrite.All Directory.ReadWrite.All",
        page=_PAGES + "includes/permissions/approleassignment-get-2-permissions.md@58e5ce0",
    ),
    Route(
        "GET",
        "servicePrincipals/{}/appRoleAssignments/{}",
        "Application.Read.All",
        "Directory.Read.All Application.ReadWrite.OwnedBy Application.ReadWrite.All Directory.ReadWrite.All",
        page=_PAGES + "includes/permissions/approleassignment-get-2-permissions.md@58e5ce0",
    ),
    Route(
        "GET",
        "organization/{}",
        "Organization.Read.All",
        "Directory.Read.All Directory.ReadWrite.All Organization.ReadWrite.All User.Read.All",
        page=_PAGES + "includes/permissions/organization-get-permissions.md@58e5ce0",
    ),
    Route(
        "POST",
        "applications/{}/appManagementPolicies/$ref",
        "Policy.ReadWrite.ApplicationConfiguration",
        "",
        besides="Application.Read.All",
        page=_PAGES + "includes/permissions/appmanagementpolicy-post-appliesto-permissions.md@028b8e3",
    ),
    Route(
        "GET",
        "directory/deletedItems/microsoft.graph.application",
        "Application.Read.All",
        "",
        page=_PAGES + "api/directory-deleteditems-list.md@02b4cba",
    ),
    Route(
        "GET",
        "directory/deletedItems/microsoft.graph.servicePrincipal",
        "Application.Read.All",
        "",
        page=_PAGES + "api/directory-deleteditems-list.md@02b4cba",
    ),
    Route(
        "POST",
        "directory/deletedItems/{}/restore",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        page=_PAGES + "api/directory-deleteditems-restore.md@05c1078",
    ),
    Route(
        "POST",
        "directory/deletedItems/{}/microsoft.graph.restore",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        page=_PAGES + "api/directory-deleteditems-restore.md@05c1078",
    ),
)

WITHOUT_A_PAGE = frozenset({
    "GET applicationTemplates", "GET applicationTemplates/{}",
    "GET applications/{}/logo",
    "GET applications/{}/appRoles", "GET servicePrincipals/{}/appRoles",
    "GET servicePrincipals/{}/oauth2PermissionScopes",
    "GET applications/{}/owners/$ref", "GET servicePrincipals/{}/owners/$ref",
    "GET applications/{}/appManagementPolicies", "DELETE applications/{}/appManagementPolicies/{}/$ref",
    "GET directory/deletedItems/{}", "DELETE directory/deletedItems/{}",
    "GET me", "GET me/calendars", "GET groups/$count",
})  # fmt: skip
"""Routes of which neither of the two repositories has a table for applications."""

ALIASES = {"Calendars.ReadBasic": "Calendars.ReadBasic.All"}
"""What the tables call otherwise than tokens and the directory's own list (`permission_ids`) do."""

DISPUTED = {
    "User.ReadBasic.All": "callers get 403 from GET /users: https://learn.microsoft.com/en-us/answers/questions/6019739",
}
"""Permissions that a table names and that were reported not to suffice, with the report."""

EVENT_WITH_BODY = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
"""What reads an event with its body; `Calendars.ReadBasic.All` leaves bodies, attachments and extensions out."""
