"""What Entra ID takes of an application's registration: redirect URIs, secrets, federated credentials, limits.

Read on 2026-11-28 in MicrosoftDocs/entra-docs: docs/identity-platform/reply-url.md at 0358995, docs/workload-id/
workload-identity-federation-considerations.md at 03ffb81 with its include federated-credential-configuration-
considerations.md at 0219e6d, docs/includes/entra-service-limits-include.md; in microsoftgraph/
microsoft-graph-docs-contrib: api-reference/v1.0/api/application-addpassword.md at 082d7a8 and
directory-deleteditems-restore.md at 05c1078.
"""

from __future__ import annotations

from typing import NamedTuple

REPLY_URL = "https://learn.microsoft.com/en-us/entra/identity-platform/reply-url"
FEDERATION = "https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations"
ADD_PASSWORD = "https://learn.microsoft.com/en-us/graph/api/application-addpassword"  # a page
LIMITS = "https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions"

LONGEST_REDIRECT = 256
MOST_REDIRECTS = {"AzureADMultipleOrgs": 256, "AzureADandPersonalMicrosoftAccount": 100}
"""By audience (`REPLY_URL`)."""


class Redirect(NamedTuple):
    """A redirect URI of a web application for work accounts, and whether it may be registered (`REPLY_URL`)."""

    uri: str
    allowed: bool
    rule: str


REDIRECTS: tuple[Redirect, ...] = (
    Redirect("https://contoso.com", True, "https"),
    Redirect("https://contoso.com/abc/response-oidc", True, "https"),
    Redirect("https://localhost", True, "https"),
    Redirect("http://contoso.com/abc/response-oidc", False, "http for localhost only"),
    Redirect("http://localhost", True, "http for localhost only"),
    Redirect("http://localhost/abc", True, "http for localhost only"),
    Redirect("http://localhost:8080/MyApp", True, "any port of localhost"),
    Redirect("http://127.0.0.1/MyApp", True, "the literal loopback address, by manifest"),
    Redirect("http://[::1]/MyApp", False, "the IPv6 loopback address is not supported"),
    *(Redirect(f"https://contoso.com/a{sign}b", False, "special characters") for sign in "!$'(),;"),
    Redirect("https://contoso.com/" + "x" * 236, True, "256 characters"),
    Redirect("https://contoso.com/" + "x" * 237, False, "256 characters"),
    Redirect("https://contoso.com/abc?x=1", True, "query parameters, for work accounts only"),
    Redirect("https://*.contoso.com/abc", True, "wildcards by manifest; Microsoft advises against them"),
)


class Match(NamedTuple):
    """What a request names, what is registered, whether they match, and where the answer goes (`REPLY_URL`)."""

    asked: str
    registered: str
    matches: bool
    answered: str = ""


MATCHES: tuple[Match, ...] = (
    Match("https://contoso.com", "https://contoso.com", True, "https://contoso.com/"),
    Match("http://localhost:7071", "http://localhost", True, "http://localhost:7071/"),
    Match("https://contoso.com/abc", "https://contoso.com/abc", True, "https://contoso.com/abc"),
    Match("http://localhost:1234/MyApp", "http://localhost/MyApp", True, "http://localhost:1234/MyApp"),
    Match("http://localhost:8080/MyApp", "http://localhost:5000/MyApp", True, "http://localhost:8080/MyApp"),
    Match("http://localhost/MyNativeApp", "http://localhost/MyWebApp", False),
    Match("https://contoso.com/ABC/response-oidc", "https://contoso.com/abc/response-oidc", False),
    Match("https://contoso.com/abc/", "https://contoso.com/abc", False),
    Match("https://contoso.com:8443/abc", "https://contoso.com/abc", False),
)

SECRET_DAYS = 2 * 365
"""A secret whose end nobody gives ends then (`ADD_PASSWORD`, in days); the portal gives no longer ones, and Microsoft
advises less than a year."""
SECRET_LENGTH = (16, 64)
HINT_LENGTH = 3
"""First characters of a secret, which stay readable; the secret itself is shown once."""
SECRET_FIELDS = {"customKeyIdentifier", "displayName", "endDateTime", "hint", "keyId", "secretText", "startDateTime"}

MOST_FEDERATED = 20
LONGEST_SUBJECT = 600
"""Characters of an issuer, of a subject, of an audience (`FEDERATION`)."""
FEDERATED_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}"
"""Of a credential; it can never be changed (`FEDERATION`)."""
AUDIENCE = "api://AzureADTokenExchange"
"""There is exactly one, and in the public cloud it is this (`FEDERATION`)."""

MOST_PERMISSIONS = 400
"""Permissions that an application declares (`LIMITS`)."""
RESTORABLE_DAYS = 30
"""Days in which what was deleted can be restored."""
