"""The application permissions that a directory's own service principal of Microsoft Graph publishes."""

from __future__ import annotations

from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import GRAPH_APP_ID, AppRole, published_roles
from orgcal.entra.shapes import PRINCIPAL, fitting
from orgcal.errors import OrgcalError


def read_published(graph: GraphClient) -> dict[str, AppRole]:
    """Read them, by name; they decide about the scopes of a connector.

    Needs `Application.Read.All`, or a directory role that reads applications.

    Args:
        graph: as the operator, in the home tenant.

    Raises:
        ConfigError: a name has another id than in orgcal's own table.
        OrgcalError: the operator may not look, or the tenant has no service principal of Microsoft Graph.
    """
    asked = {"$filter": f"appId eq '{GRAPH_APP_ID}'", "$select": "id,appId,appRoles"}
    principal = next(iter(graph.pages("/servicePrincipals", asked)), None)
    if principal is None:
        raise OrgcalError(
            "the home tenant has no service principal of Microsoft Graph",
            where=f"application {GRAPH_APP_ID}",
            repair=f"az ad sp create --id {GRAPH_APP_ID}",
        )
    principal = fitting(principal, PRINCIPAL, where="GET /servicePrincipals")
    return published_roles(principal.get("appRoles") or [])
