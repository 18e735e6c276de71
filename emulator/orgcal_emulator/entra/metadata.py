"""Documents that clients read before they log in."""

from __future__ import annotations

from typing import Any

from orgcal_emulator.entra.audiences import RESOURCE_MANAGER
from orgcal_emulator.entra.keys import SigningKey

GRAPH = "https://graph.microsoft.com"


def endpoints(base_url: str) -> dict[str, Any]:
    """The answer of `/metadata/endpoints?api-version=2022-09-01`, with every address here.

    Its form: https://management.azure.com/metadata/endpoints?api-version=2022-09-01

    Args:
        base_url: the address that the client used; Microsoft's own one leads to Microsoft's other ones.
    """
    login = base_url.replace(RESOURCE_MANAGER, "https://login.microsoftonline.com")
    graph = base_url.replace(RESOURCE_MANAGER, GRAPH)
    return {
        "portal": base_url,
        "authentication": {
            "loginEndpoint": login,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "media": "https://rest.media.azure.net",
        "graphAudience": graph,
        "graph": graph,
        "name": "AzureCloud",
        "suffixes": {
            "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
            "acrLoginServer": "azurecr.io",
            "sqlServerHostname": "database.windows.net",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
            "keyVaultDns": "vault.azure.net",
            "storage": "core.windows.net",
            "azureFrontDoorEndpointSuffix": "azurefd.net",
            "storageSyncEndpointSuffix": "afs.azure.net",
            "mhsmDns": "managedhsm.azure.net",
            "mysqlServerEndpoint": "mysql.database.azure.com",
            "postgresqlServerEndpoint": "postgres.database.azure.com",
            "mariadbServerEndpoint": "mariadb.database.azure.com",
            "synapseAnalytics": "dev.azuresynapse.net",
            "attestationEndpoint": "attest.azure.net",
        },
        "batch": "https://batch.core.windows.net/",
        "resourceManager": base_url,
        "vmImageAliasDoc": "",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "microsoftGraphResourceId": graph,
        "appInsightsResourceId": "https://api.applicationinsights.io",
        "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
        "attestationResourceId": "https://attest.azure.net",
        "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
        "logAnalyticsResourceId": "https://api.loganalytics.io",
        "ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net",
    }


_NEWER = frozenset({
    "appInsightsResourceId", "appInsightsTelemetryChannelResourceId", "attestationResourceId",
    "logAnalyticsResourceId", "microsoftGraphResourceId", "ossrDbmsResourceId", "synapseAnalyticsResourceId",
})  # fmt: skip
"""What version 2022-09-01 adds."""


def older_endpoints(base_url: str) -> dict[str, Any]:
    """The only cloud in the list that `/metadata/endpoints?api-version=2019-05-01` answers.

    Azure CLI reads it where `ARM_CLOUD_METADATA_URL` names it, and takes the first cloud; it logs in to a cloud of the
    name `AzureCloud` at Microsoft's own address, so this one has another name. Source: azure/cli/core/cloud.py of
    azure-cli 2.91.0.
    """
    known = endpoints(base_url)
    return {**{name: value for name, value in known.items() if name not in _NEWER}, "name": "OrgcalEmulator"}


def openid_configuration(base_url: str, tenant: str, *, version: int) -> dict[str, Any]:
    """OIDC discovery of a tenant.

    Args:
        tenant: the tenant's id, or `common` and the like.
        version: 2, or 1 for the older addresses.
    """
    issued_to = "{tenantid}" if tenant in ("common", "organizations") else tenant
    part = "/v2.0" if version == 2 else ""
    return {
        "token_endpoint": f"{base_url}/{tenant}/oauth2{part}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base_url}/{tenant}/discovery{part}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base_url}/{issued_to}/v2.0" if version == 2 else f"https://sts.windows.net/{issued_to}/",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{GRAPH}/oidc/userinfo",
        "authorization_endpoint": f"{base_url}/{tenant}/oauth2{part}/authorize",
        "device_authorization_endpoint": f"{base_url}/{tenant}/oauth2{part}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base_url}/{tenant}/oauth2{part}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username",
                             "name", "tid", "ver", "at_hash", "c_hash", "email"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": base_url.removeprefix("https://"),
        "rbac_url": "https://pas.windows.net",
    }  # fmt: skip


def published_keys(base_url: str, tenant: str, key: SigningKey) -> dict[str, Any]:
    """The JWKS of a tenant."""
    return {"keys": [key.published(f"{base_url}/{tenant}/v2.0")]}


def instance_discovery(base_url: str, host: str, tenant: str, version: int) -> dict[str, Any]:
    """The answer of `/common/discovery/instance`: this host stands for every name it answers to.

    Args:
        tenant: as the client's authorization endpoint names it.
        version: of that endpoint, 1 or 2.
    """
    part = "/v2.0" if version == 2 else ""
    return {
        "tenant_discovery_endpoint": f"{base_url}/{tenant}{part}/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": host, "preferred_cache": host, "aliases": [host]},
        ],
    }
