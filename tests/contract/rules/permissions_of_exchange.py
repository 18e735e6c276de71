"""Rows of the provider Exchange Online, whose routes Graph has in its version beta only; read on 2026-11-29.

Older versions of the pages called deletion and scopes "Not supported" for applications.
"""

from __future__ import annotations

from tests.contract.rules.permissions_of_users import Route

_BETA = "microsoftgraph/microsoft-graph-docs-contrib api-reference/beta/api/"
_LEARN = "https://learn.microsoft.com/en-us/graph/api/"

OF_EXCHANGE: tuple[Route, ...] = (
    Route(
        "GET",
        "roleManagement/exchange/roleDefinitions",
        "RoleManagement.Read.Exchange",
        "RoleManagement.Read.All RoleManagement.ReadWrite.Exchange",
        page=_BETA + "rbacapplication-list-roledefinitions.md@04f6cea",
    ),
    Route(
        "GET",
        "roleManagement/exchange/roleAssignments",
        "RoleManagement.Read.Exchange",
        "RoleManagement.Read.All RoleManagement.ReadWrite.Exchange",
        page=_BETA + "rbacapplication-list-roleassignments.md@04f6cea",
    ),
    Route(
        "POST",
        "roleManagement/exchange/roleAssignments",
        "RoleManagement.ReadWrite.Exchange",
        "",
        page=_BETA + "rbacapplication-post-roleassignments.md@04f6cea",
    ),
    Route(
        "GET",
        "roleManagement/exchange/roleAssignments/{}",
        "RoleManagement.Read.Exchange",
        "RoleManagement.Read.All RoleManagement.ReadWrite.Exchange",
        page=_BETA + "unifiedroleassignment-get.md@04f6cea",
    ),
    Route(
        "DELETE",
        "roleManagement/exchange/roleAssignments/{}",
        "RoleManagement.ReadWrite.Exchange",
        "",
        page=_LEARN + "unifiedroleassignment-delete?view=graph-rest-beta",
    ),
    Route(
        "GET",
        "roleManagement/exchange/customAppScopes",
        "RoleManagement.Read.Exchange",
        "RoleManagement.Read.All RoleManagement.ReadWrite.Exchange",
        page=_LEARN + "unifiedrbacapplication-list-customappscopes?view=graph-rest-beta",
    ),
    Route(
        "POST",
        "roleManagement/exchange/customAppScopes",
        "RoleManagement.ReadWrite.Exchange",
        "",
        page=_LEARN + "unifiedrbacapplication-post-customappscope?view=graph-rest-beta",
    ),
    Route(
        "DELETE",
        "roleManagement/exchange/customAppScopes/{}",
        "RoleManagement.ReadWrite.Exchange",
        "",
        page=_LEARN + "customappscope-delete?view=graph-rest-beta",
    ),
)
