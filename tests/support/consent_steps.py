"""Steps of a consent in tests: links, callbacks and pages without a server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from orgcal.consent import ConsentService
from orgcal.consent.links import consent_url
from orgcal.consent.server import make_app
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.permissions import application_permissions, permission_hash
from orgcal.entra.session import new_session
from orgcal.stack.outputs import GraphPermission, StackOutputs
from tests.support.administrator import answer
from tests.support.asgi import Answered, call
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, declared, operator_graph

CALLBACK = "/consent/callback"
StartService = Callable[..., ConsentService]


def accept(endpoints: CloudEndpoints, outputs: StackOutputs, account: str = "admin@contoso.example") -> None:
    """Lets an administrator accept, of which no callback hears."""
    tenant_id = CONTOSO if account.endswith("contoso.example") else FABRIKAM
    url = consent_url(endpoints, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    answer(endpoints, url, account, follow=False)


def state_in(url: str) -> str:
    """The state in the address of a link."""
    return parse_qs(urlsplit(url).query)["state"][0]


def receive(service: ConsentService, query: str) -> Answered:
    """The page or redirect that a callback is answered with."""
    return asyncio.run(call(make_app(service), CALLBACK, query.encode()))


def agreed(service: ConsentService, name: str = "Contoso") -> str:
    """An administrator's yes for a new link reaches us; the link's handle."""
    link = service.link(service.registry.wanted(name))
    assert receive(service, f"admin_consent=True&state={state_in(link.url)}").status == 303
    return link.handle


def result_page(service: ConsentService, redirected: Answered) -> Answered:
    """The page that a callback redirects to."""
    return asyncio.run(call(make_app(service), f"/consent/{redirected.headers['location']}"))


def wider(
    outputs: StackOutputs, endpoints: CloudEndpoints, environ: Mapping[str, str], scopes: tuple[str, ...]
) -> StackOutputs:
    """What `pulumi up` with these scopes would leave."""
    roles = application_permissions(scopes)
    with new_session(endpoints) as session:
        operator_graph(endpoints, environ, session).patch(
            f"/applications/{outputs.application_object_id}", {"requiredResourceAccess": [declared(roles)]}
        )
    permissions = tuple(GraphPermission(name=role.name, role_id=role.role_id) for role in roles)
    return outputs.model_copy(update={"permissions": permissions, "permission_hash": permission_hash(roles)})


def title(page: Answered) -> str:
    """The heading of a page of ours."""
    found = re.search(r"<h1>.*?</span> (.*?)</h1>", page.text)
    return found[1] if found else ""
