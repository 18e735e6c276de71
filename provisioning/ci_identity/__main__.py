"""Whom CI logs in as: an identity that deploys, one that only reads, and none of them with a secret."""

import os

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.permissions import GRAPH_APP_ID
from provisioning.ci_identity.identity import Identity
from provisioning.ci_identity.settings import Settings, load_settings
from provisioning.program import entra_endpoints, entra_provider, run_program


def story(settings: Settings) -> None:
    # The main program's rules: nothing that is made for one cloud can touch another.
    endpoints = entra_endpoints(settings.entra, os.environ)
    entra = entra_provider(settings.entra, endpoints)
    graph_principal_id = None
    if settings.grant:
        found = azuread.get_service_principal(client_id=GRAPH_APP_ID, opts=pulumi.InvokeOptions(provider=entra))
        graph_principal_id = found.object_id
    made = {
        role: Identity(role, identity, settings, graph_principal_id, provider=entra).output
        for role, identity in sorted(settings.identities.items())
    }
    pulumi.export("tenant_id", endpoints.home_tenant_id(settings.entra.tenant_id))
    pulumi.export("identities", made)


run_program(lambda: story(load_settings()))
