"""Arguments and outputs of `azuread.Application`.

Source: https://www.pulumi.com/registry/packages/azuread/api-docs/application/ and the types of `pulumi_azuread` 6.11.1.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from orgcal.provider.azuread.fields import Field, Fields, output
from orgcal.provider.azuread.ids import guid_rule
from orgcal.provider.azuread.logo import logo_rule

AUDIENCES = (
    "AzureADMyOrg",
    "AzureADMultipleOrgs",
    "AzureADandPersonalMicrosoftAccount",
    "PersonalMicrosoftAccount",
)
CLAIMS = ("None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All")
MAX_REDIRECT_URIS = 256
MAX_OWNERS = 100


def not_empty(value: object) -> str | None:
    """What is wrong with `value` where a text must be given."""
    return None if value else "must not be empty"


def short_text(value: object) -> str | None:
    """What is wrong with `value` where Entra takes 1024 characters."""
    return None if isinstance(value, str) and len(value) <= 1024 else "must have at most 1024 characters"


FEATURE_TAGS: Fields = {name: Field("boolean") for name in ("customSingleSignOn", "enterprise", "gallery", "hide")}

PERMISSION_SCOPE: Fields = {
    "id": Field(required=True, rule=guid_rule),
    "adminConsentDescription": Field(rule=not_empty),
    "adminConsentDisplayName": Field(rule=not_empty),
    "enabled": Field("boolean", default=True),
    "type": Field(default="User", one_of=("User", "Admin")),
    "userConsentDescription": Field(rule=not_empty),
    "userConsentDisplayName": Field(rule=not_empty),
    "value": Field(),
}

APP_ROLE: Fields = {
    "id": Field(required=True, rule=guid_rule),
    "allowedMemberTypes": Field("set", required=True, one_of=("User", "Application")),
    "description": Field(required=True, rule=not_empty),
    "displayName": Field(required=True, rule=not_empty),
    "enabled": Field("boolean", default=True),
    "value": Field(),
}

_CLAIM: Fields = {
    "name": Field(required=True),
    "additionalProperties": Field("list"),
    "essential": Field("boolean"),
    "source": Field(),
}


def redirect_uri(value: object, *, urn: bool = False) -> str | None:
    """What the real plugin finds wrong with a redirect URI of a web server or, without `urn`, of a page's own code.

    Source: `internal/helpers/tf/validation/uri.go` of hashicorp/terraform-provider-azuread, `IsRedirectUriFunc`, at
    commit f0169e0ecec4a7f87c0a512fd989368a182306c1.
    """
    text = str(value)
    if urn and text.startswith("urn:") and text.count(":") > 1:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return "is no URI"
    if not parts.netloc:
        return "has no host"
    if not parts.path:
        return "must have a trailing slash when there is no path segment"
    if parts.scheme not in _REDIRECT_SCHEMES:
        return f"must begin with one of {', '.join(_REDIRECT_SCHEMES)}"
    return None if len(text) <= 256 else "must have at most 256 characters"


_REDIRECT_SCHEMES = ("http", "https", "ms-appx-web", "brk-multihub")
_REDIRECT_URIS = Field("set", at_most=MAX_REDIRECT_URIS, rule=redirect_uri)
_WEB_REDIRECT_URIS = Field("set", at_most=MAX_REDIRECT_URIS, rule=partial(redirect_uri, urn=True))
_NATIVE_REDIRECT_URIS = Field("set", at_most=MAX_REDIRECT_URIS, rule=not_empty)  # any scheme, and no slash is asked for

APPLICATION: Fields = {
    "api": Field(
        "block",
        nested={
            "knownClientApplications": Field("set", rule=guid_rule),
            "mappedClaimsEnabled": Field("boolean"),
            "oauth2PermissionScopes": Field("blocks", nested=PERMISSION_SCOPE),
            "requestedAccessTokenVersion": Field("integer", default=1, one_of=(1, 2)),
        },
    ),
    "appRoles": Field("blocks", nested=APP_ROLE),
    "description": Field(rule=short_text),
    "deviceOnlyAuthEnabled": Field("boolean"),
    "displayName": Field(required=True, rule=not_empty),
    "fallbackPublicClientEnabled": Field("boolean"),
    "featureTags": Field("blocks", computed=True, ordered=True, conflicts=("tags",), nested=FEATURE_TAGS),
    "groupMembershipClaims": Field("set", one_of=CLAIMS),
    "identifierUris": Field("set", rule=not_empty),
    "logoImage": Field(rule=logo_rule),
    "marketingUrl": Field(),
    "notes": Field(rule=not_empty),
    "oauth2PostResponseRequired": Field("boolean"),
    "optionalClaims": Field(
        "block",
        nested={
            name: Field("blocks", ordered=True, nested=_CLAIM) for name in ("accessTokens", "idTokens", "saml2Tokens")
        },
    ),
    "owners": Field("set", rule=guid_rule, at_most=MAX_OWNERS),
    "password": Field("block", refused="add an ApplicationPassword instead"),
    "preventDuplicateNames": Field("boolean", default=False),
    "privacyStatementUrl": Field(),
    "publicClient": Field("block", nested={"redirectUris": _NATIVE_REDIRECT_URIS}),
    "requiredResourceAccesses": Field(
        "blocks",
        nested={
            "resourceAppId": Field(required=True),
            "resourceAccesses": Field(
                "blocks",
                required=True,
                ordered=True,
                nested={
                    "id": Field(required=True, rule=guid_rule),
                    "type": Field(required=True, one_of=("Role", "Scope")),
                },
            ),
        },
    ),
    "serviceManagementReference": Field(),
    "signInAudience": Field(default="AzureADMyOrg", one_of=AUDIENCES),
    "singlePageApplication": Field("block", nested={"redirectUris": _REDIRECT_URIS}),
    "supportUrl": Field(),
    "tags": Field("set", computed=True, conflicts=("featureTags",)),
    "templateId": Field(computed=True, replaces=True, refused="it makes no applications from the gallery"),
    "termsOfServiceUrl": Field(),
    "web": Field(
        "block",
        nested={
            "homepageUrl": Field(),
            "implicitGrant": Field(
                "block",
                nested={"accessTokenIssuanceEnabled": Field("boolean"), "idTokenIssuanceEnabled": Field("boolean")},
            ),
            "logoutUrl": Field(),
            "redirectUris": _WEB_REDIRECT_URIS,
        },
    ),
    "appRoleIds": output("map"),
    "clientId": output(),
    "disabledByMicrosoft": output(),
    "logoUrl": output(),
    "oauth2PermissionScopeIds": output("map"),
    "objectId": output(),
    "publisherDomain": output(),
}
