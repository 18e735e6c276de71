"""The callback under bad input, behind proxies, inside another application, and while its database comes and goes."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from orgcal.consent import ConsentOutcome, ConsentService
from orgcal.consent.connections import BoundedConnection
from orgcal.consent.outcomes import CallbackAnswer
from orgcal.consent.server import HEADERS, config_of, make_app, serve_here, serving
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from orgcal.platforms import PlatformCredential, open_platform, push_credentials
from orgcal.platforms.testing_server import StrictServer
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.administrator import answer, heading
from tests.support.asgi import Answered, call
from tests.support.deployed_connector import CONTOSO, FABRIKAM, deploy
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY
from tests.support.postgresql import PASSWORD, PostgresqlServer, running_postgresql

CALLBACK = "/consent/callback"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    return deploy(endpoints, emulator_environ)


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


@pytest.fixture
def registry(open_registry: Callable[[str], Registry], tmp_path: Path) -> Registry:
    return open_registry(f"sqlite:///{tmp_path}/tenants.sqlite")


@pytest.fixture
def service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    service = ConsentService(registry, outputs, endpoints, emulator_environ, patience_s=20)
    yield service
    service.close()


def state_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def everything(registry: Registry) -> list[dict[str, Any]]:
    return [*(link.as_json() for link in registry.log()), *(tenant.as_json() for tenant in registry.tenants())]


def agreed(service: ConsentService, registry: Registry) -> bytes:
    """The query of an answer that says yes, for a new link of Contoso."""
    state = state_in(service.link(registry.wanted("Contoso")).url)
    return f"admin_consent=True&tenant={CONTOSO}&state={state}".encode()


def title(page: Answered) -> str:
    found = re.search(r"<h1>.*?</span> (.*?)</h1>", page.text)
    return found[1] if found else ""


def test_serve_here_can_be_reached_as_soon_as_it_says_so(service: ConsentService) -> None:
    reached: list[str] = []

    def told(address: str) -> None:
        place = urlsplit(address.split(",")[0])
        assert place.hostname is not None
        with socket.create_connection((place.hostname, place.port or 0), timeout=5):
            reached.append(address)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve_here(service, 0, trusted_proxies=(), on_listening=told)

    assert len(reached) == 1


# --- bad input ---


def made_up(generator: random.Random, known: str) -> bytes:
    """A callback's query: names and values that matter, others, repetitions, encodings that are none."""
    values = [
        "True",
        "true",
        "False",
        CONTOSO,
        FABRIKAM,
        "not-a-guid",
        "access_denied",
        "AADSTS65004: no",
        "",
        "\x00",
        "é",
    ]
    values += [known[:-1], known + "A", known.lower(), known.swapcase(), "x" * 300, "%", "&", "=", "<script>"]
    names = ["state", "admin_consent", "tenant", "error", "error_description", "error_subcode", "scope", "x", ""]
    parts = []
    for _ in range(generator.randrange(8)):
        value = generator.choice(values)
        text = value if generator.random() < 0.2 else quote(value.encode("utf-8"))
        parts.append(f"{generator.choice(names)}={text}".encode("latin-1", "replace"))
    if generator.random() < 0.02:
        parts += [b"y=1"] * 60
    if generator.random() < 0.05:
        parts.append(bytes(generator.randrange(1, 256) for _ in range(20)).replace(b"#", b""))
    generator.shuffle(parts)
    return b"&".join(parts)


