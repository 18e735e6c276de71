"""Step 7: the connector's scopes decide the application's permissions on Microsoft Graph."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_azuread as azuread

from orgcal.msgraph.permissions import GRAPH_APP_ID, AppRole, application_permissions, published_roles


def declare(scopes: Sequence[str], *, provider: azuread.Provider) -> tuple[AppRole, ...]:
    """The application permissions for these scopes, `Directory.Read.All` among them.

    Names resolve through the home tenant's own service principal of Microsoft Graph, and must agree with
    the pinned table. Raises before the first resource is made.

    Args:
        scopes: names of application permissions.
        provider: the azuread plugin; the deploying principal needs `Application.Read.All`.

    Raises:
        ConfigError: a scope is no application permission; the nearest names are offered.
    """
    graph = azuread.get_service_principal(client_id=GRAPH_APP_ID, opts=pulumi.InvokeOptions(provider=provider))
    published = published_roles(
        {
            "id": role.id,
            "value": role.value,
            "allowedMemberTypes": role.allowed_member_types,
            "isEnabled": role.enabled,
        }
        for role in graph.app_roles
    )
    return application_permissions(scopes, published)
