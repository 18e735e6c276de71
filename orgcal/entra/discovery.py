"""The tenant that a domain belongs to, by Entra ID's public OpenID configuration.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from orgcal.entra.answers import entra_unreachable, parse_object
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.tenant_ids import checked_tenant, is_guid
from orgcal.errors import Unreachable, UsageError

if TYPE_CHECKING:
    import requests


def resolve_tenant(endpoints: CloudEndpoints, name: str, session: requests.Session) -> str:
    """The tenant id of `name`, which shows that there is such a tenant.

    Args:
        name: a tenant id or one of the tenant's domains.
        session: of `new_session(endpoints)`.

    Raises:
        UsageError: `name` is neither, or there is no such tenant in this cloud.
        Unreachable: Entra ID gave no usable answer.
    """
    import requests

    lowered = checked_tenant(name, where="TENANT")
    url = f"{endpoints.login_url}/{quote(lowered)}/v2.0/.well-known/openid-configuration"
    try:
        response = session.get(url)
    except requests.exceptions.RequestException as error:
        raise entra_unreachable(error, endpoints.login_url) from error
    if response.status_code in (400, 404):
        what = f"there is no tenant {name!r} in the {endpoints.cloud} cloud"
        raise UsageError(what, where="TENANT", repair="check the spelling, and the stack's cloud")
    if response.status_code != 200:
        raise Unreachable(f"Entra ID answered {response.status_code}", where=url, repair="try again")
    configuration = parse_object(response.content, where=url, content_type=response.headers.get("Content-Type", ""))
    # The issuer's path begins with the tenant id, whatever name the tenant was asked for by.
    try:
        tenant_id = urlsplit(str(configuration.get("issuer"))).path.strip("/").split("/")[0].lower()
    except ValueError:  # no address
        tenant_id = ""
    if not is_guid(tenant_id):
        raise Unreachable("Entra ID's description of the tenant names no tenant id", where=url)
    return tenant_id
