"""Errors that Exchange gives through Graph.

Sources: https://learn.microsoft.com/en-us/graph/errors and reports of the bodies that tenants see.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any

from orgcal_emulator.directory.objects import new_guid
from orgcal_emulator.graph.errors import GraphFailure
from orgcal_emulator.graph.messages import Caller

_PLAIN: dict[str, Any] = {"inner": {}}
"""Exchange's own errors have no `innerError`, as they are reported; who asked is told in the headers."""


def access_denied() -> GraphFailure:
    """403: the token lacks the permission, or the tenant's Exchange policy keeps the application off this mailbox."""
    return GraphFailure(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", **_PLAIN)


def not_permitted(caller: Caller) -> GraphFailure:
    """403: the token lacks the permission; or 401, it has none at all.

    Source of the latter: issues 763 and 777 of O365/python-o365, both with client credentials.
    """
    if caller.roles:
        return access_denied()
    return _bad_token(
        "NoPermissionsInAccessToken",
        "The token contains no permissions, or permissions can not be understood.",
        "InvalidGrant",
    )


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

    Source: issue 32957 of MicrosoftDocs/azure-docs and issue 859 of O365/python-o365.
    """
    return _bad_token(
        "OrganizationFromTenantGuidNotFound",
        f"The tenant for tenant guid '{tenant_id}' does not exist.",
        "InvalidTenant",
    )


def _bad_token(code: str, message: str, kind: str) -> GraphFailure:
    """401 with the inner error that Exchange adds to what is wrong with a token, as in a body of 2024-06-01."""
    inner = {
        "oAuthEventOperationId": new_guid(),
        "oAuthEventcV": f"{token_urlsafe(16)}.1.1, {token_urlsafe(16)}.0",
        "errorUrl": f"https://aka.ms/autherrors#error-{kind}",
    }
    return GraphFailure(401, code, message, inner=inner)


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
