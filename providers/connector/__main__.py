"""`python -P -m providers.connector ENGINE_ADDRESS`: started by the engine through `pulumi-resource-orgcal`."""

from __future__ import annotations

from providers._sdk import Provider
from providers._server import serve
from providers.connector.certificates import CertificateKey
from providers.connector.connectors import Connector
from providers.connector.credentials import ConnectorCredentials
from providers.connector.ledgers import CredentialLedger

VERSION = "0.1.0"


def main() -> None:
    """Serve the package `orgcal`."""
    resources = [Connector(), CredentialLedger(), ConnectorCredentials(), CertificateKey()]
    serve(Provider("orgcal", VERSION, resources))


if __name__ == "__main__":
    main()
