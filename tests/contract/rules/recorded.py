"""Answers of the real Microsoft Graph, recorded by somebody else.

Read on 2026-11-28 in Azure/azure-cli, src/azure-cli/azure/cli/command_modules/role/tests/latest/recordings:
test_create_for_rbac_service_management_reference.yaml at ef32b2a (recorded on 2025-04-08), test_app_credential.yaml at
fd3b3d8, test_app_federated_credential.yaml at 3fde2fa. Values that identify a tenant are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

METADATA = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

SUCCESS: Mapping[str, str] = {"cache-control": "no-cache", "content-type": METADATA, "odata-version": "4.0"}
"""Headers of an answer with a body, besides `request-id`, `date` and what a proxy adds."""

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
