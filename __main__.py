"""An Outlook Calendar (Admin) connector, from nothing to ready for consent: the guide's eight steps.

They follow each other by their data alone: callback URL, redirect URI, application, secret, credentials.
"""

import os

from provisioning import permissions, record
from provisioning.application import ClientSecrets, EntraApplication
from provisioning.connector import Connector, ConnectorCredentials, CredentialLedger
from provisioning.program import run_program
from provisioning.settings import Settings
from provisioning.worlds import entra_provider, entra_world

NAME = "outlook-calendar"


def story(settings: Settings) -> None:
    world = entra_world(settings, os.environ)
    entra = entra_provider(settings, world)
    declared = permissions.declare(settings.connector.scopes, provider=entra)

    # Steps 1, 5, 6, 8: the connector, its catalog text, its scopes, saved; it tells its callback URL.
    connector = Connector(NAME, **settings.connector_inputs())
    # Steps 2 and 7: the multitenant application, with that redirect URI and the permissions of those scopes.
    application = EntraApplication(NAME, settings, connector.callback_url, declared, provider=entra)
    # Step 3: a client secret for each live generation; the ledger freezes their end dates.
    ledger = CredentialLedger(NAME, **settings.ledger_inputs())
    secrets = ClientSecrets(NAME, settings, application, ledger, provider=entra)
    # Step 4: the connector gets the client id and the active secret.
    client_id, secret = application.client_id, secrets.active
    ConnectorCredentials(
        NAME, connector_key=connector.key, client_id=client_id, client_secret=secret, **settings.push_inputs()
    )

    record.export(settings, world, connector, application, declared, ledger, secrets)


run_program(story)
