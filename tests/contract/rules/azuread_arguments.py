"""Which values the azuread plugin takes for its arguments, which ones replace a resource, and which must be given.

Read on 2026-11-29 in hashicorp/terraform-provider-azuread at f0169e0ecec4a7f87c0a512fd989368a182306c1, whose schemas
the plugin 6.11.1 takes over: internal/services/applications/ (application_resource.go, schema.go, constants.go,
application_certificate_resource.go, application_federated_identity_credential_resource.go) and
internal/services/serviceprincipals/ (service_principal_resource.go, constants.go).
"""

from __future__ import annotations

from typing import Any, NamedTuple

GUID = "00000000-0000-0000-0000-00000000000a"
NO_GUIDS = ("", "x", GUID[:-1], f"{GUID}0")


class Values(NamedTuple):
    """Values of an argument; of a list or set, each is its only element.

    Attributes:
        argument: with dots where it stands in a block, by its name in the plugin.
    """

    resource: str
    argument: str
    allowed: tuple[Any, ...]
    refused: tuple[Any, ...]


_SCOPE = "api.oauth2PermissionScopes"
_ACCESS = "requiredResourceAccesses.resourceAccesses"

VALUES: tuple[Values, ...] = (
    Values("Application", "api.knownClientApplications", (GUID,), NO_GUIDS),
    Values("Application", f"{_SCOPE}.id", (GUID,), NO_GUIDS),
    Values("Application", f"{_SCOPE}.adminConsentDescription", ("x",), ("",)),
    Values("Application", f"{_SCOPE}.adminConsentDisplayName", ("x",), ("",)),
    Values("Application", f"{_SCOPE}.type", ("User", "Admin"), ("user", "Group")),
    Values("Application", f"{_SCOPE}.userConsentDescription", ("x",), ("",)),
    Values("Application", f"{_SCOPE}.userConsentDisplayName", ("x",), ("",)),
    Values("Application", "api.requestedAccessTokenVersion", (1, 2), (0, 3)),
    Values("Application", "appRoles.id", (GUID,), NO_GUIDS),
    Values("Application", "appRoles.allowedMemberTypes", ("User", "Application"), ("Group", "")),
    Values("Application", "appRoles.description", ("x",), ("",)),
    Values("Application", "appRoles.displayName", ("x",), ("",)),
    Values("Application", "description", ("", "x" * 1024), ("x" * 1025,)),
    Values("Application", "displayName", ("x",), ("",)),
    Values(
        "Application",
        "groupMembershipClaims",
        ("None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"),
        ("Group", "all"),
    ),
    Values("Application", "identifierUris", ("api://x",), ("",)),
    Values("Application", "notes", ("x",), ("",)),
    Values("Application", "owners", (GUID,), NO_GUIDS),
    Values("Application", "publicClient.redirectUris", ("https://a.example/", "urn:x:y"), ("",)),
    Values("Application", f"{_ACCESS}.id", (GUID,), NO_GUIDS),
    Values("Application", f"{_ACCESS}.type", ("Role", "Scope"), ("role", "Delegated")),
    Values(
        "Application",
        "signInAudience",
        ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"),
        ("Everybody",),
    ),
    Values("ServicePrincipal", "alternativeNames", ("x",), ("",)),
    Values("ServicePrincipal", "clientId", (GUID,), NO_GUIDS),
    Values("ServicePrincipal", "description", ("", "x" * 1024), ("x" * 1025,)),
    Values("ServicePrincipal", "notes", ("", "x" * 1024), ("x" * 1025,)),
    Values("ServicePrincipal", "notificationEmailAddresses", ("x@a.example",), ("",)),
    Values("ServicePrincipal", "owners", (GUID,), NO_GUIDS),
    Values(
        "ServicePrincipal", "preferredSingleSignOnMode", ("", "oidc", "password", "saml", "notSupported"), ("SAML",)
    ),
    Values("ServicePrincipal", "samlSingleSignOn.relayState", ("x",), ("",)),
    Values("ApplicationCertificate", "applicationId", (f"/applications/{GUID}",), (GUID, "", "/applications/x")),
    Values("ApplicationCertificate", "encoding", ("base64", "hex", "pem"), ("der",)),
    Values("ApplicationCertificate", "endDate", ("2030-01-01T00:00:00Z",), ("2030-01-01", "soon")),
    Values("ApplicationCertificate", "keyId", (GUID,), NO_GUIDS),
    Values("ApplicationCertificate", "startDate", ("2030-01-01T00:00:00Z",), ("2030-01-01", "soon")),
    Values("ApplicationCertificate", "type", ("AsymmetricX509Cert", "Symmetric"), ("Asymmetric",)),
    Values("ApplicationPassword", "applicationId", (f"/applications/{GUID}",), (GUID, "", "/applications/x")),
    Values("ApplicationPassword", "endDate", ("2030-01-01T00:00:00Z",), ("2030-01-01", "soon")),
    Values("ApplicationPassword", "startDate", ("2030-01-01T00:00:00Z",), ("2030-01-01", "soon")),
    Values(
        "ApplicationFederatedIdentityCredential",
        "applicationId",
        (f"/applications/{GUID}",),
        (GUID, "", "/applications/x"),
    ),
    Values("ApplicationFederatedIdentityCredential", "audiences", ("x",), ("",)),
    Values("ApplicationFederatedIdentityCredential", "displayName", ("x", "x" * 120), ("", "x" * 121)),
    Values("AppRoleAssignment", "appRoleId", (GUID,), NO_GUIDS),
    Values("AppRoleAssignment", "principalObjectId", (GUID,), NO_GUIDS),
    Values("AppRoleAssignment", "resourceObjectId", (GUID,), NO_GUIDS),
)
"""`ValidateFunc` of each argument that has one, at its limits."""

