"""What Exchange, and the directory before it, answer for a mailbox that cannot be read, and for whom that is news.

Read on 2026-11-28. Pages of Microsoft, and bodies that were reported or recorded, each with its place. Microsoft asks
clients to decide by `code`; the one text that decides (`[RAOP]`) has no code of its own.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

ERRORS = "https://learn.microsoft.com/en-us/graph/errors"
_POLICY = "microsoftgraph/microsoft-graph-docs-contrib concepts/auth-limit-mailbox-access.md@028b8e3"
_RBAC = "https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac"
_ISSUES = "https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/"

Tells = Literal[
    "no mailbox",
    "restricted",
    "user deleted",
    "no Exchange Online",
    "token refused",
    "throttled",
    "passes",
    "not authorised",
]
"""What the answer tells: the user has no mailbox; Exchange keeps the application off this mailbox; the user is gone;
the whole organisation has no Exchange Online; the token is not taken; too many requests; a later request may succeed;
the permission is missing."""


OF_THE_DIRECTORY = frozenset({"date", "request-id", "client-request-id"})
"""Members of the directory's `innerError`: https://learn.microsoft.com/en-us/graph/errors."""

OF_THE_TOKEN = frozenset({"oAuthEventOperationId", "oAuthEventcV", "errorUrl", "requestId", "date"})
"""Members of the one that Exchange adds to a 401 about the token; reported in a body of 2024-06-01."""


class Refusal(NamedTuple):
    """An answer to `GET /users/{id}/calendars`.

    Attributes:
        message: as seen; `{}` where ids and names stand.
        mailbox: the class of the emulator's user that answers so; empty where it takes more than a mailbox.
        inner: members of `innerError`; none where Exchange's own errors were reported without it.
    """

    status: int
    code: str
    message: str
    tells: Tells
    page: str
    mailbox: str = ""
    inner: frozenset[str] = frozenset()


RAOP = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."
"""The page has the first half; several reports of 2026 have the second."""

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        "no mailbox",
        _ISSUES + "6519",
        "without",
    ),
    Refusal(
        404,
        "MailboxNotEnabledForRESTAPI",
        "REST API is not yet supported for this mailbox.",
        "no mailbox",
        "https://github.com/microsoftgraph/msgraph-sdk-javascript/issues/1756",
    ),
    Refusal(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        "no mailbox",
        "https://github.com/MicrosoftDocs/MicrosoftCloud/issues/41",
        "on_premises",
    ),
    Refusal(404, "ErrorInvalidUser", "The requested user '{}' is invalid.", "no mailbox", _ISSUES + "5146", "guest"),
    Refusal(
        404,
        "Request_ResourceNotFound",
        "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
        "user deleted",
        ERRORS,
        "vanished",
        OF_THE_DIRECTORY,
    ),
    Refusal(
        403,
        "ErrorAccessDenied",
        "Access is denied. Check credentials and try again.",
        "restricted",
        _RBAC,
        "restricted",
    ),
    Refusal(403, "ErrorAccessDenied", RAOP, "restricted", _POLICY, "access_policy"),
    Refusal(403, "ErrorAccessDenied", "Access to OData is disabled.", "restricted", _POLICY),
    Refusal(
        401,
        "OrganizationFromTenantGuidNotFound",
        "The tenant for tenant guid '{}' does not exist.",
        "no Exchange Online",
        "https://github.com/MicrosoftDocs/azure-docs/issues/32957",
        inner=OF_THE_TOKEN,
    ),
    Refusal(
        401,
        "NoPermissionsInAccessToken",
        "The token contains no permissions, or permissions can not be understood.",
        "token refused",
        "https://github.com/O365/python-o365/issues/763",
        inner=OF_THE_TOKEN,
    ),
    Refusal(401, "InvalidAuthenticationToken", "Access token has expired.", "token refused", ERRORS),
    Refusal(401, "UnknownError", "", "token refused", "https://learn.microsoft.com/en-us/answers/a/12308694"),
    Refusal(
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        "throttled",
        "https://github.com/magodo/terraform-provider-outlook/issues/21",
    ),
    Refusal(
        429,
        "TooManyRequests",
        "Please retry again later.",
        "throttled",
        "https://learn.microsoft.com/en-us/graph/throttling",
    ),
    Refusal(503, "MailboxInfoStale", "Mailbox info is stale.", "passes", "field report of 2026: four tries in 46 s"),
    Refusal(504, "UnknownError", "", "passes", ERRORS),
    Refusal(502, "BadGateway", "", "passes", ERRORS),
)

OF_USERS: tuple[Refusal, ...] = (
    Refusal(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
        "not authorised",
        "microsoftgraph/microsoft-graph-docs-contrib concepts/json-batching.md@028b8e3",
    ),
    Refusal(401, "InvalidAuthenticationToken", "Access token has expired.", "token refused", ERRORS),
    Refusal(
        429,
        "TooManyRequests",
        "Please retry again later.",
        "throttled",
        "https://learn.microsoft.com/en-us/graph/throttling",
    ),
    Refusal(503, "serviceNotAvailable", "", "passes", ERRORS),
)
"""Answers to `GET /users`."""
