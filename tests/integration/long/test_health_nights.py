"""Two nights in which a customer revokes, another shrinks and the secret nears its end, and one in which all recover.

The emulator's clock and the registry's move together; a receiver gets the messages; metrics and page tell the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.session import new_session
from orgcal.health.alerts import update_alerts
from orgcal.health.delivery import deliver
from orgcal.health.metrics import metrics_text
from orgcal.health.page import page_of
from orgcal.health.snapshot import read_snapshot
from orgcal.health.targets import Webhook
from orgcal.settings import AlertSettings
from orgcal.stack.known_credentials import note_credentials
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.registry import Registry
from tests.support.consent_steps import StartService, accept, agreed
from tests.support.deployed_connector import CONTOSO, FABRIKAM
from tests.support.receivers import WebhookReceiver, webhook_receiver
from verify import Options, Summary, run
from verify.baseline import remember
from verify.recording import record, registered_targets

SETTINGS = AlertSettings.model_validate({"targets": {"ops": {"url_variable": "OPS"}}})
ADMINISTRATORS = {"Contoso": "admin@contoso.example", "Fabrikam": "admin@fabrikam.example"}


class Nights:
    """A connector with two customers, whose time passes night by night."""

    def __init__(
        self, emulator: RunningEmulator, registry: Registry, options: Options, receiver: WebhookReceiver
    ) -> None:
        self.passed = timedelta()
        self.registry = registry
        registry.now = lambda: datetime.now(UTC) + self.passed
        self._emulator = emulator
        self._options = replace(options, now=registry.now)
        self._receiver = receiver

    def night(self) -> list[str]:
        """A day passes, everybody is verified, and what has changed is told; the new messages."""
        self._emulator.move_clock(24 * 3600)
        self.passed += timedelta(days=1)
        summary = Summary()
        for result in run(list(registered_targets(self.registry)), self._options):
            summary.add(result)
        record(self.registry, summary)
        remember(self.registry, summary, accepted=False)
        return self.told()

    def told(self) -> list[str]:
        """What new messages tell, as they arrive."""
        before = len(self._receiver.messages)
        update_alerts(self.registry, SETTINGS)
        deliver(self.registry, {"ops": Webhook("ops", self._receiver.url, b"k" * 32, {})})
        return sorted(f"{message['kind']} {message['sentence']}" for message in self._receiver.messages[before:])

    def credential(self, outputs: StackOutputs, generation: int, days: int) -> None:
        """What a rotation leaves: one generation that ends in so many days."""
        item = outputs.credentials[0].model_copy(
            update={"generation": generation, "expires_at": self.registry.now() + timedelta(days=days, hours=1)}
        )
        changed = {"credentials": (item,), "active_generation": generation}
        note_credentials(self.registry, outputs.model_copy(update=changed))

    def gauge(self, name: str, tenant_id: str = "") -> float:
        """A value of the metrics."""
        for line in metrics_text(read_snapshot(self.registry)).splitlines():
            if line.startswith(f"{name}{{") and tenant_id in line:
                return float(line.rpartition(" ")[2])
        raise AssertionError(name)

    def page(self) -> str:
        return page_of(self.registry, SETTINGS)


@pytest.fixture
def nights(emulator: RunningEmulator, registry: Registry, options: Options) -> Iterator[Nights]:
    with webhook_receiver() as receiver:
        yield Nights(emulator, registry, options, receiver)


@pytest.fixture
def customer(emulator: RunningEmulator, endpoints: CloudEndpoints) -> Iterator[GraphClient]:
    """Somebody in Contoso who may change everything there."""
    client = emulator.add_client(CONTOSO, "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
    with new_session(endpoints) as session:
        tokens = TokenSource(endpoints, CONTOSO, client.client_id, ClientSecret(client.secret), session)
        yield GraphClient(endpoints, tokens, session)


def consented(start_service: StartService, endpoints: CloudEndpoints, outputs: StackOutputs, name: str) -> None:
    """An administrator opens a link of ours and accepts, which is proved."""
    service = start_service()
    accept(endpoints, outputs, ADMINISTRATORS[name])
    assert service.wait_for(agreed(service, name), 30.0).outcome == "done"


def test_two_bad_nights_and_a_good_one_are_told_exactly_once_each(
    nights: Nights,
    emulator: RunningEmulator,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    start_service: StartService,
    customer: GraphClient,
) -> None:
    assert nights.told() == []
    nights.credential(outputs, 1, 32)
    for name in ADMINISTRATORS:
        consented(start_service, endpoints, outputs, name)
    assert nights.told() == ["event Contoso has consented", "event Fabrikam has consented"]
    assert nights.night() == []
    well = nights.gauge("orgcal_organisation_mailboxes", f'{FABRIKAM}",class="readable')
    assert "Nothing is wrong." in nights.page()

    principal = customer.get(f"/servicePrincipals(appId='{outputs.client_id}')")
    customer.delete(f"/servicePrincipals/{principal['id']}")
    emulator.add_fault(r"/users/[^/]+/calendars", status=403, code="ErrorAccessDenied", times=6)
    first = nights.night()

    now = nights.gauge("orgcal_organisation_mailboxes", f'{FABRIKAM}",class="readable')
    assert now < 0.9 * well
    assert len(first) == 2, first
    assert first[0].startswith("problem Contoso has taken its access away (the application is not known")
    assert first[1].startswith(f"problem Fabrikam: {now:.0f} mailboxes were read, and {well:.0f} on ")
    assert nights.gauge("orgcal_organisation_consented", CONTOSO) == 0
    page = nights.page()
    assert page.index("Contoso has taken its access away") < page.index("Credentials")

    emulator.add_fault(r"/users/[^/]+/calendars", status=403, code="ErrorAccessDenied", times=6)
    (second,) = nights.night()
    assert second.startswith("problem the credential (generation 1) ends in 29 days")

    consented(start_service, endpoints, outputs, "Contoso")
    nights.credential(outputs, 2, 180)
    assert nights.night() == [
        "event Contoso has consented",
        "recovery Contoso gives access again",
        "recovery Fabrikam: as many mailboxes can be read as before",
        "recovery the connector uses a credential that lasts long enough",
    ]
    assert nights.gauge("orgcal_credential_generation_active") == 2
    assert nights.gauge("orgcal_organisation_healthy", CONTOSO) == 1
    page = nights.page()
    assert "Nothing is wrong." in page
    assert 'aria-label="last 4 runs: 2 ok, 2 failed"' in page
    assert 'aria-label="last 4 runs: 2 ok, 2 warning"' in page
    assert nights.night() == []
