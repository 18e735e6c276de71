"""A customer who limits the connector to some mailboxes: what its administrators do in Entra ID and Exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orgcal_emulator.exchange.models import DELAY_S
from orgcal_emulator.server import RunningEmulator

from orgcal.consent import ConsentService
from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.session import new_session
from orgcal.tenants.model import Tenant
from tests.support.deployed_connector import CONTOSO
from tests.support.verification import summarised
from verify import CheckResult, Options, exit_code
from verify.baseline import remember
from verify.recording import record, registered_targets

RIGHTS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All",
          "RoleManagement.ReadWrite.Exchange")  # fmt: skip
_ROLES = "/beta/roleManagement/exchange"
OFFICE = "Office Quito"
"""A group of the emulator's: every sixth user."""


class LimitedCustomer:
    """The administrators of one organisation.

    Args:
        client_id: of the connector's application.
    """

    def __init__(self, emulator: RunningEmulator, graph: GraphClient, client_id: str) -> None:
        self.emulator = emulator
        self.graph = graph
        self.client_id = client_id
        self.principal_id = ""

    def let_in(self, *permissions: str) -> None:
        """Make the enterprise application, and grant it these permissions in Entra ID."""
        self.principal_id = str(self.graph.post("/servicePrincipals", {"appId": self.client_id})["id"])
        for name in permissions or ("Directory.Read.All",):
            self.grant(name)

    def grant(self, permission: str) -> str:
        """Grant a permission in Entra ID, which reaches every mailbox; the grant's id."""
        resource = self.graph.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')")["id"]
        body = {"principalId": self.principal_id, "resourceId": resource, "appRoleId": APP_ROLE_IDS[permission]}
        return str(self.graph.post(f"/servicePrincipals/{self.principal_id}/appRoleAssignments", body)["id"])

    def take_back(self, grant_id: str) -> None:
        """Remove a grant of Entra ID."""
        self.graph.delete(f"/servicePrincipals/{self.principal_id}/appRoleAssignments/{grant_id}")

    def group_id(self, name: str = OFFICE) -> str:
        """The object id of a group."""
        return next(str(each["id"]) for each in self.graph.pages("/groups") if each["displayName"] == name)

    def user_id(self, name: str) -> str:
        """The object id of a user."""
        return str(self.graph.get(f"/users/{name}")["id"])

    def assign(self, scope: str = "", role: str = "Application Calendars.Read") -> str:
        """Assign a role of Exchange in a scope of the directory, the office unless given; the assignment's id."""
        wanted = self.graph.pages(f"{_ROLES}/roleDefinitions", {"$filter": f"displayName eq '{role}'"})
        body = {
            "roleDefinitionId": next(wanted)["id"],
            "principalId": f"/ServicePrincipals/{self.principal_id}",
            "directoryScopeId": scope or f"/groups/{self.group_id()}",
        }
        return str(self.graph.post(f"{_ROLES}/roleAssignments", body)["id"])

    def unassign(self, assignment_id: str) -> None:
        """Remove an assignment."""
        self.graph.delete(f"{_ROLES}/roleAssignments/{assignment_id}")

    def wait_for_exchange(self) -> None:
        """Let the delay of Exchange pass."""
        self.emulator.move_clock(DELAY_S)


@contextmanager
def limited_customer(
    emulator: RunningEmulator, endpoints: CloudEndpoints, tenant: str, client_id: str
) -> Iterator[LimitedCustomer]:
    """The administrators of `tenant` (id or domain), for the application `client_id`."""
    client = emulator.add_client(tenant, *RIGHTS)
    with new_session(endpoints) as session:
        tokens = TokenSource(endpoints, client.tenant_id, client.client_id, ClientSecret(client.secret), session)
        yield LimitedCustomer(emulator, GraphClient(endpoints, tokens, session), client_id)


class Verified:
    """A verification of Contoso that is written into the registry, as `orgcal verify` does it."""

    def __init__(self, service: ConsentService, options: Options) -> None:
        targets = [each for each in registered_targets(service.registry) if each.tenant_id == CONTOSO]
        self.summary = summarised(targets, options)
        record(service.registry, self.summary)
        remember(service.registry, self.summary, accepted=False)
        self.tenant: Tenant = service.registry.wanted(CONTOSO)
        self.exit_code = exit_code(self.summary)

    def __getitem__(self, check: str) -> CheckResult:
        return self.summary.organisations[CONTOSO].results[check]
