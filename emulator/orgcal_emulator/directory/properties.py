"""The properties of applications and service principals: types, defaults, limits.

Sources: https://learn.microsoft.com/en-us/graph/api/resources/application,
https://learn.microsoft.com/en-us/graph/api/resources/serviceprincipal and, for the limits,
https://learn.microsoft.com/en-us/entra/identity-platform/supported-accounts-validation
"""

from __future__ import annotations

from typing import Any

from orgcal_emulator.directory.schema import FLAG, GUID, TEXT, TEXTS, Choice, Flag, Kind, ListOf, Moment, Nested, Text

AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")

_URL = Text(longest=2000)
_REDIRECTS = ListOf(Text(longest=256, shortest=1, required=True), most=256, unique=True)

_SCOPE = Nested(
    {
        "adminConsentDescription": TEXT, "adminConsentDisplayName": Text(100), "id": GUID, "isEnabled": Flag(False),
        "type": Text(choices=("User", "Admin")), "userConsentDescription": TEXT, "userConsentDisplayName": Text(100),
        "value": Text(120),
    },
    {"adminConsentDescription": None, "adminConsentDisplayName": None, "isEnabled": True, "type": "User",
     "userConsentDescription": None, "userConsentDisplayName": None, "value": None},
    ("id",),
)  # fmt: skip

_APP_ROLE = Nested(
    {
        "allowedMemberTypes": ListOf(Text(choices=("User", "Application"), required=True)),
        "description": Text(1024, required=True), "displayName": Text(100, 1, required=True), "id": GUID,
        "isEnabled": Flag(False), "value": Text(120), "origin": Text(choices=("Application",)),
    },
    {"isEnabled": True, "value": None, "origin": "Application"},
    ("id", "displayName", "allowedMemberTypes"),
)  # fmt: skip

_RESOURCE_ACCESS = Nested(
    {
        "resourceAppId": GUID,
        "resourceAccess": ListOf(
            Nested({"id": GUID, "type": Text(choices=("Role", "Scope"), required=True)}, {}, ("id", "type")), most=400
        ),
    },
    {"resourceAccess": []},
    ("resourceAppId",),
)

_PREAUTHORIZED = Nested(
    {"appId": GUID, "delegatedPermissionIds": ListOf(GUID)}, {"delegatedPermissionIds": []}, ("appId",)
)

_CLAIM = Nested(
    {"additionalProperties": TEXTS, "essential": Flag(False), "name": Text(256, 1, required=True), "source": TEXT},
    {"additionalProperties": [], "essential": False, "source": None},
    ("name",),
)

_KEY = Nested(
    {
        "customKeyIdentifier": Text(200), "displayName": Text(256), "endDateTime": Moment(), "key": Text(40_000),
        "keyId": Text(guid=True), "startDateTime": Moment(),
        "type": Text(choices=("AsymmetricX509Cert", "X509CertAndPassword", "Symmetric"), required=True),
        "usage": Text(choices=("Verify", "Sign"), required=True),
    },
    {"customKeyIdentifier": None, "displayName": None, "endDateTime": None, "key": None, "keyId": None,
     "startDateTime": None},
    ("type", "usage"),
)  # fmt: skip

