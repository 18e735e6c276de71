"""Names that the Pulumi engine writes into a state: type tokens of resources, and the marks of special values."""

from __future__ import annotations

from typing import Final

STACK: Final = "pulumi:pulumi:Stack"

APPLICATION: Final = "azuread:index/application:Application"
SERVICE_PRINCIPAL: Final = "azuread:index/servicePrincipal:ServicePrincipal"
PASSWORD: Final = "azuread:index/applicationPassword:ApplicationPassword"  # noqa: S105  # a type, no secret
CERTIFICATE: Final = "azuread:index/applicationCertificate:ApplicationCertificate"
FEDERATED_CREDENTIAL: Final = (
    "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential"
)
APP_ROLE_ASSIGNMENT: Final = "azuread:index/appRoleAssignment:AppRoleAssignment"

ENTRA_APPLICATION: Final = "orgcal:index:EntraApplication"
CONNECTOR: Final = "orgcal:index:Connector"
CREDENTIAL_LEDGER: Final = "orgcal:index:CredentialLedger"
CONNECTOR_CREDENTIALS: Final = "orgcal:index:ConnectorCredentials"
CREDENTIALS_COMPONENT: Final = "orgcal:index:ApplicationCredentials"
CERTIFICATE_KEY: Final = "orgcal:index:CertificateKey"

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
"""Key of an object that stands for a special value; its value says which kind.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
"""
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # marks a secret, is none
