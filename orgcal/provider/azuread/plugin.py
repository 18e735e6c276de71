"""The stand-in as a plugin: its types, its functions, and what it says about all others."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orgcal.provider._sdk import Properties, Provider
from orgcal.provider.azuread import VERSION
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.functions import GetClientConfig, GetServicePrincipal
from orgcal.provider.azuread.loopback import REAL_PLUGIN
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from orgcal.provider.azuread.settings import CONFIG, read_settings

TYPES: tuple[type[Managed], ...] = (
    Application,
    ApplicationCertificate,
    ApplicationFederatedIdentityCredential,
    ApplicationPassword,
    AppRoleAssignment,
    ServicePrincipal,
)


def new_provider(environ: Mapping[str, str] | None = None) -> Provider:
    """The plugin, reading its `ARM_*` variables from `environ` (the process environment unless given)."""
    environ = os.environ if environ is None else environ
    connection = Connection()

    def configure(arguments: Properties) -> None:
        connection.configure(read_settings(arguments, environ))

    return Provider(
        name="azuread",
        version=VERSION,
        resources=[kind(connection) for kind in TYPES],
        functions=[GetServicePrincipal(connection), GetClientConfig(connection)],
        config=CONFIG,
        configure=configure,
        title="the azuread stand-in",
        repair=REAL_PLUGIN,
    )