MOST: tuple[tuple[str, str, int], ...] = (
    ("Application", "owners", 100),
    ("ApplicationFederatedIdentityCredential", "audiences", 1),
)
"""Resource, argument, `MaxItems`."""

ORDERED: dict[str, frozenset[str]] = {
    "Application": frozenset(
        {
            "featureTags",
            "optionalClaims.accessTokens",
            "optionalClaims.accessTokens.additionalProperties",
            "optionalClaims.idTokens",
            "optionalClaims.idTokens.additionalProperties",
            "optionalClaims.saml2Tokens",
            "optionalClaims.saml2Tokens.additionalProperties",
            "requiredResourceAccesses.resourceAccesses",
        }
    ),
    "ServicePrincipal": frozenset({"featureTags", "features"}),
    "ApplicationFederatedIdentityCredential": frozenset({"audiences"}),
}
"""Arguments with `Type: pluginsdk.TypeList` that can have several elements: their order counts. Each other one with
elements is a `TypeSet`."""

REQUIRED: dict[str, frozenset[str]] = {
    "Application": frozenset(
        {
            f"{_SCOPE}.id",
            "appRoles.id",
            "appRoles.allowedMemberTypes",
            "appRoles.description",
            "appRoles.displayName",
            "displayName",
            "optionalClaims.accessTokens.name",
            "requiredResourceAccesses.resourceAppId",
            "requiredResourceAccesses.resourceAccesses",
            f"{_ACCESS}.id",
            f"{_ACCESS}.type",
        }
    ),
    "ServicePrincipal": frozenset({"clientId"}),
    "ApplicationCertificate": frozenset({"applicationId", "value"}),
    "ApplicationPassword": frozenset({"applicationId"}),
    "ApplicationFederatedIdentityCredential": frozenset(
        {"applicationId", "audiences", "displayName", "issuer", "subject"}
    ),
    "AppRoleAssignment": frozenset({"appRoleId", "principalObjectId", "resourceObjectId"}),
}
"""Arguments with `Required: true`, those in blocks too."""

DEFAULT: dict[str, dict[str, Any]] = {
    "Application": {
        f"{_SCOPE}.enabled": True,
        f"{_SCOPE}.type": "User",
        "api.requestedAccessTokenVersion": 1,
        "appRoles.enabled": True,
        "signInAudience": "AzureADMyOrg",
    },
    "ServicePrincipal": {"accountEnabled": True, "features.visibleToUsers": True},
    "ApplicationCertificate": {"encoding": "pem"},
}
"""`Default` of each argument whose default is not empty."""

FORCE_NEW: dict[str, frozenset[str]] = {
    "Application": frozenset(),
    "ServicePrincipal": frozenset({"clientId"}),
    "ApplicationCertificate": frozenset(
        {"applicationId", "encoding", "endDate", "endDateRelative", "keyId", "startDate", "type", "value"}
    ),
    "ApplicationPassword": frozenset({"applicationId", "displayName", "endDate", "rotateWhenChanged", "startDate"}),
    "ApplicationFederatedIdentityCredential": frozenset({"applicationId", "displayName"}),
    "AppRoleAssignment": frozenset({"appRoleId", "principalObjectId", "resourceObjectId"}),
}
"""Arguments with `ForceNew: true`, but for those that the stand-in refuses."""

COMPUTED: dict[str, frozenset[str]] = {
    "Application": frozenset({"featureTags", "tags"}),
    "ServicePrincipal": frozenset({"featureTags", "features", "tags"}),
    "ApplicationCertificate": frozenset({"endDate", "keyId", "startDate"}),
    "ApplicationPassword": frozenset({"displayName", "endDate", "startDate"}),
    "ApplicationFederatedIdentityCredential": frozenset(),
    "AppRoleAssignment": frozenset(),
}
"""Arguments with `Computed: true`: not to give one of these is no change."""

CONFLICTS: dict[str, tuple[frozenset[str], ...]] = {
    "Application": (frozenset({"featureTags", "tags"}),),
    "ServicePrincipal": (
        frozenset({"featureTags", "features"}),
        frozenset({"featureTags", "tags"}),
        frozenset({"features", "tags"}),
    ),
    "ApplicationCertificate": (frozenset({"endDate", "endDateRelative"}),),
}
"""Pairs with `ConflictsWith`, which each names the other."""
