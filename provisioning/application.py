"""Steps 2 and 7 of the guide: the application in Entra ID and its permissions."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.home.tags import EPHEMERAL_TAG, origin_tag
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.settings import Settings
from orgcal.settings.logo import read_logo
from orgcal.settings.sections import MAX_REDIRECT_URIS, redirect_problem, with_path
from provisioning.connector import Connector
from provisioning.home import DEPLOYER_VARIABLE, HomeTenant
from provisioning.permissions import Declared
from provisioning.program import project_dir


class EntraApplication(pulumi.ComponentResource):
    """The multitenant app registration and its service principal in the home tenant (steps 2 and 7).

    The home service principal has no grants unless the settings ask for them: it exists so that a
    credential can be proved before any customer has consented.

    Attributes:
        client_id: what the connector and customers' consent links carry.
        object_id: object id of the application in the home tenant.
        service_principal_id: object id of the home service principal.
        home_grants: ids of the app role assignments in the home tenant; empty where the settings ask for none.
        redirect_uris: callbacks of the platforms, our consent callback where set, and further ones.
        publisher_domain: the domain that Microsoft's consent page shows as the publisher of an unverified application.
        resource_id: the application's id as the azuread plugin writes it: `/applications/<object id>`.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        connector: Mapping[str, Connector],
        declared: Declared,
        home: HomeTenant,
        *,
        provider: azuread.Provider,
    ) -> None:
        super().__init__("orgcal:index:EntraApplication", name, None, pulumi.ResourceOptions(providers=[provider]))
        guarded = pulumi.ResourceOptions(parent=self, protect=settings.protected)
        caller = azuread.get_client_config_output(opts=pulumi.InvokeOutputOptions(parent=self)).object_id
        # A preview by another identity than the one that deploys names that one, or its owners would seem to change.
        deployer = (os.environ.get(DEPLOYER_VARIABLE) if pulumi.runtime.is_dry_run() else None) or caller
        ours = [settings.consent.public_url] if settings.consent else []
        further = [*ours, *settings.application.redirect_uris]
        callback_urls = pulumi.Output.all(*[entry.callback_url for entry in connector.values()])
        self.redirect_uris = callback_urls.apply(lambda urls: _redirect_uris(urls, further))
        application = azuread.Application(
            name,
            sign_in_audience="AzureADMultipleOrgs",
            owners=[deployer, *settings.application.owners],
            web={"redirect_uris": self.redirect_uris, "homepage_url": settings.application.links.homepage or None},
            required_resource_accesses=[
                {
                    "resource_app_id": GRAPH_APP_ID,
                    "resource_accesses": [{"id": role.role_id, "type": "Role"} for role in declared.roles],
                }
            ],
            **_catalog_inputs(settings),
            opts=pulumi.ResourceOptions.merge(guarded, pulumi.ResourceOptions(hooks=home.before_create())),
        )
        principal = azuread.ServicePrincipal(name, client_id=application.client_id, owners=[deployer], opts=guarded)
        grants = [
            azuread.AppRoleAssignment(
                f"{name}-{role.name}",
                app_role_id=role.role_id,
                principal_object_id=principal.object_id,
                resource_object_id=declared.graph_principal_id,
                opts=guarded,
            )
            for role in declared.roles
            if settings.application.home_grants
        ]
        self.client_id = application.client_id
        self.object_id = application.object_id
        self.service_principal_id = principal.object_id
        self.home_grants = pulumi.Output.all(*[grant.id for grant in grants])
        self.publisher_domain = application.publisher_domain.apply(lambda domain: domain or "")
        self.resource_id = application.id
        self.register_outputs(
            {"client_id": self.client_id, "object_id": self.object_id, "redirect_uris": self.redirect_uris}
        )


def _catalog_inputs(settings: Settings) -> dict[str, Any]:
    """What people read about the application."""
    said = settings.application
    # They mark what a short-lived stack made, and whose copy it is.
    ephemeral = [EPHEMERAL_TAG, *([origin_tag(settings.origin)] if settings.origin else [])]
    return {
        "display_name": said.display_name,
        "notes": said.notes or None,
        "tags": list(dict.fromkeys([settings.tag, *(ephemeral if settings.ephemeral else []), *said.tags])),
        "logo_image": _base64(read_logo(project_dir() / said.logo)) if said.logo else None,
        "marketing_url": said.links.marketing or None,
        "privacy_statement_url": said.links.privacy or None,
        "support_url": said.links.support or None,
        "terms_of_service_url": said.links.terms or None,
    }


def _base64(content: bytes) -> str:
    """A picture as the azuread plugin takes it."""
    return base64.b64encode(content).decode("ascii")


def _redirect_uris(callback_urls: list[str], further: list[str]) -> list[str]:
    """All redirect URIs without repetition and each with a path, once the platforms' callbacks are known.

    Raises:
        pulumi.RunError: Entra would refuse them.
    """
    for url in callback_urls:
        if problem := redirect_problem(url):
            raise pulumi.RunError(
                f"the platform's callback {url} cannot be a redirect URI: {problem}\n"
                "  repair: correct the address in orgcal:connector.platform (or also_push_to)"
            )
    uris = list(dict.fromkeys([*map(with_path, callback_urls), *further]))
    if len(uris) > MAX_REDIRECT_URIS:
        raise pulumi.RunError(
            f"there are {len(uris)} redirect URIs, and an application may have {MAX_REDIRECT_URIS}\n"
            "  repair: remove some from orgcal:application.redirect_uris"
        )
    return uris
