"""Consent while the database of the registry comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from threading import Event
from typing import Any

import pytest

from orgcal.consent import ConsentOutcome, ConsentService
from orgcal.consent.server import serving
from orgcal.entra.clouds import CloudEndpoints
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer, heading
from tests.support.consent_steps import StartService, accept, receive, state_in
from tests.support.deployed_connector import CONTOSO
from tests.support.lost_commit import lossy_connections
from tests.support.postgresql import PASSWORD, PostgresqlServer


@pytest.fixture
def open_registry() -> Iterator[Callable[[str], Registry]]:
    opened: list[Registry] = []

    def open_it(url: str) -> Registry:
        registry = Registry(url, connector="orgcal/test", operator="ada")
        registry.add(CONTOSO, "Contoso", domain="contoso.example")
        opened.append(registry)
        return registry

    yield open_it
    for registry in opened:
        registry.close()


def test_callback_while_postgresql_is_down_marks_nothing(
    server: PostgresqlServer,
    open_registry: Callable[[str], Registry],
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = open_registry(server.new_registry())
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    with serving(service, 0):
        link = service.link(registry.wanted("Contoso"))
        server.stop()
        try:
            page = answer(endpoints, link.url, "admin@contoso.example")
            assert (page.status_code, heading(page)) == (503, "Please try again in a minute")
            assert page.headers["Retry-After"] == "60"
            assert PASSWORD not in page.text + caplog.text
        finally:
            server.start()
        assert registry.wanted("Contoso").state is State.INVITED
        assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "link"]
        assert heading(answer(endpoints, link.url, "admin@contoso.example")) == "Done"
        assert registry.wanted("Contoso").state is State.VERIFIED
    service.close()


def test_proof_that_ends_while_postgresql_is_down_is_recorded_later(
    server: PostgresqlServer,
    open_registry: Callable[[str], Registry],
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = open_registry(server.new_registry())
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    probe, lost = service.prober.probe, Event()

    def probe_and_lose_the_database(*named: Any, **more: Any) -> Any:
        found = probe(*named, **more)
        server.stop()
        monkeypatch.undo()
        lost.set()
        return found

    monkeypatch.setattr(service.prober, "probe", probe_and_lose_the_database)
    with serving(service, 0):
        link = service.link(registry.wanted("Contoso"))
        page = answer(endpoints, link.url, "admin@contoso.example")
        assert heading(page) in ("Please try again in a minute", "Working on it")
        assert lost.wait(20)
        server.start()
        assert service.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE
    assert registry.wanted("Contoso").state is State.VERIFIED
    service.close()


def test_answer_whose_commit_was_lost_is_proved_after_a_reload(
    server: PostgresqlServer, start_service: StartService, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    accept(endpoints, outputs)
    with lossy_connections(server) as connections:
        url = connections.url(server.new_registry())
        with closing(Registry(url, connector="orgcal/test", operator="ada")) as kept:
            kept.add(CONTOSO, "Contoso")
            service = start_service(used=kept, patience_s=20)
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
