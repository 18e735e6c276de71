"""Office365-REST-Python-Client, unmodified: users by pages, their calendars in batches, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msal
import pytest
import requests
from orgcal_emulator.server import RunningEmulator

from tests.support.witness_tenant import WitnessTenant, emulated_tenant

if TYPE_CHECKING:
    from office365.graph_client import GraphClient  # takes a second, in every process that collects tests

pytestmark = pytest.mark.judged("Office365-REST-Python-Client")

SEED = """
tenants:
  - tenant_id: 22222222-2222-2222-2222-222222222222
    display_name: Contoso
    domain: contoso.example
    home: true
    users:
      count: 45
      mailboxes: { many_calendars: 2 }
      named: [{ user: admin, name: Adele Administrator, administrator: true }]
operator:
  tenant: contoso.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: [Application.Read.All]
"""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[[WitnessTenant], GraphClient]:
    """Makes clients that log in with MSAL."""
    from office365 import azure_env
    from office365.azure_env import AzureEnvironment
    from office365.graph_client import GraphClient

    def make(tenant: WitnessTenant) -> GraphClient:
        session = requests.Session()
        if tenant.ca_file is not None:
            # Its batches look here only.
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", tenant.ca_file)
            monkeypatch.setenv("NO_PROXY", "localhost")
        endpoints: Any = azure_env._ENDPOINTS[AzureEnvironment.Global]
        monkeypatch.setitem(endpoints, "graph", tenant.graph_url)
        with session:
            application = msal.ConfidentialClientApplication(
                tenant.client_id,
                client_credential=tenant.secret,
                authority=f"{tenant.login_url}/{tenant.tenant_id}",
                instance_discovery=None if tenant.is_live else False,
                http_client=session,
            )
            token = application.acquire_token_for_client(["https://graph.microsoft.com/.default"])
        assert "access_token" in token, token.get("error")
        return GraphClient(token_callback=lambda: token)

    return make


@pytest.mark.live
def test_calendars_of_a_mailbox_come_in_a_batch(
    witness_tenant: WitnessTenant, client: Callable[[WitnessTenant], GraphClient]
) -> None:
    graph = client(witness_tenant)
    users = graph.users.select(["id"]).get_all(page_size=20).execute_query()
    its = graph.users.get_by_principal_name(witness_tenant.mailbox)
    calendars, default = its.calendars.get(), its.calendar.get()
    graph.execute_batch(items_per_batch=20)
    assert len(users) > 0
    assert default.id in {each.id for each in calendars}


def test_calendars_of_every_user_come_in_batches_several_at_a_time(
    start_emulator: Callable[..., RunningEmulator], client: Callable[[WitnessTenant], GraphClient]
) -> None:
    emulator = start_emulator(seed=SEED)
    graph = client(emulated_tenant(emulator))
    users = graph.users.select(["id", "userPrincipalName"]).get_all(page_size=20).execute_query()
    calendars = [user.calendars.select(["id", "name"]).top(100).get() for user in users]
    graph.execute_batch(items_per_batch=20, concurrency=3)
    assert len(users) == 45
    assert [len(found) for found in calendars].count(24) == 2
    assert all(found[0].name == "Calendar" for found in calendars)
    batches = [each for each in emulator.journal() if each["path"] == "/v1.0/$batch"]
    assert len(batches) == 3
    pages = [each for each in emulator.journal() if each["path"].startswith("/v1.0/users?")]
    assert len(pages) == 3


def test_throttled_entry_of_a_batch_is_asked_again_by_the_client(
    start_emulator: Callable[..., RunningEmulator], client: Callable[[WitnessTenant], GraphClient]
) -> None:
    emulator = start_emulator(seed=SEED)
    graph = client(emulated_tenant(emulator))
    users = graph.users.select(["id"]).top(5).get().execute_query()
    throttled = f"/users/{users[2].id}/calendars"
    emulator.add_fault(throttled, status=429, code="TooManyRequests", headers={"Retry-After": "0"})
    calendars = [user.calendars.get() for user in users]
    graph.execute_batch(items_per_batch=20)
    assert all(len(found) > 0 for found in calendars)
    statuses = [each["status"] for each in emulator.journal() if throttled in each["path"]]
    assert statuses == [429, 200]


def test_failed_entry_of_a_batch_raises_with_graphs_code(
    start_emulator: Callable[..., RunningEmulator], client: Callable[[WitnessTenant], GraphClient]
) -> None:
    from office365.runtime.client_request_exception import ClientRequestException

    emulator = start_emulator(seed=SEED.replace("many_calendars: 2", "without: 44"))
    graph = client(emulated_tenant(emulator))
    users = graph.users.select(["id"]).top(5).get().execute_query()
    for user in users:
        user.calendars.get()
    with pytest.raises(ClientRequestException, match="MailboxNotEnabledForRESTAPI"):
        graph.execute_batch(items_per_batch=20)
