"""Proofs of consents: of what the link asked for, for whoever is still there, and without holding others up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from orgcal.consent import ConsentOutcome, ConsentService
from orgcal.consent.recording import Declared, record
from orgcal.consent.server import make_app
from orgcal.entra.clouds import CloudEndpoints
from orgcal.platforms import open_platform
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.asgi import call
from tests.support.consent_steps import CALLBACK, StartService, accept, agreed, receive, result_page, state_in, wider
from tests.support.deployed_connector import CONSENT_URI, CONTOSO


def test_proof_of_an_organisation_that_was_removed_tells_nobody(
    start_service: StartService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    service = start_service(patience_s=60)
    handle = agreed(service)

    registry.remove(CONTOSO, reason="over")
    accept(endpoints, outputs)

    assert service.wait_for(handle, 20).outcome is ConsentOutcome.WITHDRAWN
    service.close()  # every step has ended
    assert registry.wanted("Contoso").state is State.REMOVED
    platform = open_platform(outputs.platform, emulator_environ)
    assert CONTOSO not in platform.connections(outputs.connector_key)
    assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "link", "callback", "remove"]


def test_proof_of_an_organisation_that_was_added_again_ends(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=60)
    handle = agreed(service)

    registry.remove(CONTOSO, reason="over")
    registry.add(CONTOSO, "Contoso", domain="contoso.example")
    accept(endpoints, outputs)
    [link] = [link for link in [links.look_up(registry, handle)] if link is not None]
    probe = service.prober.probe(CONTOSO, list_users=True)

    assert probe.access == "granted"
    assert record(registry, link, Declared.of(outputs), probe) is None
    service.close()
    contoso = registry.wanted("Contoso")
    assert (contoso.state, contoso.permissions) == (State.INVITED, ())


def test_older_server_proves_and_records_what_the_link_asked_for(
    start_service: StartService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    older = start_service(patience_s=0)
    newer = wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read"))
    link = start_service(told=newer).link(registry.wanted("Contoso"))
    accept(endpoints, outputs)  # to everything that is declared now

    receive(older, f"admin_consent=True&state={state_in(link.url)}")

    assert older.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE
    contoso = registry.wanted("Contoso")
    assert contoso.permissions == ("Calendars.Read", "Directory.Read.All", "MailboxSettings.Read")
    assert contoso.permission_hash == newer.permission_hash


def test_older_server_does_not_take_fewer_permissions(
    start_service: StartService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    older = start_service(patience_s=0)
    accept(endpoints, outputs)  # before the stack declared more
    newer = wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read"))
    link = start_service(told=newer).link(registry.wanted("Contoso"))

    receive(older, f"admin_consent=True&state={state_in(link.url)}")

    assert older.wait_for(link.handle, 20).outcome is ConsentOutcome.NOT_ARRIVED
    contoso = registry.wanted("Contoso")
    assert (contoso.state, contoso.permissions) == (State.FAILED, ())
    assert "MailboxSettings.Read" in contoso.reason


def test_link_that_names_no_permissions_records_those_that_were_proved(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=0)
    made = links.make_link(  # as an orgcal did that kept the hash alone
        registry,
        CONTOSO,
        client_id=outputs.client_id,
        redirect_uri=CONSENT_URI,
        permission_hash="of other permissions",
        lifetime=timedelta(days=7),
    )
    accept(endpoints, outputs)

    receive(service, f"admin_consent=True&state={made.state}")

    assert service.wait_for(made.link.state_hash, 20).outcome is ConsentOutcome.DONE
    contoso = registry.wanted("Contoso")
    assert contoso.permission_hash == outputs.permission_hash
    assert contoso.permissions == ("Calendars.Read", "Directory.Read.All")


def test_many_open_proofs_hold_up_neither_a_decline_nor_a_consent(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=300)
    for number in range(40):
        registry.add(f"44444444-4444-4444-4444-{number:012d}", f"Organisation {number}")
        agreed(service, f"Organisation {number}")
    open_of_contoso = [agreed(service) for _ in range(20)]

    fabrikam = registry.wanted("Fabrikam")
    declined = receive(service, f"error=access_denied&state={state_in(service.link(fabrikam).url)}")
    accept(endpoints, outputs, "admin@fabrikam.example")

    assert "the request was declined" in result_page(service, declined).text
    assert service.wait_for(agreed(service, "Fabrikam"), 20).outcome is ConsentOutcome.DONE
    assert {service.wait_for(handle, 0).outcome for handle in open_of_contoso} == {ConsentOutcome.PROVING}


def test_one_proof_of_an_organisation_ends_all_its_links(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=60)
    handles = [agreed(service) for _ in range(3)]

    accept(endpoints, outputs)

    assert [service.wait_for(handle, 30).outcome for handle in handles] == [ConsentOutcome.DONE] * 3
    assert registry.wanted("Contoso").state is State.VERIFIED


def test_proof_that_nobody_goes_on_with_is_picked_up_by_a_running_server(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=60, pick_up_s=0.05)
    assert service.resume() == 0
    accept(endpoints, outputs)
    link = service.link(registry.wanted("Contoso"))
    # As a server does that is killed right after its COMMIT.
    links.spend(registry, state_in(link.url), client_id=outputs.client_id)

    assert service.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE


def test_server_killed_after_a_decline_leaves_nothing_to_prove(start_service: StartService, registry: Registry) -> None:
    first = start_service()
    link = first.link(registry.wanted("Contoso"))
    receive(first, f"error=consent_required&error_description=AADSTS65004&state={state_in(link.url)}")

    second = start_service(patience_s=0)

    assert second.resume() == 0
    assert second.wait_for(link.handle, 0).outcome is ConsentOutcome.DECLINED
    assert registry.wanted("Contoso").state is State.INVITED


def test_proof_that_breaks_does_not_leave_the_page_working_for_ever(
    start_service: StartService, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start_service()

    def break_down(*named: Any, **more: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(service.prober, "probe", break_down)

    ended = service.wait_for(agreed(service), 20)

    assert (ended.outcome, ended.detail) == (ConsentOutcome.FAILED, "internal")


def test_proof_of_a_service_that_is_closed_goes_on_in_the_next(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    first = ConsentService(registry, outputs, endpoints, emulator_environ)
    link = first.link(registry.wanted("Contoso"))
    query = f"admin_consent=True&tenant={CONTOSO}&state={state_in(link.url)}".encode()
    assert asyncio.run(call(make_app(first), CALLBACK, query)).status == 303
    began = time.monotonic()
    first.close()  # nobody consented, so its proof would go on for five minutes
    assert time.monotonic() - began < 60
    assert registry.wanted("Contoso").state is State.INVITED

    second = ConsentService(registry, outputs, endpoints, emulator_environ, patience_s=0)
    assert second.resume() == 1
    assert second.wait_for(link.handle, 20).outcome is ConsentOutcome.NOT_ARRIVED
    contoso = registry.wanted("Contoso")
    assert (contoso.state, bool(contoso.reason)) == (State.FAILED, True)
    second.close()
