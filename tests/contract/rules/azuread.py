"""How the azuread plugin writes ids, reads its configuration, and checks a login before anything else.

Read on 2026-11-28 in hashicorp/terraform-provider-azuread at f0169e0 (docs/resources, internal/provider/provider.go,
internal/services/applications/parse/credentials.go), pulumi/pulumi-azuread at b830e040 (provider/resources.go) and
hashicorp/go-azure-sdk at 08ab4fd (sdk/auth/auth.go). What it sends was recorded: emulator/tests/data/
azuread-requests.json, the plugin 6.11.1 driven by an engine, which replays against the emulator and is compared with
what the stand-in sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

OBJECT, KEY = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"


class Id(NamedTuple):
    """The id of a resource in a state, as "Import" of its page shows it.

    Attributes:
        parts: what the plugin reads from it, in order.
    """

    resource: str
    text: str
    parts: tuple[str, ...]


IDS: tuple[Id, ...] = (
    Id("Application", f"/applications/{OBJECT}", (OBJECT,)),
    Id("ServicePrincipal", f"/servicePrincipals/{OBJECT}", (OBJECT,)),
    Id("ApplicationPassword", f"{OBJECT}/password/{KEY}", (OBJECT, "password", KEY)),
    Id("ApplicationCertificate", f"{OBJECT}/certificate/{KEY}", (OBJECT, "certificate", KEY)),
    Id(
        "ApplicationFederatedIdentityCredential",
        f"{OBJECT}/federatedIdentityCredential/{KEY}",
        (OBJECT, "federatedIdentityCredential", KEY),
    ),
    Id(
        "AppRoleAssignment",
        f"/servicePrincipals/{OBJECT}/appRoleAssignedTo/aaBBcDDeFG6h5JKLMN2PQrrssTTUUvWWxxxxxyyyzzz",
        (OBJECT, "aaBBcDDeFG6h5JKLMN2PQrrssTTUUvWWxxxxxyyyzzz"),
    ),
)

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "adoPipelineServiceConnectionId": (
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
        "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID",
    ),
    "clientCertificate": ("ARM_CLIENT_CERTIFICATE",),
    "clientCertificatePassword": ("ARM_CLIENT_CERTIFICATE_PASSWORD",),
    "clientCertificatePath": ("ARM_CLIENT_CERTIFICATE_PATH",),
    "clientId": ("ARM_CLIENT_ID",),
    "clientIdFilePath": ("ARM_CLIENT_ID_FILE_PATH",),
    "clientSecret": ("ARM_CLIENT_SECRET",),
    "clientSecretFilePath": ("ARM_CLIENT_SECRET_FILE_PATH",),
    "disableTerraformPartnerId": ("ARM_DISABLE_TERRAFORM_PARTNER_ID",),
    "environment": ("ARM_ENVIRONMENT",),
    "metadataHost": ("ARM_METADATA_HOSTNAME",),
    "msiEndpoint": ("ARM_MSI_ENDPOINT",),
    "oidcRequestToken": ("ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"),
    "oidcRequestUrl": ("ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI"),
    "oidcToken": ("ARM_OIDC_TOKEN",),
    "oidcTokenFilePath": ("ARM_OIDC_TOKEN_FILE_PATH",),
    "partnerId": ("ARM_PARTNER_ID",),
    "tenantId": ("ARM_TENANT_ID",),
    "useAksWorkloadIdentity": ("ARM_USE_AKS_WORKLOAD_IDENTITY",),
    "useCli": ("ARM_USE_CLI",),
    "useMsi": ("ARM_USE_MSI",),
    "useOidc": ("ARM_USE_OIDC",),
}
"""Argument of the provider, and the variables that stand for it, the first that is set wins (provider.go, 98-256)."""

PRE_CHECK: tuple[frozenset[str], ...] = (
    frozenset({"ARM_CLIENT_CERTIFICATE_PATH"}),
    frozenset({"ARM_CLIENT_SECRET"}),
    frozenset({"ARM_USE_OIDC", "ARM_OIDC_TOKEN"}),
    frozenset({"ARM_USE_OIDC", "ARM_OIDC_TOKEN_FILE_PATH"}),
    frozenset({"ARM_USE_OIDC", "ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN"}),
    frozenset({"ARM_USE_MSI"}),
)
"""What Pulumi's own check before the configuration takes for a login; without one of them it falls back on `az login`,
unless `ARM_USE_CLI` is false. It reads no certificate in a variable, no secret in a file and no identity of AKS, though
the provider itself would (resources.go, getAuthConfig and preConfigureCallback)."""

ORDER = ("certificate", "secret", "federated token", "managed identity", "az login")
"""Which login counts where several are set (auth.go, NewAuthorizer)."""
