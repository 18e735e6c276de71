"""The console script `pulumi-resource-orgcal ENGINE_ADDRESS`, which the engine starts."""

from __future__ import annotations

from orgcal import __version__
from orgcal.provider._sdk import Provider
from orgcal.provider._server import serve
from orgcal.provider.connector.certificates import CertificateKey
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import ConnectorCredentials
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.provider.connector.version import GetVersion


def main() -> None:
    """Serve the package `orgcal`."""
    resources = [Connector(), CredentialLedger(), ConnectorCredentials(), CertificateKey()]
    serve(Provider("orgcal", __version__, resources, [GetVersion()]))


if __name__ == "__main__":
    main()
