"""Names and forms that requests and states of applications and service principals share.

Source: https://learn.microsoft.com/en-us/graph/api/resources/application
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

APPLICATION_TYPE = "#microsoft.graph.application"

INFO_URLS = ("marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")
"""Arguments that Graph keeps under `info`, by the same names."""

TAG_OF_FEATURE = {
    "customSingleSignOn": "WindowsAzureActiveDirectoryCustomSingleSignOnApplication",
    "enterprise": "WindowsAzureActiveDirectoryIntegratedApp",
    "gallery": "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1",
    "hide": "HideApp",
}
"""Feature -> the tag that Entra reads it from."""

SCOPE_TEXTS = (
    "adminConsentDescription",
    "adminConsentDisplayName",
    "type",
    "userConsentDescription",
    "userConsentDisplayName",
    "value",
)

CLAIMS = {"accessTokens": "accessToken", "idTokens": "idToken", "saml2Tokens": "saml2Token"}
"""Argument in `optionalClaims` -> its name in Graph."""


def or_null(value: Any) -> Any:
    """An empty text as null, which is how Graph takes "nothing"."""
    return value or None


def strings(values: Iterable[Any] | None) -> list[str]:
    """A set of texts in one order, whatever order the program or the server has."""
    return sorted(str(value) for value in values or ())
