"""The demo's third organisation, which limits the connector to some mailboxes: its administrators follow our steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orgcal.consent.check import CheckedTenant, check_tenants
from orgcal.consent.script import LimitGuide, limit_guide
from orgcal.entra.auth import TokenSource
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError, UsageError
from orgcal.stack.files import START_OVER
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import AccessProfile

if TYPE_CHECKING:
    from orgcal.cli.demo_story import Story
    from orgcal.consent.service import ConsentService
    from orgcal.stack.emulator import EmulatorProcess

GROUP = "Calendar pilot"
DELAY_S = 1800
"""The shortest time that Exchange needs, which the emulator imitates."""
_RIGHTS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All",
           "RoleManagement.ReadWrite.Exchange")  # fmt: skip
_TIMEOUT_S = 30.0


def limit_once(story: Story, service: ConsentService, process: EmulatorProcess) -> Tenant:
    """Take the third organisation in, let its administrators limit the connector, and prove it; as it is then.

    Raises:
        UsageError: the emulator's seed has no third organisation.
        OrgcalError: the proof ended otherwise.
    """
    tenant = _third(service, process)
    found = _check(service, tenant)
    if found.tenant.state is State.VERIFIED:
        story.line(f"{tenant.label}: limits the connector to {GROUP}, proved before")
        return found.tenant
    guide = limit_guide(tenant, service.outputs, service.endpoints)
    with story.working(f"{tenant.label}: its administrators limit the connector to the group {GROUP}"):
        _follow(service, guide)
    found = _check(service, tenant)
    story.line(f"{tenant.label}: {found.tenant.state.value}; {found.tenant.reason}")
    if found.tenant.state is State.WAITING:
        _control(service, "/clock", {"advance_s": DELAY_S})
        found = _check(service, tenant)
    if found.tenant.state is not State.VERIFIED:
        raise OrgcalError(
            f"the scope of {tenant.label} ended as {found.tenant.state.value!r}: {found.tenant.reason}",
            where=tenant.tenant_id,
            repair=f"{START_OVER}, then orgcal demo --scoped",
        )
    story.line(f"{tenant.label}: half an hour later a mailbox inside was read, and one outside refused")
    return found.tenant


def _third(service: ConsentService, process: EmulatorProcess) -> Tenant:
    customers = [tenant for tenant in process.ready["tenants"] if not tenant["home"]]
    if len(customers) < 3:
        raise UsageError("the emulator's seed holds fewer than three customer organisations", repair=START_OVER)
    third = customers[2]
    return service.registry.add(
        third["tenant_id"], third["display_name"], domain=third["default_domain"],
        profile=AccessProfile("scoped", GROUP),
    )  # fmt: skip


def _check(service: ConsentService, tenant: Tenant) -> CheckedTenant:
    return next(check_tenants(service, [service.registry.wanted(tenant.tenant_id)]))


def _follow(service: ConsentService, guide: LimitGuide) -> None:
    """The steps of the guide, as its form for Microsoft Graph has them; what was done before is left."""
    facts, endpoints = guide.facts, service.endpoints
    made = _control(service, "/clients", {"tenant": facts.tenant_id, "permissions": list(_RIGHTS)})
    with new_session(endpoints) as session:
        credential = ClientSecret(str(made["client_secret"]))
        tokens = TokenSource(endpoints, facts.tenant_id, str(made["client_id"]), credential, session)
        graph = GraphClient(endpoints, tokens, session)
        filtered = {"$filter": f"appId eq '{facts.client_id}'"}
        principal = next(graph.pages("/servicePrincipals", filtered), None)
        principal = principal or graph.post("/servicePrincipals", {"appId": facts.client_id})
        _grant(graph, str(principal["id"]), facts.permissions.values())
        group = next(graph.pages("/groups", {"$filter": f"displayName eq '{facts.group}'"}))
        root = "/beta/roleManagement/exchange"
        if next(graph.pages(f"{root}/roleAssignments"), None) is None:
            for role in facts.roles:
                wanted = next(graph.pages(f"{root}/roleDefinitions", {"$filter": f"displayName eq '{role}'"}))
                body = {
                    "principalId": f"/ServicePrincipals/{principal['id']}",
                    "roleDefinitionId": wanted["id"],
                    "directoryScopeId": f"/Groups/{group['id']}",
                }
                graph.post(f"{root}/roleAssignments", body)


def _grant(graph: GraphClient, principal_id: str, role_ids: Any) -> None:
    resource = graph.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')")["id"]
    path = f"/servicePrincipals/{principal_id}/appRoleAssignments"
    present = {str(each.get("appRoleId")) for each in graph.pages(path)}
    for role_id in role_ids:
        if role_id not in present:
            graph.post(path, {"principalId": principal_id, "resourceId": resource, "appRoleId": role_id})


def _control(service: ConsentService, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a control route of the emulator answers."""
    emulated = service.endpoints.emulated
    assert emulated is not None
    token = emulated.control_token_file.read_text(encoding="ascii").strip()
    with new_session(service.endpoints, servers=[emulated.control_url]) as session:
        answer = session.post(
            f"{emulated.control_url}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S
        )
    if answer.status_code >= 400:
        raise OrgcalError(f"the emulator answered {answer.status_code}", where=path, repair=START_OVER)
    told = answer.json()
    return told if isinstance(told, dict) else {}
