"""What the program does not declare of an adopted application is named, property by property, before it would go."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.operations.adopt import _undeclared

# Properties of https://learn.microsoft.com/en-us/graph/api/resources/application that somebody may have filled in.
FILLED: list[tuple[str, dict[str, Any], str]] = [
    ("identifierUris", {"identifierUris": ["api://x", "api://y"]}, "identifierUris: 2 entries"),
    ("appRoles", {"appRoles": [{"value": "R"}]}, "appRoles: 1 entries"),
    ("scopes", {"api": {"oauth2PermissionScopes": [{}]}}, "api.oauth2PermissionScopes: 1 entries"),
    ("clients", {"api": {"knownClientApplications": ["c"]}}, "api.knownClientApplications: 1 entries"),
    ("spa", {"spa": {"redirectUris": ["https://a.example/"]}}, "spa.redirectUris: 1 entries"),
    ("public", {"publicClient": {"redirectUris": ["http://localhost"]}}, "publicClient.redirectUris: 1 entries"),
    ("logout", {"web": {"logoutUrl": "https://a.example/out"}}, "web.logoutUrl"),
    ("claims", {"optionalClaims": {"idToken": [{"name": "email"}]}}, "optionalClaims"),
    ("groups", {"groupMembershipClaims": "All"}, "groupMembershipClaims"),
    ("management", {"serviceManagementReference": "INC1"}, "serviceManagementReference"),
    ("description", {"description": "ours"}, "description"),
]


@pytest.mark.parametrize(("raw", "line"), [row[1:] for row in FILLED], ids=[row[0] for row in FILLED])
def test_property_that_adoption_would_empty_is_named(raw: dict[str, Any], line: str) -> None:
    assert list(_undeclared(raw)) == [line]


def test_application_with_nothing_of_the_kind_loses_nothing() -> None:
    empty: dict[str, Any] = {
        "identifierUris": [],
        "api": None,
        "web": {"logoutUrl": None},
        "optionalClaims": {"idToken": [], "accessToken": []},
        "description": "",
    }

    assert list(_undeclared(empty)) == []
