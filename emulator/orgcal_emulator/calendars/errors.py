"""Errors that Exchange gives through Graph.

Sources: https://learn.microsoft.com/en-us/graph/errors and reports of the bodies that tenants see.
"""

from __future__ import annotations

from typing import Any

from orgcal_emulator.directory.objects import new_guid
from orgcal_emulator.graph.errors import GraphFailure

_PLAIN: dict[str, Any] = {"inner": {}}
"""Exchange's own errors have no `innerError`, as they are reported; who asked is told in the headers."""


def access_denied() -> GraphFailure:
    """403: the token lacks the permission, or the tenant's Exchange policy keeps the application off this mailbox."""
    return GraphFailure(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", **_PLAIN)


def kept_off() -> GraphFailure:
    """403: an application access policy keeps the application off this mailbox.

    Source: the example in concepts/auth-limit-mailbox-access.md of microsoftgraph/microsoft-graph-docs-contrib; the
    longer text is that of reports of 2026.
    """
    return GraphFailure(
        403,
        "ErrorAccessDenied",
        "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
        **_PLAIN,
    )


def no_exchange(tenant_id: str) -> GraphFailure:
    """401: the tenant has no Exchange Online, or not yet.

    Source: issue 32957 of MicrosoftDocs/azure-docs and issue 859 of O365/python-o365; the inner error as in a body of
    2024-06-01.
    """
    return GraphFailure(
        401,
        "OrganizationFromTenantGuidNotFound",
        f"The tenant for tenant guid '{tenant_id}' does not exist.",
        inner={"oAuthEventOperationId": new_guid(), "errorUrl": "https://aka.ms/autherrors#error-InvalidTenant"},
    )


def no_mailbox() -> GraphFailure:
    """404: no mailbox here: none at all, inactive, or on premises."""
    return GraphFailure(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        **_PLAIN,
    )


def invalid_user(name: str) -> GraphFailure:
    """404: Exchange does not know this user (a guest, or nobody at all)."""
    return GraphFailure(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.", **_PLAIN)


def no_item() -> GraphFailure:
    """404: no calendar or event has this id."""
    return GraphFailure(404, "ErrorItemNotFound", "The specified object was not found in the store.", **_PLAIN)


def only_with_a_user() -> GraphFailure:
    """400: `/me` means nothing to an application."""
    return GraphFailure(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
