"""An application as a request body, made from arguments.

Source: https://learn.microsoft.com/en-us/graph/api/application-post-applications and the recorded requests of the real
plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgcal.provider.azuread.graph_forms import (
    APPLICATION_TYPE,
    CLAIMS,
    INFO_URLS,
    SCOPE_TEXTS,
    TAG_OF_FEATURE,
    or_null,
    strings,
)


def body_of(news: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    """The application as a request body; sets of permissions and roles included."""
    web, grant = _block(news, "web"), _block(_block(news, "web"), "implicitGrant")
    return {
        "@odata.type": APPLICATION_TYPE,
        "api": api_of(news),
        "appRoles": [_role_of(role) for role in news.get("appRoles") or []],
        "description": or_null(news.get("description")),
        "displayName": news["displayName"],
        "groupMembershipClaims": or_null(",".join(strings(news.get("groupMembershipClaims")))),
        "identifierUris": strings(news.get("identifierUris")),
        "info": {name: or_null(news.get(name)) for name in INFO_URLS},
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
    return [tag for name, tag in TAG_OF_FEATURE.items() if first.get(name)]


def _block(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    block = values.get(name)
    return block if isinstance(block, Mapping) else {}


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
    texts = {name: scope.get(name) or "" for name in SCOPE_TEXTS}
    return {"id": scope["id"], "isEnabled": bool(scope.get("enabled", True)), **texts}


def _claims_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    if not claims:
        return {}
    return {graph: [_claim_of(claim) for claim in claims.get(name) or []] for name, graph in CLAIMS.items()}


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
