"""Consent from link to proof: Entra ID's pages, our callback, the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from orgcal.consent import ConsentOutcome, ConsentService
from orgcal.consent.server import serving
from orgcal.entra.clouds import CloudEndpoints
from orgcal.platforms import open_platform
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants import links
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer, heading
from tests.support.consent_steps import state_in
from tests.support.deployed_connector import CONTOSO, FABRIKAM


@pytest.fixture
def service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    service = ConsentService(registry, outputs, endpoints, emulator_environ, patience_s=20)
    with serving(service, 0):
        yield service
    service.close()


def state_of(registry: Registry, tenant_id: str) -> State:
    found = registry.get(tenant_id)
    assert found is not None
    return found.state


def test_consent_of_an_administrator_is_proved_and_registered(
    service: ConsentService, registry: Registry, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    link = service.link(registry.wanted("Contoso"))

    page = answer(endpoints, link.url, "admin@contoso.example")

    assert heading(page) == "Done"
    assert service.wait_for(link.handle, 5).outcome is ConsentOutcome.DONE
    contoso = registry.wanted("Contoso")
    assert contoso.state is State.VERIFIED
    assert contoso.permission_hash == service.outputs.permission_hash
    assert contoso.consented_at is not None
    assert state_of(registry, FABRIKAM) is State.INVITED
    platform = open_platform(service.outputs.platform, emulator_environ)
    assert platform.connections(service.outputs.connector_key) == [CONTOSO]
    assert [entry.action for entry in registry.log(CONTOSO)] == [
        "add",
        "link",
        "callback",
        "consent",
        "platform",
        "consent",
    ]


def test_result_page_reloaded_shows_the_same_and_names_nothing_secret(
    service: ConsentService, registry: Registry, endpoints: CloudEndpoints
) -> None:
    link = service.link(registry.wanted("Contoso"))
    page = answer(endpoints, link.url, "admin@contoso.example")
    state = state_in(link.url)

    again = requests.get(page.url, timeout=10)

    assert (again.status_code, heading(again)) == (200, "Done")
    assert state not in page.url + page.text
    assert service.outputs.client_secret is not None
    assert service.outputs.client_secret.get_secret_value() not in page.text
    assert "admin@" not in page.text
    assert again.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in again.headers["Content-Security-Policy"]
    assert again.headers["Referrer-Policy"] == "no-referrer"


def test_consent_that_is_declined_changes_nothing(
    service: ConsentService, registry: Registry, endpoints: CloudEndpoints
) -> None:
    link = service.link(registry.wanted("Contoso"))

    page = answer(endpoints, link.url, "admin@contoso.example", "cancel")

    assert heading(page) == "Not connected: the request was declined"
    assert service.wait_for(link.handle, 5).outcome is ConsentOutcome.DECLINED
    assert state_of(registry, CONTOSO) is State.INVITED


def test_link_used_twice_is_refused_the_second_time(
    service: ConsentService, registry: Registry, endpoints: CloudEndpoints
) -> None:
    link = service.link(registry.wanted("Contoso"))
    answer(endpoints, link.url, "admin@contoso.example")

    page = answer(endpoints, link.url, "admin@contoso.example")

    assert (page.status_code, heading(page)) == (410, "This link was used already")


def test_consent_without_an_answer_of_entra_stays_open(service: ConsentService, registry: Registry) -> None:
    link = service.link(registry.wanted("Contoso"))

    assert service.wait_for(link.handle, 0.0).outcome is None


def test_callback_that_names_another_tenant_is_not_believed(service: ConsentService, registry: Registry) -> None:
    link = service.link(registry.wanted("Contoso"))
    state = state_in(link.url)

    page = requests.get(service.redirect_uri, {"admin_consent": "True", "tenant": FABRIKAM, "state": state}, timeout=10)

    assert heading(page) == "Not connected: this link is for another organisation"
    assert state_of(registry, CONTOSO) is State.INVITED
    assert state_of(registry, FABRIKAM) is State.INVITED


def test_callback_forged_without_consent_is_never_proved(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    service = ConsentService(registry, outputs, endpoints, emulator_environ, patience_s=0.0)
    with serving(service, 0):
        link = service.link(registry.wanted("Contoso"))
        state = state_in(link.url)
        requests.get(service.redirect_uri, {"admin_consent": "True", "tenant": CONTOSO, "state": state}, timeout=10)
        ended = service.wait_for(link.handle, 10)
    service.close()

    assert ended.outcome is ConsentOutcome.NOT_ARRIVED
    assert state_of(registry, CONTOSO) is State.FAILED


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"admin_consent": "True", "tenant": CONTOSO},
        {"admin_consent": "True", "tenant": CONTOSO, "state": "forged"},
        {"admin_consent": "True", "tenant": CONTOSO, "state": "x" * 5000},
        {"error": "access_denied", "state": "forged"},
        {"state": "\x00\ud800"},
    ],
    ids=["empty", "no state", "forged", "long", "error", "no text"],
)
def test_callback_that_is_not_ours_changes_nothing(
    service: ConsentService, registry: Registry, query: dict[str, Any]
) -> None:
    before = len(list(registry.log()))
    encoded = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items())

    page = requests.get(f"{service.redirect_uri}?{encoded}", timeout=10)

    assert (page.status_code, heading(page)) == (400, "This did not start with us")
    assert len(list(registry.log())) == before


def test_callback_while_the_database_is_away_asks_to_try_again(
    service: ConsentService,
    registry: Registry,
    endpoints: CloudEndpoints,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    link = service.link(registry.wanted("Contoso"))
    away = tmp_path / "tenants.sqlite"
    registry.close()
    away.rename(tmp_path / "moved")
    away.mkdir()  # SQLite cannot open a directory

    page = answer(endpoints, link.url, "admin@contoso.example")

    assert (page.status_code, heading(page)) == (503, "Please try again in a minute")
    away.rmdir()
    (tmp_path / "moved").rename(away)
    assert service.wait_for(link.handle, 0.0).outcome is None
    assert heading(answer(endpoints, link.url, "admin@contoso.example")) == "Done"


def test_proof_that_a_server_did_not_end_is_ended_by_the_next(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    first = ConsentService(registry, outputs, endpoints, emulator_environ)
    link = first.link(registry.wanted("Contoso"))
    answer(endpoints, link.url, "admin@contoso.example", follow=False)
    state = state_in(link.url)
    links.spend(registry, state, client_id=outputs.client_id)  # and then the server was killed
    first.close()

    second = ConsentService(registry, outputs, endpoints, emulator_environ)
    with serving(second, 0):
        ended = second.wait_for(link.handle, 10)
    second.close()

    assert ended.outcome is ConsentOutcome.DONE
