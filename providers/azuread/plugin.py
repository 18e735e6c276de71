"""The stand-in as a plugin: its types, its functions, and what it says about all others."""

from __future__ import annotations

import os
from collections.abc import Mapping

from providers._sdk import Properties, Provider
from providers.azuread import VERSION
from providers.azuread.app_role_assignment import AppRoleAssignment
from providers.azuread.application import Application
from providers.azuread.certificate import ApplicationCertificate
from providers.azuread.connection import Connection
from providers.azuread.federated import ApplicationFederatedIdentityCredential
from providers.azuread.functions import GetClientConfig, GetServicePrincipal
from providers.azuread.managed import Managed
from providers.azuread.password import ApplicationPassword
from providers.azuread.service_principal import ServicePrincipal
from providers.azuread.settings import CONFIG, read_settings

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
    )
