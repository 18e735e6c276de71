"""The consent service without a server: its links, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.consent import service as service_module
from orgcal.consent.answers import news_of
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.consent.service import ConsentLink
from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants.model import Link
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import AccessProfile
from tests.support.consent_probes import CONTOSO, NOW, FakePlatform, Time, memory_registry
from tests.support.consent_service import OUTPUTS, Start, begun, heard, services, told
from verify import Options

URI = "https://acme.example/consent/callback"
LATER = NOW + timedelta(days=7)


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


@pytest.fixture
def start(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with services(registry, monkeypatch) as start:
        yield start


def test_link_asks_for_what_is_declared_and_is_kept_without_its_state(start: Start, registry: Registry) -> None:
    made = start(OUTPUTS.model_copy(update={"publisher": "acme.example"})).link(registry.wanted("Contoso"))

    split = urlsplit(made.url)
    state = parse_qs(split.query)["state"][0]
    assert (split.scheme, split.hostname) == ("https", "login.microsoftonline.com")
    assert parse_qs(split.query) == {
        "client_id": ["client"],
        "scope": ["https://graph.microsoft.com/.default"],
        "redirect_uri": [URI],
        "state": [state],
    }
    message = (
        "To connect Contoso to Acme, published by acme.example, a Global Administrator or Privileged Role "
        "Administrator of Contoso opens this link, signs in and chooses Accept:\n\n"
        f"  {made.url}\n\n"
        "It asks for these application permissions of Microsoft Graph:\n  - Calendars.Read\n  - Directory.Read.All\n\n"
        "The link works once, until 2026-12-05 12:00 UTC, and only for Contoso. "
        "Consent can be taken back at any time under Enterprise applications in the Microsoft Entra admin center."
    )
    assert made == ConsentLink(CONTOSO, made.url, LATER, links.digest(state), message, "orgcal")
    assert state not in repr(made)
    assert links.look_up(registry, made.handle) == Link(
        made.handle,
        CONTOSO,
        URI,
        OUTPUTS.permission_hash,
        permissions=("Calendars.Read", "Directory.Read.All"),
        created_at=NOW,
        expires_at=LATER,
    )


def test_link_lives_as_long_as_is_asked_for(start: Start, registry: Registry) -> None:
    made = start().link(registry.wanted("Contoso"), lifetime=timedelta(hours=3))

    assert made.expires_at == NOW + timedelta(hours=3)


@pytest.mark.parametrize(("domain", "named"), [("contoso.example", "contoso.example"), ("", CONTOSO)])
def test_organisation_that_limits_the_connector_gets_no_link(
    start: Start, registry: Registry, domain: str, named: str
) -> None:
    registry.add(CONTOSO, "Contoso", domain="contoso.example", profile=AccessProfile("scoped", "Pilot"))

    with pytest.raises(UsageError) as refused:
        start().link(replace(registry.wanted("Contoso"), domain=domain))

    assert told(refused) == (
        "Contoso limits the connector to some mailboxes, and the consent page grants all of them",
        CONTOSO,
        f"orgcal consent script {named} --stack prod; or, if it shall reach all mailboxes: orgcal "
        f"tenants add {named} --access all --stack prod",
    )


NANGO = {"kind": "nango", "base_url": "https://nango.example"}


def test_platform_with_its_own_flow_makes_the_link(
    start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Starts:
        def consent_link(self, key: str, tenant_id: str, name: str) -> Any:
            asked.append((key, tenant_id, name))
            return "https://connect.example/?token=t", LATER

    def opened(settings: Any, environ: Any) -> Starts:
        asked.append((settings, environ))
        return Starts()

    monkeypatch.setattr(service_module, "open_platform", opened)
    service = start(OUTPUTS.model_copy(update={"platform": NANGO, "consent_redirect_uri": ""}))

    made = service.link(registry.wanted("Contoso"))

    assert asked == [(NANGO, {"X": "y"}), ("outlook", CONTOSO, "Contoso")]
    url = "https://connect.example/?token=t"
    assert made == ConsentLink(CONTOSO, url, LATER, "", made.message, "platform")
    assert f"\n  {url}\n" in made.message
    last = registry.last("link", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("made", {"by": "nango", "expires_at": "2026-12-05T12:00:00Z"})


def test_platform_with_its_own_flow_that_gives_no_links_out_is_told(
    start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "open_platform", lambda settings, environ: object())

    with pytest.raises(UsageError) as refused:
        start(OUTPUTS.model_copy(update={"platform": NANGO})).link(registry.wanted("Contoso"))

    assert told(refused) == (
        "this platform starts consent itself; a link of ours would leave it without the connection",
        "platform nango",
        "make the link in the platform, then: orgcal consent check",
    )
    assert registry.last("link", CONTOSO) is None


def test_proofs_are_told_how_long_and_by_whom_they_are_tried(start: Start, registry: Registry) -> None:
    plain, given = start(), start(patience_s=1.0, pick_up_s=2.0)

    assert begun(plain).given == (registry, OUTPUTS, {"X": "y"}, plain.prober)
    assert (begun(plain).named["patience_s"], begun(plain).named["pick_up_s"]) == (300.0, 60.0)
    assert (begun(given).named["patience_s"], begun(given).named["pick_up_s"]) == (1.0, 2.0)
    assert given.resume() == 7
    events = heard(given)
    begun(given).named["tell"](news_of(registry, "prod", CONTOSO, ConsentOutcome.NOT_ARRIVED, "not effective: A"))
    assert events == [("not-arrived", "not effective: A")]


def test_service_that_is_closed_ends_its_proofs_and_connections(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    service, closed = start(), list[str]()
    monkeypatch.setattr(service._session, "close", lambda: closed.append("session"))

    service.close()

    assert (begun(service).closed, closed) == (1, ["session"])


def test_probers_ask_for_what_is_declared_with_the_credential_of_now(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(options: Options) -> Any:
        assert (options.environ, options.given_credential) == (
            {"X": "y"},
            ClientSecret("told-by-the-outputs"),
        )
        assert options.connector.client_id == "client"
        return SimpleNamespace(credential=ClientSecret("found"))

    monkeypatch.setattr(service_module, "find_credential", found)
    service = start()

    prober = service.new_prober(lambda: ClientSecret("s"))

    assert (prober.endpoints, prober.client_id) == (service.endpoints, "client")
    assert prober.declared == {"Calendars.Read", "Directory.Read.All"} == service.prober.declared
    assert prober.credential() == ClientSecret("s")
    assert service.prober.credential() == ClientSecret("found")
    assert prober.session is service.prober.session
    assert service.read_logo() == b""


def test_platform_is_told_of_an_organisation_through_the_service(
    start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, asked = FakePlatform(), list[Any]()

    def opened(settings: Any, environ: Any) -> FakePlatform:
        asked.append((settings, environ))
        return platform

    monkeypatch.setattr("orgcal.consent.recording.open_platform", opened)

    start().register(CONTOSO)

    assert asked == [({"kind": "local"}, {"X": "y"})]
    assert platform.registered == [("outlook", CONTOSO)]
    last = registry.last("platform", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("registered", {})