def test_ten_thousand_made_up_callbacks_change_nothing_and_log_a_line_each(
    service: ConsentService, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    known = state_in(service.link(registry.wanted("Contoso")).url)
    before = everything(registry)
    app, generator = make_app(service), random.Random(20261125)
    queries = [made_up(generator, known) for _ in range(10_000)]
    caplog.set_level(logging.INFO, "orgcal.consent")

    async def ask_all() -> set[int]:
        return {(await call(app, CALLBACK, query)).status for query in queries}

    assert asyncio.run(ask_all()) == {400}
    assert everything(registry) == before
    lines = Counter(record.getMessage() for record in caplog.records if record.name == "orgcal.consent")
    caplog.clear()
    assert lines == {"callback: not-ours": 10_000}
    # And the link is still good.
    page = asyncio.run(call(app, CALLBACK, f"error=access_denied&state={known}".encode()))
    assert page.status == 303


def test_server_bounds_its_connections(service: ConsentService) -> None:
    assert config_of(service).http is BoundedConnection


def test_no_log_holds_a_state_whatever_a_request_is_and_whatever_breaks(
    service: ConsentService, registry: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    query = agreed(service, registry).decode()
    state = state_in(f"?{query}")

    def broken(said: CallbackAnswer) -> None:
        raise RuntimeError(f"it broke on {said.state}")

    with serving(service, 0), monkeypatch.context() as patched:
        patched.setattr(service, "answered", broken)
        address = urlsplit(service.redirect_uri)
        for line in (
            f"GET {address.path}?{query} HTTP/1.1",
            f"GET {address.path}/?{query} HTTP/1.1",
            f"POST {address.path}?{query} HTTP/1.1",
            f"GET {address.path}?{query} HTTP/9",
            f"GET {address.path}?{query}{'x' * 20_000} HTTP/1.1",
            f"GET {address.path}?{query}&tenant=%E2%80%AE HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade",
        ):
            with socket.create_connection(("127.0.0.1", address.port or 0), timeout=10) as connection:
                connection.sendall(f"{line}\r\nHost: localhost\r\nReferer: https://x/?{query}\r\n\r\n".encode())
                assert connection.recv(4096).startswith(b"HTTP/1.1 ")

    told = [record for record in caplog.records if record.name == "orgcal.consent"]
    assert any("RuntimeError broke it" in record.getMessage() for record in told)
    assert state not in caplog.text


def test_callback_asked_for_by_head_uses_no_link_up(service: ConsentService, registry: Registry) -> None:
    query = agreed(service, registry)

    looked = asyncio.run(call(make_app(service), CALLBACK, query, method="HEAD"))

    assert looked.status == 405
    assert asyncio.run(call(make_app(service), CALLBACK, query)).status == 303


def test_every_answer_has_the_security_headers(
    service: ConsentService, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(service)
    wanted = {name.lower(): value for name, value in HEADERS.items()}
    for path in (CALLBACK, "/consent/result/none", "/consent/style.css", "/", "/consent/nothing"):
        page = asyncio.run(call(app, path))
        assert wanted.items() <= page.headers.items(), path
        assert "Traceback" not in page.text

    def break_down(answer: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(service, "answered", break_down)

    page = asyncio.run(call(app, CALLBACK))

    assert (page.status, title(page)) == (503, "Please try again in a minute")
    assert wanted.items() <= page.headers.items()
    assert "secret" not in page.text


def test_pages_of_a_real_cloud_ask_for_https_for_ever(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    address = "https://consent.example.com/consent/callback"
    public = outputs.model_copy(update={"consent_redirect_uri": address, "redirect_uris": (address,)})
    service = ConsentService(registry, public, endpoints, emulator_environ)

    page = asyncio.run(call(make_app(service), CALLBACK))

    assert page.headers["strict-transport-security"] == "max-age=31536000"
    service.close()


@pytest.mark.parametrize(("client", "believed"), [("10.0.0.7", True), ("10.0.0.8", False)])
def test_forwarded_headers_are_believed_from_listed_proxies_only(
    service: ConsentService, client: str, believed: bool
) -> None:
    async def tell(request: Request) -> PlainTextResponse:
        assert request.client is not None
        return PlainTextResponse(f"{request.url.scheme} {request.client.host}")

    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    said = []
    for trusted in (("10.0.0.7",), ()):
        config = config_of(service, trusted_proxies=trusted)
        config.app = Starlette(routes=[Route("/", tell)])
        config.load()
        said.append(asyncio.run(call(config.loaded_app, "/", headers=forwarded, client=client)).text)

    assert said[0] == ("https 203.0.113.9" if believed else f"http {client}")
    assert said[1] == f"http {client}", "nobody is listed"


# --- in another application ---


def test_callback_mounted_as_the_page_says_serves_beside_the_hosts_own_routes(
    service: ConsentService, registry: Registry, endpoints: CloudEndpoints
) -> None:
    page = (ROOT / "docs" / "consent.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(# app\.py\n.*?)```", page, re.DOTALL)
    assert example, "docs/consent.md shows how"

    async def own(request: Request) -> PlainTextResponse:
        return PlainTextResponse("the host's own page")

    names: dict[str, Any] = {"service": service, "routes": [Route("/", own), Route("/consents", own)]}
    exec(compile(example[1], "docs/consent.md", "exec"), names)
    app = names["app"]
    assert isinstance(app, Starlette)
    assert any(isinstance(route, Mount) for route in app.routes)

    query = agreed(service, registry)
    assert asyncio.run(call(app, "/consents")).text == "the host's own page"
    redirected = asyncio.run(call(app, CALLBACK, query))
    result = asyncio.run(call(app, f"/consent/{redirected.headers['location']}"))
    assert title(result) in ("Working on it", "Agreed, but not visible yet")
    assert asyncio.run(call(app, "/consent/style.css")).headers["content-type"].startswith("text/css")


# --- databases that come and go ---


def test_callback_while_postgresql_is_down_asks_to_try_again_and_marks_nothing(
    server: PostgresqlServer,
    open_registry: Callable[[str], Registry],
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = open_registry(server.new_database(f"down-{secrets.token_hex(6)}"))
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


def test_proof_that_ends_while_postgresql_is_down_is_written_down_when_it_is_back(
    server: PostgresqlServer,
    open_registry: Callable[[str], Registry],
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = open_registry(server.new_database(f"away-{secrets.token_hex(6)}"))
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    probe = service.prober.probe

    def probe_and_lose_the_database(*named: Any, **more: Any) -> Any:
        found = probe(*named, **more)
        server.stop()
        monkeypatch.undo()
        return found

    monkeypatch.setattr(service.prober, "probe", probe_and_lose_the_database)
    with serving(service, 0):
        link = service.link(registry.wanted("Contoso"))
        page = answer(endpoints, link.url, "admin@contoso.example")
        assert heading(page) in ("Please try again in a minute", "Working on it")
        server.start()
        assert service.wait_for(link.handle, 20).outcome is ConsentOutcome.DONE
    assert registry.wanted("Contoso").state is State.VERIFIED
    service.close()


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


def test_error_of_entra_fails_an_invited_organisation_and_spares_a_verified_one(
    service: ConsentService, registry: Registry
) -> None:
    for state, after in ((State.INVITED, State.FAILED), (State.VERIFIED, State.VERIFIED)):
        registry.set_state(CONTOSO, state)
        link = service.link(registry.wanted("Contoso"))
        query = f"error=server_error&error_description=AADSTS50000:+broken&state={state_in(link.url)}".encode()
        asyncio.run(call(make_app(service), CALLBACK, query))
        ended = service.wait_for(link.handle, 10)
        assert (ended.outcome, ended.detail) == (ConsentOutcome.FAILED, "AADSTS50000")
        assert registry.wanted("Contoso").state is after
    assert [entry.result for entry in registry.log(CONTOSO) if entry.action == "consent"] == [
        "failed",
        "failed",
        "failed",
    ]


# --- platforms that start consent themselves ---


def test_link_of_a_platform_with_a_flow_of_its_own_leads_into_that(
    registry: Registry,
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    api, key_file = NangoApi(), tmp_path / "key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    with StrictServer(api).running() as nango:
        platform = {"kind": "nango", "base_url": nango.base_url}
        environ = {**emulator_environ, "NANGO_API_KEY_FILE": str(key_file)}
        credential = PlatformCredential(outputs.client_id, 1, ClientSecret("hush"), display_name="Outlook")
        push_credentials(open_platform(platform, environ), outputs.connector_key, credential)
        # Such a stack needs no callback of ours.
        theirs = outputs.model_copy(update={"platform": platform, "consent_redirect_uri": ""})
        service = ConsentService(registry, theirs, endpoints, environ)
        link = service.link(registry.wanted("Contoso"))
        service.close()

    assert link.made_by == "platform"
    assert link.url.startswith("https://connect.nango.dev/")
    assert link.url in link.message
    assert "2026-11-25 17:30 UTC" in link.message
    entry = list(registry.log(CONTOSO))[-1]
    assert (entry.action, entry.result, entry.detail["by"]) == ("link", "made", "nango")
    assert link.url not in str(entry)


def test_link_without_a_callback_of_ours_says_what_to_set(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    service = ConsentService(
        registry, outputs.model_copy(update={"consent_redirect_uri": ""}), endpoints, emulator_environ
    )
    with pytest.raises(UsageError, match=r"consent\.public_url"):
        service.link(registry.wanted("Contoso"))
    service.close()
