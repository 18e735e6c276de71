"""The state of an application, made from what Microsoft Graph answers.

Source: https://learn.microsoft.com/en-us/graph/api/resources/application and states of the real plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgcal.provider._sdk import Properties
from orgcal.provider.azuread.graph_forms import CLAIMS, INFO_URLS, SCOPE_TEXTS, TAG_OF_FEATURE, strings


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
        **{name: info.get(name) or "" for name in INFO_URLS},
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
            **{name: scope.get(name) or "" for name in SCOPE_TEXTS},
        }
        for scope in scopes or ()
    ]


def ids_by_value(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Value of an app role or scope -> its id."""
    return {str(entry["value"]): str(entry["id"]) for entry in entries or () if entry.get("value") and entry.get("id")}


def feature_tags_state(tags: Iterable[str] | None) -> list[Properties]:
    """`featureTags`, as Entra's tags say."""
    present = {tag.lower() for tag in tags or ()}
    return [{name: tag.lower() in present for name, tag in TAG_OF_FEATURE.items()}]


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
        for name, graph in CLAIMS.items()
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
