"""How Microsoft Graph throttles, and what a client must do.

Read on 2026-11-28 in microsoftgraph/microsoft-graph-docs-contrib: concepts/throttling-limits.md at 0135174 (costs and
headers of the identity service; the global limit of a later copy, 130,000 in 10 s), concepts/throttling.md at 005016a,
includes/throttling-outlook.md at 0712c99, concepts/json-batching.md at 028b8e3. Recorded answers:
Azure/azure-cli, src/azure-cli/azure/cli/command_modules/role/tests/latest/recordings at ef32b2a.
"""

from __future__ import annotations

from typing import NamedTuple

PAGE = "https://learn.microsoft.com/en-us/graph/throttling"
LIMITS = "https://learn.microsoft.com/en-us/graph/throttling-limits"
BATCHING = "https://learn.microsoft.com/en-us/graph/json-batching"

STATUS = 429
"""Too many requests; `Retry-After` has the seconds to wait before the request is sent again (`PAGE`)."""

PRIORITY = ("x-ms-throttle-priority", ("Low", "Normal", "High"))
"""Of a request; low ones are refused first, and such a refusal "doesn't cause user-visible failures" (`LIMITS`)."""

USED_SHARE = ("x-ms-throttle-limit-percentage", 0.8, 1.8)
"""Of an answer, only where more than 0.8 of the limit is used; lowest and highest value (`LIMITS`)."""

UNITS = "x-ms-resource-unit"
"""Of an answer: what the request cost, a positive whole number (`LIMITS`)."""

SCOPE = (
    "x-ms-throttle-scope",
    r"(Tenant_Application|Tenant|Application)/(Read|Write|ReadWrite)/[0-9a-f-]{36}/([0-9a-f-]{36})?",
)
"""Of a 429: scope, limit, application, and tenant, user or resource (`LIMITS`)."""

REASON = ("x-ms-throttle-information", {"CPULimitExceeded", "WriteLimitExceeded", "ResourceUnitLimitExceeded"})
"""Of a 429; the page's examples."""


class Cost(NamedTuple):
    """What a request of the identity service costs before options change it (`LIMITS`); never less than one unit."""

    method: str
    path: str
    units: int


COSTS: tuple[Cost, ...] = (
    Cost("GET", "applications", 2),
    Cost("POST", "directoryObjects/getByIds", 3),
    Cost("GET", "servicePrincipals/{}/appRoleAssignments", 2),
    Cost("GET", "groups/{}/members", 3),
    Cost("GET", "groups/{}/transitiveMembers", 5),
    Cost("GET", "users", 2),
    Cost("GET", "users/{}", 1),
    Cost("GET", "servicePrincipals", 1),  # recorded: test_create_for_rbac_service_management_reference.yaml
    Cost("GET", "servicePrincipals/{}/appRoleAssignedTo", 1),
    Cost("GET", "servicePrincipals/{}/owners", 1),
    Cost("GET", "organization", 1),
)
SELECT, EXPAND, SMALL_PAGE = -1, +1, (-1, 20)
"""What `$select`, `$expand`, and `$top` below so many add to the cost (`LIMITS`)."""


class Limit(NamedTuple):
    """So many in so many seconds, of requests or resource units (`LIMITS`)."""

    number: int
    seconds: float


GLOBAL = Limit(130_000, 10)
"""Requests of one application, across all tenants."""
PER_TENANT = {"small": Limit(3_500, 10), "medium": Limit(5_000, 10), "large": Limit(8_000, 10)}
"""Units of one application in one tenant: with less than 50 users, with 50 to 500, with more."""
PER_APPLICATION = Limit(150_000, 20)
"""Units of one application, across all tenants."""
PER_MAILBOX = Limit(10_000, 600)
"""Requests of one application to one mailbox; another mailbox is not affected."""
CONCURRENT_PER_MAILBOX = 4
"""Requests of one application to one mailbox at a time."""

MOST_IN_A_BATCH = 20
"""Each counts for itself: a 429 of one stands beside a 200 of the whole (`BATCHING`)."""

WAITS = ((("1", "50", "3"), 50.0), (("50", "1"), 50.0), (("7",), 7.0), ((), None))
"""`Retry-After` of the refused requests of one batch, and the wait before these, and only these, are sent again.

Source: Microsoft's guidance, as office365/runtime/odata/v4/batch_request.py of Office365-REST-Python-Client 3.3.0 cites
it.
"""
