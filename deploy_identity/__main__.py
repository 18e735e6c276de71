"""Whom CI logs in as: an identity that deploys, one that only reads, and none of them with a secret."""

import os

import pulumi
import pulumi_azuread as azuread

from deploy_identity.identity import Identity
from deploy_identity.settings import load_settings
from orgcal.errors import OrgcalError
from orgcal.msgraph.permissions import GRAPH_APP_ID
from provisioning.worlds import entra_provider, entra_world, home_tenant_id


def story() -> None:
    settings = load_settings()
    # The main program's rules: nothing that is made for one world can touch another.
    world = entra_world(settings, os.environ)
    entra = entra_provider(settings, world)
    graph_principal_id = None
    if settings.grant:
        found = azuread.get_service_principal(client_id=GRAPH_APP_ID, opts=pulumi.InvokeOptions(provider=entra))
        graph_principal_id = found.object_id
    made = {
        role: Identity(role, identity, settings, graph_principal_id, provider=entra).output
        for role, identity in sorted(settings.identities.items())
    }
    pulumi.export("tenant_id", home_tenant_id(settings, world))
    pulumi.export("identities", made)


try:
    story()
except OrgcalError as error:
    raise pulumi.RunError(str(error)) from error
