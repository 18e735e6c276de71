"""How directory objects look on the wire."""

from __future__ import annotations

from typing import Any

from orgcal_emulator.clock import rfc3339
from orgcal_emulator.directory.credentials import shown_keys
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import (
    MICROSOFT_TENANT_ID,
    Application,
    AppRoleAssignment,
    ServicePrincipal,
    Tenant,
)
from orgcal_emulator.graph.messages import GraphRequest
from orgcal_emulator.graph.permissions import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    GRAPH_CLIENT_ID,
)

GRAPH_ADDRESSES = [GRAPH_CLIENT_ID, "https://graph.microsoft.com", "https://graph.microsoft.com/"]


def directory_address(request: GraphRequest, part: str) -> str:
    """Where the directory itself keeps a created object, as the header `Location` tells.

    Source: recordings of Azure/azure-cli, named in `tests/contract/rules/recorded.py`.
    """
    return f"{request.base_url}/v2/{request.caller.tenant_id}/{part}"


def application_shape(application: Application, *, with_keys: bool = False) -> dict[str, Any]:
    """An application with every property."""
    properties = application.properties
    return {
        "id": application.object_id,
        "deletedDateTime": _moment(application.deleted_at),
        "appId": application.client_id,
        **properties,
        "web": _web(properties["web"]),
        "keyCredentials": shown_keys(properties["keyCredentials"], with_key=with_keys),
    }


def _web(web: dict[str, Any]) -> dict[str, Any]:
    """`web` with an entry in `redirectUriSettings` for each redirect URI, as manifests of 2024 to 2026 show it."""
    indexed = {each["uri"]: each for each in web["redirectUriSettings"]}
    settings = [indexed.get(uri, {"uri": uri, "index": None}) for uri in web["redirectUris"]]
    return {**web, "redirectUriSettings": settings}


def principal_shape(directory: Directory, principal: ServicePrincipal, *, with_keys: bool = False) -> dict[str, Any]:
    """A service principal with every property; what belongs to its application is read from there."""
    properties = principal.properties
    return {
        "id": principal.object_id,
        "deletedDateTime": _moment(principal.deleted_at),
        "appId": principal.client_id,
        **properties,
        **_of_application(directory, principal),
        "keyCredentials": shown_keys(properties["keyCredentials"], with_key=with_keys),
    }


def _of_application(directory: Directory, principal: ServicePrincipal) -> dict[str, Any]:
    if principal.client_id == GRAPH_CLIENT_ID:
        return _GRAPH_PROPERTIES
    application = directory.application_by_client(principal.client_id)
    if application is None:
        return {"appOwnerOrganizationId": None}
    of = application.properties
    return {
        "appDescription": of["description"],
        "appDisplayName": of["displayName"],
        "appOwnerOrganizationId": application.tenant_id,
        "appRoles": of["appRoles"],
        "displayName": of["displayName"],
        "homepage": of["web"]["homePageUrl"],
        "info": of["info"],
        "logoutUrl": of["web"]["logoutUrl"],
        "oauth2PermissionScopes": of["api"]["oauth2PermissionScopes"],
        "replyUrls": [
            *of["web"]["redirectUris"], *of["spa"]["redirectUris"], *of["publicClient"]["redirectUris"],
        ],
        "servicePrincipalNames": [principal.client_id, *of["identifierUris"]],
        "signInAudience": of["signInAudience"],
    }  # fmt: skip


_GRAPH_PROPERTIES: dict[str, Any] = {
    "appDescription": None,
    "appDisplayName": "Microsoft Graph",
    "appOwnerOrganizationId": MICROSOFT_TENANT_ID,
    "appRoles": [
        {
            "allowedMemberTypes": ["Application"], "description": each.description, "displayName": each.title,
            "id": each.permission_id, "isEnabled": True, "origin": "Application", "value": each.name,
        }
        for each in APPLICATION_PERMISSIONS
    ],
    "displayName": "Microsoft Graph",
    "homepage": None,
    "info": {
        "termsOfServiceUrl": None, "supportUrl": None, "privacyStatementUrl": None, "marketingUrl": None,
        "logoUrl": None,
    },
    "logoutUrl": None,
    "oauth2PermissionScopes": [
        {
            "adminConsentDescription": each.description, "adminConsentDisplayName": each.title,
            "id": each.permission_id, "isEnabled": True, "type": "User",
            "userConsentDescription": each.description, "userConsentDisplayName": each.title, "value": each.name,
        }
        for each in DELEGATED_PERMISSIONS
    ],
    "replyUrls": [],
    "servicePrincipalNames": GRAPH_ADDRESSES,
    "signInAudience": "AzureADMultipleOrgs",
}  # fmt: skip


def assignment_shape(directory: Directory, row: AppRoleAssignment) -> dict[str, Any]:
    """An app role assignment."""
    return {
        "id": row.assignment_id,
        "deletedDateTime": None,
        "appRoleId": row.app_role_id,
        "createdDateTime": rfc3339(row.created_at),
        "principalDisplayName": _name(directory, row.principal_id),
        "principalId": row.principal_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": _name(directory, row.resource_id),
        "resourceId": row.resource_id,
    }


def _name(directory: Directory, principal_id: str) -> str | None:
    principal = directory.service_principals.get(principal_id)
    if principal is None:
        return None
    return str(_of_application(directory, principal).get("displayName"))


def organization_shape(tenant: Tenant) -> dict[str, Any]:
    """A tenant as `organization` shows it."""
    return {
        "id": tenant.tenant_id, "deletedDateTime": None, "businessPhones": [], "city": None, "country": None,
        "countryLetterCode": "CH", "createdDateTime": rfc3339(tenant.created_at),
        "defaultUsageLocation": None, "displayName": tenant.display_name, "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": None, "onPremisesSyncEnabled": None, "partnerTenantType": None,
        "postalCode": None, "preferredLanguage": "en", "privacyProfile": None,
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [], "state": None, "street": None,
        "technicalNotificationMails": [], "tenantType": "AAD", "assignedPlans": [], "provisionedPlans": [],
        "verifiedDomains": [
            {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": True, "isInitial": True,
             "name": tenant.default_domain, "type": "Managed"}
        ],
    }  # fmt: skip


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
