"""Proofs of consents: of what the link asked for, for whoever is still there, and without holding others up."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.consent import ConsentOutcome, ConsentService, proofs
from orgcal.consent.check import check_tenants
from orgcal.consent.links import consent_url
from orgcal.consent.recording import Declared, record
from orgcal.consent.server import make_app
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.permissions import application_permissions, permission_hash
from orgcal.entra.session import new_session
from orgcal.platforms import open_platform
from orgcal.stack.outputs import GraphPermission, StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer
from tests.support.asgi import Answered, call
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, declared, deploy, operator_graph
from tests.support.lost_commit import lossy_connections
from tests.support.postgresql import running_postgresql

CALLBACK = "/consent/callback"
Start = Callable[..., ConsentService]


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    return deploy(endpoints, emulator_environ)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/tenants.sqlite", connector="orgcal/test", operator="ada")
    registry.add(CONTOSO, "Contoso", domain="contoso.example")
    registry.add(FABRIKAM, "Fabrikam", domain="fabrikam.example")
    yield registry
    registry.close()


@pytest.fixture
def start(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[Start]:
    """Starts a service; what is given replaces outputs, registry or a time."""
    services: list[ConsentService] = []

    def start(*, used: Registry = registry, told: StackOutputs = outputs, **more: float) -> ConsentService:
        services.append(ConsentService(used, told, endpoints, emulator_environ, **more))
        return services[-1]

    yield start
    for service in services:
        service.close()


def consent(endpoints: CloudEndpoints, outputs: StackOutputs, account: str = "admin@contoso.example") -> None:
    """An administrator accepts, and we do not hear of it."""
    tenant_id = CONTOSO if account.endswith("contoso.example") else FABRIKAM
    url = consent_url(endpoints, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    answer(endpoints, url, account, follow=False)


def state_in(url: str) -> str:
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


def test_proof_of_an_organisation_that_was_removed_meanwhile_ends_and_tells_nobody(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    service = start(patience_s=60)
    handle = agreed(service)

    registry.remove(CONTOSO, reason="over")
    consent(endpoints, outputs)

    assert service.wait_for(handle, 20).outcome is ConsentOutcome.WITHDRAWN
    service.close()  # every step has ended
    assert registry.wanted("Contoso").state is State.REMOVED
    platform = open_platform(outputs.platform, emulator_environ)
    assert CONTOSO not in platform.connections(outputs.connector_key)
    assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "link", "callback", "remove"]


def test_proof_of_an_organisation_that_was_removed_and_added_again_ends_too(
    start: Start, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start(patience_s=60)
    handle = agreed(service)

    registry.remove(CONTOSO, reason="over")
    registry.add(CONTOSO, "Contoso", domain="contoso.example")
    consent(endpoints, outputs)
    [link] = [link for link in [links.look_up(registry, handle)] if link is not None]
    probe = service.prober.probe(CONTOSO, list_users=True)

    assert probe.access == "granted"
    assert record(registry, link, Declared.of(outputs), probe) is None
    service.close()
    contoso = registry.wanted("Contoso")
    assert (contoso.state, contoso.permissions) == (State.INVITED, ())


def test_older_server_proves_and_records_what_the_link_asked_for(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    older = start(patience_s=0)
    newer = wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read"))
    link = start(told=newer).link(registry.wanted("Contoso"))
    consent(endpoints, outputs)  # to everything that is declared now

    receive(older, f"admin_consent=True&state={state_in(link.url)}")

    assert older.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE
    contoso = registry.wanted("Contoso")
    assert contoso.permissions == ("Calendars.Read", "Directory.Read.All", "MailboxSettings.Read")
    assert contoso.permission_hash == newer.permission_hash


def test_older_server_does_not_take_fewer_permissions_for_those_of_the_link(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    older = start(patience_s=0)
    consent(endpoints, outputs)  # before the stack declared more
    newer = wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read"))
    link = start(told=newer).link(registry.wanted("Contoso"))

    receive(older, f"admin_consent=True&state={state_in(link.url)}")

    assert older.wait_for(link.handle, 20).outcome is ConsentOutcome.NOT_ARRIVED
    contoso = registry.wanted("Contoso")
    assert (contoso.state, contoso.permissions) == (State.FAILED, ())
    assert "MailboxSettings.Read" in contoso.reason


def test_link_that_names_no_permissions_records_those_that_were_proved(
    start: Start, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start(patience_s=0)
    made = links.make_link(  # as an orgcal did that kept the hash alone
        registry,
        CONTOSO,
        client_id=outputs.client_id,
        redirect_uri=CONSENT_URI,
        permission_hash="of other permissions",
        lifetime=timedelta(days=7),
    )
    consent(endpoints, outputs)

    receive(service, f"admin_consent=True&state={made.state}")

    assert service.wait_for(made.link.state_hash, 20).outcome is ConsentOutcome.DONE
    contoso = registry.wanted("Contoso")
    assert contoso.permission_hash == outputs.permission_hash
    assert contoso.permissions == ("Calendars.Read", "Directory.Read.All")


def test_many_open_proofs_hold_up_neither_a_decline_nor_a_consent(
    start: Start, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start(patience_s=300)
    for number in range(40):
        registry.add(f"44444444-4444-4444-4444-{number:012d}", f"Organisation {number}")
        agreed(service, f"Organisation {number}")
    open_of_contoso = [agreed(service) for _ in range(20)]

    fabrikam = registry.wanted("Fabrikam")
    declined = receive(service, f"error=access_denied&state={state_in(service.link(fabrikam).url)}")
    consent(endpoints, outputs, "admin@fabrikam.example")

    assert "the request was declined" in result_page(service, declined).text
    assert service.wait_for(agreed(service, "Fabrikam"), 20).outcome is ConsentOutcome.DONE
    assert {service.wait_for(handle, 0).outcome for handle in open_of_contoso} == {ConsentOutcome.PROVING}


def test_one_proof_of_an_organisation_ends_all_its_links(
    start: Start, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start(patience_s=60)
    handles = [agreed(service) for _ in range(3)]

    consent(endpoints, outputs)

    assert [service.wait_for(handle, 30).outcome for handle in handles] == [ConsentOutcome.DONE] * 3
    assert registry.wanted("Contoso").state is State.VERIFIED


def test_proof_that_nobody_goes_on_with_is_picked_up_by_a_running_server(
    start: Start, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start(patience_s=60, pick_up_s=0.05)
    assert service.resume() == 0
    consent(endpoints, outputs)
    link = service.link(registry.wanted("Contoso"))
    # As a server does that is killed right after its COMMIT.
    links.spend(registry, state_in(link.url), client_id=outputs.client_id)

    assert service.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE


def test_server_that_was_killed_after_a_decline_leaves_nothing_to_prove(start: Start, registry: Registry) -> None:
    first = start()
    link = first.link(registry.wanted("Contoso"))
    receive(first, f"error=consent_required&error_description=AADSTS65004&state={state_in(link.url)}")

    second = start(patience_s=0)

    assert second.resume() == 0
    assert second.wait_for(link.handle, 0).outcome is ConsentOutcome.DECLINED
    assert registry.wanted("Contoso").state is State.INVITED


@pytest.mark.parametrize(
    ("number", "words", "shows_code"),
    [
        (65004, "the request was declined", False),
        (900941, "an administrator has to agree", False),
        (650052, "a service is missing in your organisation", True),
        (65005, "a service is missing in your organisation", True),
        (650056, "the fault is on our side", True),
        (53003, "a policy of your organisation stopped it", True),
    ],
)
def test_refusal_has_a_page_of_its_own(
    start: Start, registry: Registry, number: int, words: str, shows_code: bool
) -> None:
    service = start()
    link = service.link(registry.wanted("Contoso"))

    page = result_page(
        service,
        receive(service, f"error=access_denied&error_description=AADSTS{number}:+x&state={state_in(link.url)}"),
    )

    assert words in page.text
    assert (f"AADSTS{number}" in page.text) == shows_code
    assert "Contoso Sync" in page.text, "the application's name, as Microsoft's page has it"
    assert "isv.example" in page.text, "and its publisher"
    assert "Contoso Sync, published by isv.example" in link.message


def test_link_used_again_after_a_decline_does_not_say_that_anything_was_recorded(
    start: Start, registry: Registry
) -> None:
    service = start()
    state = state_in(service.link(registry.wanted("Contoso")).url)
    receive(service, f"error=access_denied&state={state}")

    page = receive(service, f"admin_consent=True&state={state}")

    assert (page.status, "This link was used already" in page.text) == (410, True)
    assert "did not connect your organisation" in page.text
    assert "recorded" not in page.text
    assert "nothing more is needed" not in page.text


def test_log_of_the_server_names_organisation_and_outcome(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "orgcal.consent")
    service = start(patience_s=60)
    consent(endpoints, outputs)
    state = state_in(service.link(registry.wanted("Fabrikam")).url)

    receive(service, f"error=access_denied&error_description=AADSTS65004&state={state}")
    receive(service, f"admin_consent=True&state={state}")
    service.wait_for(agreed(service), 20)
    service.close()

    lines = [record.getMessage() for record in caplog.records if record.name == "orgcal.consent"]
    assert lines == [
        f"consent of Fabrikam ({FABRIKAM}): declined (AADSTS65004)",
        f"consent of Fabrikam ({FABRIKAM}): link-used-in-vain (AADSTS65004)",
        f"consent of Contoso ({CONTOSO}): proving",
        f"consent of Contoso ({CONTOSO}): done",
    ]
    assert state not in caplog.text


def test_answer_whose_commit_was_lost_is_shown_and_proved_after_a_reload(
    start: Start, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    consent(endpoints, outputs)
    with running_postgresql() as server, lossy_connections(server) as connections:
        url = connections.url(server.new_database(f"lost-{secrets.token_hex(6)}"))
        with closing(Registry(url, connector="orgcal/test", operator="ada")) as kept:
            kept.add(CONTOSO, "Contoso")
            service = start(used=kept, patience_s=20)
            link = service.link(kept.wanted("Contoso"))
            query = f"admin_consent=True&state={state_in(link.url)}"
            connections.lose_next = connections.refuse = True

            first = receive(service, query)
            connections.refuse = False
            second = receive(service, query)

            assert (first.status, "Nothing was recorded" in first.text) == (503, False)
            assert second.status == 303
            assert service.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE
            assert receive(service, query).status == 410
            service.close()


def test_proof_that_breaks_does_not_leave_the_page_working_for_ever(
    start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()

    def break_down(*named: Any, **more: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(service.prober, "probe", break_down)

    ended = service.wait_for(agreed(service), 20)

    assert (ended.outcome, ended.detail) == (ConsentOutcome.FAILED, "internal")


def test_consent_whose_record_breaks_does_not_leave_the_page_working_for_ever(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*named: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(proofs, "register", break_down)
    consent(endpoints, outputs)
    service = start()

    ended = service.wait_for(agreed(service), 20)

    assert (ended.outcome, ended.detail) == (ConsentOutcome.FAILED, "internal")


def test_check_names_what_an_organisation_has_lost_and_not_what_was_never_asked_of_it(
    start: Start,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    service = start()
    consent(endpoints, outputs)

    def lost(by: ConsentService) -> tuple[str, ...]:
        return next(check_tenants(by, [registry.wanted("Contoso")])).lost

    assert lost(service) == ()
    newer = start(told=wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read")))
    assert lost(newer) == ()
    assert registry.wanted("Contoso").state is State.RECONSENT_NEEDED
    other = outputs.model_copy(update={"client_id": "99999999-9999-4999-8999-999999999999"})
    assert next(check_tenants(start(told=other), [registry.wanted("Contoso")])).probe.access == "none"
    assert lost(start(told=other)) == ("Calendars.Read", "Directory.Read.All"), "also on the next day"
    assert next(check_tenants(service, [registry.wanted("Fabrikam")])).lost == (), "it never had any"


def test_check_notes_when_it_looked_at_whom(start: Start, registry: Registry) -> None:
    assert registry.wanted("Fabrikam").checked_at is None

    list(check_tenants(start(), registry.tenants()))

    fabrikam = registry.wanted("Fabrikam")
    assert (fabrikam.state, fabrikam.checked_at is not None) == (State.INVITED, True)
    assert [entry.action for entry in registry.log(FABRIKAM)] == ["add"]
