"""Answers of the real Microsoft Graph, recorded by somebody else.

Read on 2026-11-28 and 29 in Azure/azure-cli, src/azure-cli/azure/cli/command_modules/role/tests/latest/recordings:
test_create_for_rbac_service_management_reference.yaml at ef32b2a (recorded on 2025-04-08: `RBAC`),
test_app_credential.yaml at fd3b3d8, test_app_federated_credential.yaml at 3fde2fa (recorded on 2022-06-13:
`FEDERATION`), test_app_permission_grant.yaml at b6ea816 (recorded on 2022-05-07: `GRANT`). Values that identify a
tenant are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

RBAC = "test_create_for_rbac_service_management_reference.yaml, 2025-04-08"
FEDERATION = "test_app_federated_credential.yaml, 2022-06-13"
GRANT = "test_app_permission_grant.yaml, 2022-05-07"

METADATA = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

SUCCESS: Mapping[str, str] = {
    "cache-control": "no-cache",
    "content-type": METADATA,
    "odata-version": "4.0",
    "vary": "Accept-Encoding",
}
"""Headers of an answer with a body, besides `ALWAYS`, `date` and what a proxy adds."""

ALWAYS = ("request-id", "strict-transport-security", "x-ms-ags-diagnostic", "x-ms-resource-unit")
"""Headers of every answer of the directory."""

DIAGNOSTIC = ("DataCenter", "Slice", "Ring", "ScaleUnit", "RoleInstance")
"""Members of `ServerInfo` in the JSON of `x-ms-ags-diagnostic`."""

REFUSAL: Mapping[str, str] = {"cache-control": "no-cache", "content-type": "application/json"}
"""Headers of a 403 `Authorization_RequestDenied`; it has no `odata-version`."""

EMPTY: Mapping[str, str] = {"cache-control": "no-cache"}
"""Headers of a 204 after a DELETE; it has neither a type nor `odata-version`."""

APPLICATION: Mapping[str, object] = {
    "deletedDateTime": None,
    "applicationTemplateId": None,
    "disabledByMicrosoftStatus": None,
    "description": None,
    "groupMembershipClaims": None,
    "identifierUris": [],
    "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None,
    "nativeAuthenticationApisEnabled": None,
    "notes": None,
    "serviceManagementReference": None,
    "signInAudience": "AzureADMyOrg",
    "tags": [],
    "tokenEncryptionKeyId": None,
    "uniqueName": None,
    "samlMetadataUrl": None,
    "defaultRedirectUri": None,
    "certification": None,
    "optionalClaims": None,
    "servicePrincipalLockConfiguration": None,
    "requestSignatureVerification": None,
    "addIns": [],
    "api": {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": None,
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
    },
    "appRoles": [],
    "info": {
        "logoUrl": None,
        "marketingUrl": None,
        "privacyStatementUrl": None,
        "supportUrl": None,
        "termsOfServiceUrl": None,
    },
    "keyCredentials": [],
    "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    "passwordCredentials": [],
    "publicClient": {"redirectUris": []},
    "requiredResourceAccess": [],
    "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
    "web": {
        "homePageUrl": None,
        "logoutUrl": None,
        "redirectUris": [],
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
        "redirectUriSettings": [],
    },
    "spa": {"redirectUris": []},
}
"""Of an application that was made with a display name alone: everything but ids, names, times and the domain."""
APPLICATION_OWN = {"@odata.context", "id", "appId", "createdDateTime", "displayName", "publisherDomain"}

PRINCIPAL = {
    "@odata.context", "id", "deletedDateTime", "accountEnabled", "alternativeNames", "appDisplayName", "appDescription",
    "appId", "applicationTemplateId", "appOwnerOrganizationId", "appRoleAssignmentRequired", "createdDateTime",
    "description", "disabledByMicrosoftStatus", "displayName", "homepage", "loginUrl", "logoutUrl", "notes",
    "notificationEmailAddresses", "preferredSingleSignOnMode", "preferredTokenSigningKeyThumbprint", "replyUrls",
    "servicePrincipalNames", "servicePrincipalType", "signInAudience", "tags", "tokenEncryptionKeyId",
    "samlSingleSignOnSettings", "addIns", "appRoles", "info", "keyCredentials", "oauth2PermissionScopes",
    "passwordCredentials", "resourceSpecificApplicationPermissions", "verifiedPublisher",
}  # fmt: skip
"""Fields of a service principal."""

PASSWORD = (
    "@odata.context", "customKeyIdentifier", "displayName", "endDateTime", "hint", "keyId", "secretText",
    "startDateTime",
)  # fmt: skip
"""Fields of the answer to `addPassword`, in order."""

FEDERATED = ("id", "name", "issuer", "subject", "description", "audiences")
"""Fields of a federated identity credential, besides `@odata.context`."""


class Exchanged(NamedTuple):
    """One recorded request and what is told of its answer.

    Attributes:
        request: method and address below the version; `{app}`, `{principal}`, `{credential}` are ids, `{appId}` is one.
        units: `x-ms-resource-unit`.
        location: the header, below the host; `{tenant}` is the caller's; None where there is none.
        source: recording and date.
    """

    request: str
    status: int
    units: int
    location: str | None
    source: str


EXCHANGES: tuple[Exchanged, ...] = (
    Exchanged("GET servicePrincipals?$filter=displayName eq 'x'", 200, 1, None, RBAC),
    Exchanged("GET applications?$filter=startswith(displayName,'x')", 200, 2, None, RBAC),
    Exchanged(
        "POST applications", 201, 1,
        "/v2/{tenant}/directoryObjects/{app}/Microsoft.DirectoryServices.Application", RBAC,
    ),
    Exchanged("POST applications/{app}/addPassword", 200, 1, "", RBAC),
    Exchanged(
        "POST servicePrincipals", 201, 1,
        "/v2/{tenant}/directoryObjects/{principal}/Microsoft.DirectoryServices.ServicePrincipal", RBAC,
    ),
    Exchanged("GET applications?$filter=appId eq '{appId}'", 200, 2, None, RBAC),
    Exchanged("GET applications/{app}", 200, 1, None, RBAC),
    Exchanged(
        "POST applications/{app}/federatedIdentityCredentials", 201, 1,
        "/v2/{tenant}/federatedIdentityCredentials/{credential}", FEDERATION,
    ),
    Exchanged("GET applications/{app}/federatedIdentityCredentials", 200, 1, None, FEDERATION),
    Exchanged("DELETE applications/{app}/federatedIdentityCredentials/{credential}", 204, 1, None, FEDERATION),
    Exchanged("DELETE applications/{app}", 204, 1, None, RBAC),
    Exchanged("DELETE directory/deletedItems/{app}", 204, 1, None, RBAC),
)  # fmt: skip
"""In the order in which they can be sent again."""

MOMENTS: Mapping[str, str] = {
    "POST applications": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z",
    "GET applications/{app}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "POST servicePrincipals": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}
"""How `createdDateTime` looks in the answer to a request (`RBAC`)."""

REDIRECTS: tuple[Mapping[str, object], ...] = (
    {"redirectUris": ["https://localhost/signin-oidc"],
     "redirectUriSettings": [{"uri": "https://localhost/signin-oidc", "index": None}]},
    {"redirectUris": [], "redirectUriSettings": []},
)  # fmt: skip
"""Parts of `web` in manifests of applications that their owners published from 2024-10 to 2026-06."""

GRAPH_PRINCIPAL: Mapping[str, object] = {
    "accountEnabled": True,
    "appDisplayName": "Microsoft Graph",
    "appId": "00000003-0000-0000-c000-000000000000",
    "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    "appRoleAssignmentRequired": False,
    "createdDateTime": None,
    "displayName": "Microsoft Graph",
    "servicePrincipalType": "Application",
    "signInAudience": "AzureADMultipleOrgs",
    "tags": [],
}
"""Of Microsoft Graph's own service principal (`GRANT`)."""
