"""Which application permissions are effective in a tenant: by the token, or by the grants where it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orgcal.entra.auth import roles_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import names_of
from orgcal.entra.tokens import Tokens
from orgcal.errors import OrgcalError

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True, slots=True)
class EffectiveRoles:
    """What is permitted, and how we know.

    Attributes:
        names: of the permissions; None where nobody can tell.
        source: `token`, `grants` (app role assignments in the tenant), or nothing.
    """

    names: frozenset[str] | None
    source: Literal["token", "grants", ""]


def effective_roles(
    endpoints: CloudEndpoints, tokens: Tokens, session: requests.Session, client_id: str
) -> EffectiveRoles:
    """The permissions of the application `client_id` in the tenant of `tokens`.

    Microsoft calls tokens opaque, so a token that cannot be read is no error: the grants are asked for instead, which
    needs a permission to read the directory.

    Raises:
        EntraError: there is no token.
        Unreachable: Entra ID gave no usable answer.
    """
    names = roles_of(tokens.token())
    if names is not None:
        return EffectiveRoles(names, "token")
    graph = GraphClient(endpoints, tokens, session, budget_s=30.0)
    path = f"/servicePrincipals(appId='{client_id}')/appRoleAssignments"
    try:
        return EffectiveRoles(names_of(str(item.get("appRoleId") or "") for item in graph.pages(path)), "grants")
    except OrgcalError:
        return EffectiveRoles(None, "")
