"""An application as Microsoft Graph writes it, made from arguments, and back into the state.

Source: https://learn.microsoft.com/en-us/graph/api/resources/application and the recorded requests of the real plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from providers._sdk import Properties

ODATA_TYPE = "#microsoft.graph.application"

_INFO = {
    "marketingUrl": "marketingUrl",
    "privacyStatementUrl": "privacyStatementUrl",
    "supportUrl": "supportUrl",
    "termsOfServiceUrl": "termsOfServiceUrl",
}

_FEATURES = {
    "customSingleSignOn": "WindowsAzureActiveDirectoryCustomSingleSignOnApplication",
    "enterprise": "WindowsAzureActiveDirectoryIntegratedApp",
    "gallery": "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1",
    "hide": "HideApp",
}
"""Feature -> the tag that Entra reads it from."""

_SCOPE_TEXTS = (
    "adminConsentDescription",
    "adminConsentDisplayName",
    "type",
    "userConsentDescription",
    "userConsentDisplayName",
    "value",
)


def or_null(value: Any) -> Any:
    """An empty text as null, which is how Graph takes "nothing"."""
    return value or None


def strings(values: Iterable[Any] | None) -> list[str]:
    """A set of texts in one order, whatever order the program or the server has."""
    return sorted(str(value) for value in values or ())


# -- arguments to Graph -------------------------------------------------------------------------


def body_of(news: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    """The application as a request body; sets of permissions and roles included."""
    web, grant = _block(news, "web"), _block(_block(news, "web"), "implicitGrant")
    return {
        "@odata.type": ODATA_TYPE,
        "api": api_of(news),
        "appRoles": [_role_of(role) for role in news.get("appRoles") or []],
        "description": or_null(news.get("description")),
        "displayName": news["displayName"],
        "groupMembershipClaims": or_null(",".join(strings(news.get("groupMembershipClaims")))),
        "identifierUris": strings(news.get("identifierUris")),
        "info": {graph: or_null(news.get(name)) for name, graph in _INFO.items()},
        "isDeviceOnlyAuthSupported": bool(news.get("deviceOnlyAuthEnabled")),
        "isFallbackPublicClient": bool(news.get("fallbackPublicClientEnabled")),
        "notes": or_null(news.get("notes")),
        "optionalClaims": _claims_of(_block(news, "optionalClaims")),
        "publicClient": {"redirectUris": strings(_block(news, "publicClient").get("redirectUris"))},
        "requiredResourceAccess": [_access_of(access) for access in news.get("requiredResourceAccesses") or []],
        "serviceManagementReference": or_null(news.get("serviceManagementReference")),
        "signInAudience": news["signInAudience"],
        "spa": {"redirectUris": strings(_block(news, "singlePageApplication").get("redirectUris"))},
        "tags": tags,
        "web": {
            "homePageUrl": or_null(web.get("homepageUrl")),
            "implicitGrantSettings": {
                "enableAccessTokenIssuance": bool(grant.get("accessTokenIssuanceEnabled")),
                "enableIdTokenIssuance": bool(grant.get("idTokenIssuanceEnabled")),
            },
            "logoutUrl": or_null(web.get("logoutUrl")),
            "redirectUris": strings(web.get("redirectUris")),
        },
    }


def api_of(news: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the body about the API that the application offers."""
    api = _block(news, "api")
    return {
        "acceptMappedClaims": bool(api.get("mappedClaimsEnabled")),
        "knownClientApplications": strings(api.get("knownClientApplications")),
        "oauth2PermissionScopes": [_scope_of(scope) for scope in api.get("oauth2PermissionScopes") or []],
        "requestedAccessTokenVersion": api.get("requestedAccessTokenVersion", 1),
    }


