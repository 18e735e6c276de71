"""An Outlook Calendar (Admin) connector, from nothing to ready for consent: the guide's eight steps.

They follow each other by their data alone: callback URL, redirect URI, application, credential, push.
"""

import os

from orgcal.settings import Settings
from provisioning import permissions, stack_output
from provisioning.application import EntraApplication
from provisioning.connector_resources import connector_entries
from provisioning.credentials import ApplicationCredentials, declare_ledger, push
from provisioning.home import HomeTenant
from provisioning.program import entra_endpoints, entra_provider, load_settings, run_program

NAME = "outlook-calendar"


def story(settings: Settings) -> None:
    """Declare the guide's eight steps, in their order."""
    endpoints = entra_endpoints(settings.entra, os.environ)
    home = HomeTenant(settings, endpoints, os.environ)
    entra = entra_provider(settings.entra, endpoints)
    declared = permissions.declare(settings, provider=entra)
    # Before anything is written: the ledger refuses a stale checkout. It freezes end dates for step 3.
    ledger = declare_ledger(NAME, settings, home.lifetime)
    # Steps 1, 5, 6, 8: the connector, its catalog text, its scopes, saved; it tells its callback URL.
    connector = connector_entries(NAME, settings, after=ledger)
    # Steps 2 and 7: the multitenant application, with that redirect URI and the permissions of those scopes.
    application = EntraApplication(NAME, settings, connector, declared, home, provider=entra)
    # Step 3: a secret (or certificate, or trust) for each live generation.
    credentials = ApplicationCredentials(NAME, settings, application, ledger, provider=entra)
    # Step 4: the connector gets the client id and the active one.
    push(NAME, settings, connector, application, credentials)
    home.tell()
    stack_output.export(settings, endpoints, connector, application, declared, ledger, credentials)


run_program(lambda: story(load_settings()))