APPLICATION_NESTED: dict[str, Nested] = {
    "api": Nested(
        {
            "acceptMappedClaims": FLAG, "knownClientApplications": ListOf(GUID),
            "oauth2PermissionScopes": ListOf(_SCOPE), "preAuthorizedApplications": ListOf(_PREAUTHORIZED),
            "requestedAccessTokenVersion": Choice((1, 2)),
        },
        {"acceptMappedClaims": None, "knownClientApplications": [], "requestedAccessTokenVersion": None,
         "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
    ),
    "info": Nested(
        {"marketingUrl": _URL, "privacyStatementUrl": _URL, "supportUrl": _URL, "termsOfServiceUrl": _URL},
        {"termsOfServiceUrl": None, "supportUrl": None, "privacyStatementUrl": None, "marketingUrl": None,
         "logoUrl": None},
    ),
    "parentalControlSettings": Nested(
        {"countriesBlockedForMinors": TEXTS, "legalAgeGroupRule": TEXT},
        {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    ),
    "publicClient": Nested({"redirectUris": _REDIRECTS}, {"redirectUris": []}),
    "spa": Nested({"redirectUris": _REDIRECTS}, {"redirectUris": []}),
    "web": Nested(
        {
            "homePageUrl": _URL, "logoutUrl": _URL, "redirectUris": _REDIRECTS,
            "implicitGrantSettings": Nested(
                {"enableAccessTokenIssuance": FLAG, "enableIdTokenIssuance": FLAG},
                {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
            ),
            "redirectUriSettings": ListOf(Nested({"uri": _URL, "index": Choice(tuple(range(256)))}, {"index": None})),
        },
        {"homePageUrl": None, "logoutUrl": None, "redirectUris": [],
         "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
         "redirectUriSettings": []},
    ),
}  # fmt: skip
"""Complex properties, of which a PATCH changes only the parts that it names."""

APPLICATION_WRITABLE: dict[str, Kind] = {
    **APPLICATION_NESTED,
    "appRoles": ListOf(_APP_ROLE),
    "defaultRedirectUri": Text(256),
    "description": Text(1024),
    "displayName": Text(256, 1, required=True),
    "groupMembershipClaims": Text(256),
    "identifierUris": ListOf(Text(255, 1, required=True), unique=True),
    "isDeviceOnlyAuthSupported": FLAG,
    "isFallbackPublicClient": FLAG,
    "keyCredentials": ListOf(_KEY),
    "nativeAuthenticationApisEnabled": Text(choices=("none", "all")),
    "notes": Text(1024),
    "oauth2RequirePostResponse": FLAG,
    "optionalClaims": Nested(
        {"accessToken": ListOf(_CLAIM), "idToken": ListOf(_CLAIM), "saml2Token": ListOf(_CLAIM)},
        {"accessToken": [], "idToken": [], "saml2Token": []}, nullable=True,
    ),
    "requiredResourceAccess": ListOf(_RESOURCE_ACCESS, most=50),
    "samlMetadataUrl": _URL,
    "serviceManagementReference": Text(1024),
    "signInAudience": Text(choices=AUDIENCES, required=True),
    "tags": ListOf(Text(256, 1, required=True), unique=True),
    "tokenEncryptionKeyId": Text(guid=True),
    "uniqueName": Text(256, 1),
}  # fmt: skip

APPLICATION_DEFAULTS: dict[str, Any] = {
    "addIns": [], "appRoles": [], "applicationTemplateId": None, "certification": None, "createdByAppId": None,
    "defaultRedirectUri": None, "description": None, "disabledByMicrosoftStatus": None,
    "groupMembershipClaims": None, "identifierUris": [], "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None, "keyCredentials": [], "nativeAuthenticationApisEnabled": None, "notes": None,
    "optionalClaims": None, "passwordCredentials": [], "requestSignatureVerification": None,
    "requiredResourceAccess": [], "samlMetadataUrl": None, "serviceManagementReference": None,
    "servicePrincipalLockConfiguration": None, "signInAudience": "AzureADMyOrg", "tags": [],
    "tokenEncryptionKeyId": None, "uniqueName": None,
    "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
}  # fmt: skip

APPLICATION_READ_ONLY = frozenset(
    {"id", "appId", "applicationTemplateId", "certification", "createdByAppId", "createdDateTime", "deletedDateTime",
     "disabledByMicrosoftStatus", "publisherDomain", "verifiedPublisher"}
)  # fmt: skip

PRINCIPAL_WRITABLE: dict[str, Kind] = {
    "accountEnabled": FLAG,
    "alternativeNames": TEXTS,
    "appRoleAssignmentRequired": Flag(nullable=False),
    "description": Text(1024),
    "keyCredentials": ListOf(_KEY),
    "loginUrl": _URL,
    "notes": Text(1024),
    "notificationEmailAddresses": TEXTS,
    "preferredSingleSignOnMode": Text(choices=("password", "saml", "notSupported", "oidc")),
    "samlSingleSignOnSettings": Nested({"relayState": TEXT}, {"relayState": None}, nullable=True),
    "servicePrincipalType": Text(choices=("Application",)),
    "tags": ListOf(Text(256, 1, required=True), unique=True),
    "tokenEncryptionKeyId": Text(guid=True),
}

PRINCIPAL_DEFAULTS: dict[str, Any] = {
    "accountEnabled": True, "addIns": [], "alternativeNames": [], "appDescription": None,
    "applicationTemplateId": None, "appRoleAssignmentRequired": False, "description": None,
    "disabledByMicrosoftStatus": None, "homepage": None, "keyCredentials": [], "loginUrl": None, "logoutUrl": None,
    "notes": None, "notificationEmailAddresses": [], "passwordCredentials": [], "preferredSingleSignOnMode": None,
    "preferredTokenSigningKeyThumbprint": None, "replyUrls": [], "resourceSpecificApplicationPermissions": [],
    "samlSingleSignOnSettings": None, "servicePrincipalType": "Application", "tags": [],
    "tokenEncryptionKeyId": None,
    "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
}  # fmt: skip

PRINCIPAL_READ_ONLY = frozenset(
    {"id", "appDescription", "appDisplayName", "applicationTemplateId", "appOwnerOrganizationId", "createdDateTime",
     "deletedDateTime", "disabledByMicrosoftStatus", "homepage", "info", "logoutUrl", "oauth2PermissionScopes",
     "replyUrls", "resourceSpecificApplicationPermissions", "servicePrincipalNames", "signInAudience",
     "verifiedPublisher"}
)  # fmt: skip

BETA_ONLY: dict[str, frozenset[str]] = {
    "application": frozenset({"oauth2RequirePostResponse"}),
    "servicePrincipal": frozenset({"samlMetadataUrl", "publishedPermissionScopes", "errorUrl", "publisherName"}),
}
"""Properties that only `/beta` knows; the azuread plugin reads them there one by one."""
