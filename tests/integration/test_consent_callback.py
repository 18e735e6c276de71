"""The callback under bad input, behind proxies, and inside another application."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

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
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.asgi import call
from tests.support.consent_steps import CALLBACK, state_in, title
from tests.support.deployed_connector import CONTOSO, FABRIKAM

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    service = ConsentService(registry, outputs, endpoints, emulator_environ, patience_s=20)
    yield service
    service.close()


def everything(registry: Registry) -> list[dict[str, Any]]:
    return [*(link.as_json() for link in registry.log()), *(tenant.as_json() for tenant in registry.tenants())]


def agreed_query(service: ConsentService, registry: Registry) -> bytes:
    """The query of an answer that says yes, for a new link of Contoso."""
    state = state_in(service.link(registry.wanted("Contoso")).url)
    return f"admin_consent=True&tenant={CONTOSO}&state={state}".encode()


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


def test_made_up_callbacks_by_the_thousand_change_nothing(
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


def test_no_log_holds_a_state_whatever_breaks(
    service: ConsentService, registry: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    query = agreed_query(service, registry).decode()
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
    query = agreed_query(service, registry)

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


def test_callback_mounted_as_the_page_says_serves(
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

    query = agreed_query(service, registry)
    assert asyncio.run(call(app, "/consents")).text == "the host's own page"
    redirected = asyncio.run(call(app, CALLBACK, query))
    result = asyncio.run(call(app, f"/consent/{redirected.headers['location']}"))
    assert title(result) in ("Working on it", "Agreed, but not visible yet")
    assert asyncio.run(call(app, "/consent/style.css")).headers["content-type"].startswith("text/css")


def test_error_of_entra_spares_a_verified_organisation(service: ConsentService, registry: Registry) -> None:
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