def tags_of(features: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """The tags that stand for `featureTags`."""
    first = next(iter(features or ()), {})
    return [tag for name, tag in _FEATURES.items() if first.get(name)]


def _block(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _role_of(role: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": role["id"],
        "allowedMemberTypes": strings(role["allowedMemberTypes"]),
        "description": role["description"],
        "displayName": role["displayName"],
        "isEnabled": bool(role.get("enabled", True)),
        "value": role.get("value") or "",
    }


def _scope_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: scope.get(name) or "" for name in _SCOPE_TEXTS}
    return {"id": scope["id"], "isEnabled": bool(scope.get("enabled", True)), **texts}


def _claims_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    if not claims:
        return {}
    names = {"accessToken": "accessTokens", "idToken": "idTokens", "saml2Token": "saml2Tokens"}
    return {graph: [_claim_of(claim) for claim in claims.get(name) or []] for graph, name in names.items()}


def _claim_of(claim: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "name": claim["name"],
        "essential": bool(claim.get("essential")),
        "additionalProperties": list(claim.get("additionalProperties") or []),
    }
    return {**body, "source": claim["source"]} if claim.get("source") else body


def _access_of(access: Mapping[str, Any]) -> dict[str, Any]:
    entries = [{"id": entry["id"], "type": entry["type"]} for entry in access["resourceAccesses"]]
    return {"resourceAccess": entries, "resourceAppId": access["resourceAppId"]}


# -- Graph to state -----------------------------------------------------------------------------


def state_of(application: Mapping[str, Any], owners: list[str], post_response_required: bool) -> Properties:
    """The state of an `Application`, from what Graph answers for it."""
    info = application.get("info") or {}
    api = application.get("api")
    state: Properties = {
        "api": _api_state(api or {}),
        "appRoles": app_roles_state(application.get("appRoles")),
        "appRoleIds": ids_by_value(application.get("appRoles")),
        "clientId": application.get("appId") or "",
        "description": application.get("description") or "",
        "deviceOnlyAuthEnabled": bool(application.get("isDeviceOnlyAuthSupported")),
        "disabledByMicrosoft": application.get("disabledByMicrosoftStatus") or "",
        "displayName": application.get("displayName") or "",
        "fallbackPublicClientEnabled": bool(application.get("isFallbackPublicClient")),
        "featureTags": feature_tags_state(application.get("tags")),
        "groupMembershipClaims": strings(
            claim.strip() for claim in (application.get("groupMembershipClaims") or "").split(",") if claim.strip()
        ),
        "identifierUris": strings(application.get("identifierUris")),
        "logoImage": "",
        "logoUrl": info.get("logoUrl") or "",
        **{name: info.get(graph) or "" for name, graph in _INFO.items()},
        "notes": application.get("notes") or "",
        "oauth2PermissionScopeIds": ids_by_value((api or {}).get("oauth2PermissionScopes")),
        "oauth2PostResponseRequired": post_response_required,
        "objectId": application["id"],
        "optionalClaims": _claims_state(application.get("optionalClaims")),
        "owners": strings(owners),
        "publicClient": _uris_state(application.get("publicClient")),
        "publisherDomain": application.get("publisherDomain") or "",
        "requiredResourceAccesses": [_access_state(entry) for entry in application.get("requiredResourceAccess") or []],
        "serviceManagementReference": application.get("serviceManagementReference") or "",
        "signInAudience": application.get("signInAudience") or "",
        "singlePageApplication": _uris_state(application.get("spa")),
        "tags": strings(application.get("tags")),
        "templateId": application.get("applicationTemplateId") or "",
        "web": _web_state(application.get("web") or {}),
    }
    return state


def app_roles_state(roles: Iterable[Mapping[str, Any]] | None) -> list[Properties]:
    """App roles of an application or a service principal."""
    return [
        {
            "allowedMemberTypes": strings(role.get("allowedMemberTypes")),
            "description": role.get("description") or "",
            "displayName": role.get("displayName") or "",
            "enabled": bool(role.get("isEnabled")),
            "id": role.get("id") or "",
            "value": role.get("value") or "",
        }
        for role in roles or ()
    ]


def scopes_state(scopes: Iterable[Mapping[str, Any]] | None) -> list[Properties]:
    """Delegated permissions of an application or a service principal."""
    return [
        {
            "id": scope.get("id") or "",
            "enabled": bool(scope.get("isEnabled")),
            **{name: scope.get(name) or "" for name in _SCOPE_TEXTS},
        }
        for scope in scopes or ()
    ]


def ids_by_value(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Value of an app role or scope -> its id."""
    return {str(entry["value"]): str(entry["id"]) for entry in entries or () if entry.get("value") and entry.get("id")}


def feature_tags_state(tags: Iterable[str] | None) -> list[Properties]:
    """`featureTags`, as Entra's tags say."""
    present = {tag.lower() for tag in tags or ()}
    return [{name: tag.lower() in present for name, tag in _FEATURES.items()}]


def _api_state(api: Mapping[str, Any]) -> Properties:
    return {
        "knownClientApplications": strings(api.get("knownClientApplications")),
        "mappedClaimsEnabled": bool(api.get("acceptMappedClaims")),
        "oauth2PermissionScopes": scopes_state(api.get("oauth2PermissionScopes")),
        "requestedAccessTokenVersion": api.get("requestedAccessTokenVersion") or 1,
    }


def _claims_state(claims: Mapping[str, Any] | None) -> Properties | None:
    if claims is None:
        return None
    names = {"accessTokens": "accessToken", "idTokens": "idToken", "saml2Tokens": "saml2Token"}
    return {
        name: [
            {
                "additionalProperties": list(claim.get("additionalProperties") or []),
                "essential": bool(claim.get("essential")),
                "name": claim.get("name") or "",
                "source": claim.get("source") or "",
            }
            for claim in claims.get(graph) or []
        ]
        for name, graph in names.items()
    }


def _uris_state(part: Mapping[str, Any] | None) -> Properties | None:
    return None if part is None else {"redirectUris": strings(part.get("redirectUris"))}


def _access_state(access: Mapping[str, Any]) -> Properties:
    entries = [{"id": entry["id"], "type": entry.get("type") or ""} for entry in access.get("resourceAccess") or []]
    return {"resourceAccesses": entries, "resourceAppId": access.get("resourceAppId") or ""}


def _web_state(web: Mapping[str, Any]) -> Properties:
    grant = web.get("implicitGrantSettings") or {}
    return {
        "homepageUrl": web.get("homePageUrl") or "",
        "implicitGrant": {
            "accessTokenIssuanceEnabled": bool(grant.get("enableAccessTokenIssuance")),
            "idTokenIssuanceEnabled": bool(grant.get("enableIdTokenIssuance")),
        },
        "logoutUrl": web.get("logoutUrl") or "",
        "redirectUris": strings(web.get("redirectUris")),
    }
