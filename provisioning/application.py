"""Steps 2, 3 and 7 of the guide: the application in Entra ID, its permissions and its client secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_azuread as azuread

from orgcal.msgraph.permissions import GRAPH_APP_ID, AppRole
from provisioning.connector import CredentialLedger
from provisioning.settings import Settings


def deployment_tag() -> str:
    """Marks what this stack made, so that `orgcal sweep` finds what no state holds."""
    return f"orgcal:{pulumi.get_project()}/{pulumi.get_stack()}"


class EntraApplication(pulumi.ComponentResource):
    """The multitenant app registration and its service principal in the home tenant (steps 2 and 7).

    The home service principal has no grants: it exists so that a credential can be proved before any
    customer has consented.

    Attributes:
        client_id: what the connector and customers' consent links carry.
        object_id: object id of the application in the home tenant.
        service_principal_id: object id of the home service principal.
        redirect_uris: the platform's callback and, where set, our consent callback.
    """

    client_id: pulumi.Output[str]
    object_id: pulumi.Output[str]
    service_principal_id: pulumi.Output[str]
    redirect_uris: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        settings: Settings,
        callback_url: pulumi.Input[str],
        permissions: Sequence[AppRole],
        *,
        provider: azuread.Provider,
    ) -> None:
        super().__init__("orgcal:index:EntraApplication", name, None, pulumi.ResourceOptions(providers=[provider]))
        guarded = pulumi.ResourceOptions(parent=self, protect=settings.protected)
        deployer = azuread.get_client_config_output(opts=pulumi.InvokeOutputOptions(parent=self)).object_id
        consent_urls = [settings.consent.public_url] if settings.consent else []
        self.redirect_uris = pulumi.Output.from_input(callback_url).apply(lambda url: [url, *consent_urls])
        application = azuread.Application(
            name,
            display_name=settings.application.display_name,
            notes=settings.application.notes or None,
            sign_in_audience="AzureADMultipleOrgs",
            owners=[deployer, *settings.application.owners],
            tags=[deployment_tag()],
            web={"redirect_uris": self.redirect_uris},
            required_resource_accesses=[
                {
                    "resource_app_id": GRAPH_APP_ID,
                    "resource_accesses": [{"id": role.role_id, "type": "Role"} for role in permissions],
                }
            ],
            opts=guarded,
        )
        principal = azuread.ServicePrincipal(name, client_id=application.client_id, owners=[deployer], opts=guarded)
        self.client_id = application.client_id
        self.object_id = application.object_id
        self.service_principal_id = principal.object_id
        self._application = application
        self.register_outputs(
            {"client_id": self.client_id, "object_id": self.object_id, "redirect_uris": self.redirect_uris}
        )

    @property
    def resource_id(self) -> pulumi.Output[str]:
        """The application's id as the azuread plugin writes it: `/applications/<object id>`."""
        return self._application.id


class ClientSecrets(pulumi.ComponentResource):
    """One client secret for each live generation (step 3).

    The end dates come from the ledger. That is what makes the engine check the ledger, and so refuse a
    stale checkout, before any secret is written.

    Attributes:
        active: value of the active generation, a Pulumi secret.
        key_ids: generation (as text) to Entra's key id.
    """

    active: pulumi.Output[str]
    key_ids: pulumi.Output[Mapping[str, str]]

    def __init__(
        self,
        name: str,
        settings: Settings,
        application: EntraApplication,
        ledger: CredentialLedger,
        *,
        provider: azuread.Provider,
    ) -> None:
        super().__init__("orgcal:index:ClientSecrets", name, None, pulumi.ResourceOptions(providers=[provider]))
        passwords = {
            generation: azuread.ApplicationPassword(
                f"{name}-{generation}",
                application_id=application.resource_id,
                display_name=f"{deployment_tag()} generation {generation}",
                end_date=ledger.end_dates[str(generation)],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for generation in settings.credential.generations
        }
        self.active = pulumi.Output.secret(passwords[settings.credential.active].value)
        self.key_ids = pulumi.Output.all(**{str(number): item.key_id for number, item in passwords.items()})
        self.register_outputs({"key_ids": self.key_ids})
