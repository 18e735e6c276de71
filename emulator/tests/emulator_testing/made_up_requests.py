"""Requests that nobody has thought of, some thousands a second: half of each is what the emulator knows, half is not.

Plain random numbers, and no strategies of Hypothesis: those took five times as long as the answers, and each request is
judged by itself, so that there is nothing to make smaller.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

WORDS = (
    "applications", "servicePrincipals", "users", "me", "organization", "directory", "deletedItems", "$batch",
    "$count",
    "owners", "$ref", "calendars", "events", "calendarView", "appRoleAssignedTo", "appRoleAssignments", "addPassword",
    "removePassword", "federatedIdentityCredentials", "directoryObjects", "getByIds", "restore", "logo", "calendar",
    "policies", "defaultAppManagementPolicy", "groups", "members", "transitiveMembers", "oauth2PermissionGrants",
    "delta", "delta()", "microsoft.graph.delta()", "manager", "appRoles", "oauth2PermissionScopes", "myorganization",
    "microsoft.graph.application", "applications(appId='x')",
    "applications(uniqueName='present')", "admin@contoso.example", "22222222-2222-2222-2222-222222222222", "..", ".",
    "", "%2e%2e", "%00", "%2f", "a%0d%0aX: y", "(", "()", "('')",
)  # fmt: skip
OPTION_NAMES = (
    "$select", "$filter", "$top", "$skip", "$skiptoken", "$count", "$orderby", "$expand",
    "$search", "$deltatoken",
    "startDateTime", "endDateTime", "x",
)  # fmt: skip
OPTION_VALUES = (
    "id", "id,displayName", "displayName eq 'x'", "startswith(displayName,'a')", "(((", "'",
    "a eq", "id in ('x'", "tags/any(t:t eq 'x')", "999", "0", "true", "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59", "9" * 30, "not (id eq 'x')", "and and", "*", ",", "not " * 40,
    "createdDateTime ge 0001-01-01T00:00:00+23:59", "createdDateTime lt '9999-12-31'",
    "start/dateTime ge '2026-11-25'", "displayName ne null",
    "displayName desc", "displayName,", "appRoleAssignments", "latest",
    "id eq 'a' or id eq 'b'", "MDpwYWdlOjE", "MDphbGx8MHwxfHx8",
)  # fmt: skip
PROPERTIES = (
    "displayName", "web", "redirectUris", "requiredResourceAccess", "resourceAccess", "resourceAppId", "id", "type",
    "appId", "keyCredentials", "key", "passwordCredential", "endDateTime", "startDateTime", "keyId",
    "owners@odata.bind",
    "tags", "api", "info", "appRoles", "uniqueName", "identifierUris", "signInAudience", "requests", "method", "url",
    "body", "headers", "dependsOn", "principalId", "resourceId", "appRoleId", "ids", "@odata.id", "@odata.type",
    "isEnabled", "applicationRestrictions", "passwordCredentials", "maxLifetime", "restrictionType", "name", "issuer",
    "subject", "audiences", "description", "accountEnabled", "samlSingleSignOnSettings",
    "claimsMatchingExpression", "value", "languageVersion", "clientId", "consentType", "scope",
)  # fmt: skip
VALUES = (
    "GET", "/users", "1", "00000003-0000-0000-c000-000000000000", "https://a.example/cb",
    "2030-01-01T00:00:00Z", "AsymmetricX509Cert", "Verify", "TUlJQg==", "P1D", "passwordLifetime",
    "https://x/v1.0/directoryObjects/1", "AzureADMultipleOrgs", "AllPrincipals",
    "claims['sub'] eq 'x'", 1,
)  # fmt: skip
BODIES = (b"", b"{", b"[" * 5000, b'{"a":NaN}', b'"\\ud800"', b"\xff\xfe", b'{"displayName": "\\u0000"}')
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "get")
HEADERS: Sequence[Mapping[str, str]] = (
    {}, {"accept": "application/json;odata.metadata=none"}, {"accept": "application/json;odata.metadata=full"},
    {"prefer": "create-if-missing"}, {"prefer": 'outlook.timezone="UTC"'}, {"consistencylevel": "eventual"},
    {"prefer": 'outlook.timezone="Tokyo Standard Time", odata.maxpagesize=2; outlook.body-content-type=text'},
    {"prefer": 'outlook.timezone="../etc", "=,;'}, {"prefer": "odata.maxpagesize=999999999999999999999"},
)  # fmt: skip
TYPES = (
    "application/json", "application/json; charset=utf-8", "text/plain", "", "application/x-www-form-urlencoded",
)  # fmt: skip
KNOWN = (
    ("POST", "/v1.0/applications"), ("PATCH", "/v1.0/applications(uniqueName='present')"),
    ("POST", "/v1.0/applications(uniqueName='present')/addPassword"),
    ("POST", "/v1.0/applications(uniqueName='present')/removePassword"),
    ("POST", "/v1.0/applications(uniqueName='present')/federatedIdentityCredentials"),
    ("POST", "/v1.0/applications(uniqueName='present')/owners/$ref"), ("POST", "/v1.0/servicePrincipals"),
    ("POST", "/v1.0/$batch"), ("PATCH", "/v1.0/policies/defaultAppManagementPolicy"),
    ("POST", "/beta/applications(uniqueName='present')/federatedIdentityCredentials"),
    ("POST", "/v1.0/oauth2PermissionGrants"), ("GET", "/v1.0/users/delta"), ("GET", "/v1.0/groups"),
    ("GET", "/v1.0/users/admin@contoso.example/events"), ("GET", "/v1.0/users/admin@contoso.example/calendars"),
    ("GET", "/v1.0/servicePrincipals"), ("HEAD", "/v1.0/users"), ("OPTIONS", "/v1.0/users"),
    ("POST", "/v1.0/directoryObjects/getByIds"), ("GET", "/v1.0/users"), ("GET", "/v1.0/applications"),
)  # fmt: skip
OTHER_PATHS = (
    "/contoso.example/oauth2/v2.0/token", "/common/oauth2/token", "/x/v2.0/adminconsent",
    "/contoso.example/adminconsent",
    "/metadata/endpoints", "/contoso.example/v2.0/.well-known/openid-configuration", "/platform/local/connectors",
    "/platform/local/connectors/x/credentials", "/platform/nango/integrations", "/platform/nango/integrations/x",
    "/platform/nango/connections", "/platform/nango/connections/x", "/platform/nango/connect/sessions",
    "/platform/nango/connect", "/platform/nango/oauth/callback",
    "/_emulator/clock", "/_emulator/faults", "/_emulator/import", "/_emulator/limits", "/_emulator/lag", "/",
    "//", "/x",
)  # fmt: skip
FORM_NAMES = (
    "grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type",
    "redirect_uri", "state", "account", "decision", "resource",
)  # fmt: skip
FORM_VALUES = ("client_credentials", "accept", "https://graph.microsoft.com/.default")
NUMBERS = (0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, 5e-324)
PLANES = ((0x20, 0x7E), (0x20, 0x7E), (0x00, 0xFF), (0x100, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
"""First and last characters; half of them ASCII, and none half of a surrogate pair."""


class MadeUp:
    """Makes up parts of requests.

    Args:
        seed: what is made up follows from it.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def one_of(self, choices: Sequence[Any]) -> Any:
        """One of `choices`."""
        return self._chance.choice(choices)

    def text(self, most: int) -> str:
        """Up to `most` characters."""
        planes = self._chance.choices(PLANES, k=self._chance.randint(0, most))
        return "".join(chr(self._chance.randint(first, last)) for first, last in planes)

    def target(self, prefix: str, *, path: str | None = None) -> str:
        """A path below `prefix`, made up unless given, with up to four options."""
        if path is None:
            segments = (
                self.one_of(WORDS) if self._chance.random() < 0.75 else self.text(12)
                for _ in range(self._chance.randint(0, 6))
            )
            path = f"{prefix}/{'/'.join(segments)}"
        names = self._chance.choices(OPTION_NAMES, k=self._few(4))
        query = "&".join(f"{name}={quote(self._text_or(OPTION_VALUES))}" for name in names)
        return f"{path}?{query}" if query else path

    def body(self) -> bytes:
        """JSON mostly; sometimes what only begins like it."""
        kind = self._chance.randrange(6)
        if kind < 3:
            return json.dumps(self._members(6, kind + 1)).encode()
        if kind == 3:
            return json.dumps(self._value(3)).encode()
        return self._chance.randbytes(self._chance.randint(0, 40)) if kind == 4 else self.one_of(BODIES)

    def form(self) -> bytes:
        """Members as a form has them."""
        names = self._chance.sample(FORM_NAMES, self._chance.randint(0, 6))
        return "&".join(f"{name}={quote(self._text_or(FORM_VALUES))}" for name in names).encode()

    def _few(self, most: int) -> int:
        """Up to `most`, rather fewer: what has few members is more often taken."""
        return self._chance.randint(0, self._chance.randint(0, most))

    def _text_or(self, choices: Sequence[str]) -> str:
        return self.text(20) if self._chance.random() < 0.5 else self.one_of(choices)

    def _members(self, most: int, deep: int) -> dict[str, Any]:
        names = self._chance.sample(PROPERTIES, self._few(most))
        return {name: self._value(deep - 1) for name in names}

    def _value(self, deep: int) -> Any:
        kind = self._chance.randrange(8 if deep > 0 else 6)
        if kind == 7:
            return [self._value(deep - 1) for _ in range(self._chance.randint(0, 4))]
        if kind == 6:
            return self._members(5, deep)
        if kind == 5:
            return self.text(20)
        if kind == 4:
            return self.one_of(NUMBERS)
        return self.one_of(VALUES) if kind > 1 else self.one_of((None, True, False))
