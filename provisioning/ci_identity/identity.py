"""One identity for CI: application, service principal, its permissions, and whose tokens it accepts."""

from __future__ import annotations

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.home.tags import deployment_tag
from orgcal.entra.operator import AUDIENCE
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from provisioning.ci_identity.settings import IdentitySettings, Settings


class Identity(pulumi.ComponentResource):
    """An identity without a secret: it is whoever holds a token of the issuers and subjects that it trusts.

    Args:
        role: `deploy`, `preview` or `ephemeral`; names the resources.
        graph_principal_id: object id of Microsoft Graph's service principal in the home tenant; None where a person
            grants the permissions.
    """

    def __init__(
        self,
        role: str,
        identity: IdentitySettings,
        settings: Settings,
        graph_principal_id: str | None,
        *,
        provider: azuread.Provider,
    ) -> None:
        super().__init__("orgcal:index:DeployIdentity", role, None, pulumi.ResourceOptions(providers=[provider]))
        guarded = pulumi.ResourceOptions(parent=self, protect=settings.entra.cloud != "emulator")
        tag = deployment_tag(pulumi.get_project(), pulumi.get_stack())
        owner = azuread.get_client_config_output(opts=pulumi.InvokeOutputOptions(parent=self)).object_id
        roles = {name: APP_ROLE_IDS[name] for name in identity.permissions}
        application = azuread.Application(
            role,
            display_name=identity.display_name,
            sign_in_audience="AzureADMyOrg",
            owners=[owner],
            tags=[tag, f"{tag}:{role}"],
            notes="Made by `orgcal ci setup`. It has no secret: CI logs in with tokens of its own issuer.",
            required_resource_accesses=[
                {
                    "resource_app_id": GRAPH_APP_ID,
                    "resource_accesses": [{"id": role_id, "type": "Role"} for role_id in roles.values()],
                }
            ],
            opts=guarded,
        )
        principal = azuread.ServicePrincipal(role, client_id=application.client_id, owners=[owner], opts=guarded)
        for trust in identity.trusts:
            azuread.ApplicationFederatedIdentityCredential(
                f"{role}-{trust.name}",
                application_id=application.id,
                display_name=trust.name,
                description="A runner's job in this environment",
                audiences=[AUDIENCE],
                issuer=trust.issuer,
                subject=trust.subject,
                opts=pulumi.ResourceOptions(parent=self),
            )
        grants = [
            azuread.AppRoleAssignment(
                f"{role}-{name}",
                app_role_id=role_id,
                principal_object_id=principal.object_id,
                resource_object_id=graph_principal_id,
                opts=guarded,
            )
            for name, role_id in roles.items()
            if graph_principal_id is not None
        ]
        self.output = pulumi.Output.all(
            application.client_id, application.object_id, principal.object_id, *[grant.id for grant in grants]
        ).apply(
            lambda made: {
                "client_id": made[0],
                "application_object_id": made[1],
                "service_principal_id": made[2],
                "display_name": identity.display_name,
                "permissions": list(roles),
                "granted": len(made) > 3,
                "subjects": [trust.subject for trust in identity.trusts],
            }
        )
        self.register_outputs({"output": self.output})
